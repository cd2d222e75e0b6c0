"""What became of one request, as the server said it and as the client saw it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Ending(enum.StrEnum):
    """How a request ended."""

    ANSWERED = "answered"  # with an exit
    NO_EXIT = "no exit"  # admitted, and ended before exit 1
    REFUSED = "refused"  # at once, for want of time or room
    CANCELLED = "cancelled"  # by us, as the scenario wanted
    FAILED = "failed"  # an error, or no final message at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One request's record. The client's times, in milliseconds, run from the *intended* send.

    Attributes:
        index: Of the request in its run.
        send_s: The intended send, from the run's start.
        lag_ms: How much later the sender began.
        budget_ms: The budget asked for.
        ending: How it ended.
        end_ms: When the client knew.
        cause: Why it was refused or failed, in a word.
        detail: And in a sentence.
        retry_ms: Where it was refused, after how long the server said to try again; 0: it will not help.
        first_ms: When the first refinement was there; None: none came.
        exits_seen: Those that were streamed, in order.
        exits_ms: When each of them was handed over, by the server's clock, from the arrival there.
        exit: The final message's exit; 0: none.
        reason: Why it is final.
        late: Whether the server says that it was late.
        elapsed_ms: The server's time from arrival to the final message.
        budget_in_force_ms: The one that bound in the end.
        budget_policy: Whose it was.
        request_class: The request's class.
        picture: Which picture was sent.
        revised_ms: The total budget a revision asked for; None: none was sent.
        granted: Whether that revision was accepted; None: the server did not say.
        slow: Whether its reader was slow on purpose.
        quality: What the answer is worth at its deadline; None: not scored.
    """

    index: int
    send_s: float
    lag_ms: float
    budget_ms: float
    ending: Ending
    end_ms: float
    cause: str = ""
    detail: str = ""
    retry_ms: float | None = None
    first_ms: float | None = None
    exits_seen: tuple[int, ...] = ()
    exits_ms: tuple[float, ...] = ()
    exit: int = 0
    reason: str = ""
    late: bool = False
    elapsed_ms: float = 0.0
    budget_in_force_ms: float = 0.0
    budget_policy: str = ""
    request_class: str = ""
    picture: int = 0
    revised_ms: float | None = None
    granted: bool | None = None
    slow: bool = False
    quality: float | None = None

    @property
    def admitted(self) -> bool:
        """Whether the server took it on and it was left to end by itself."""
        return self.ending in {Ending.ANSWERED, Ending.NO_EXIT}

    @property
    def due_ms(self) -> float:
        """How long it might take, as the client knows: its budget, or the revision that was granted."""
        return self.revised_ms if self.granted and self.revised_ms is not None else self.budget_ms

    @property
    def slack_ms(self) -> float:
        """Time left when the client held the answer; negative: too late."""
        return self.due_ms - self.end_ms

    @property
    def server_slack_ms(self) -> float:
        """Time left when the server handed the answer over; negative: too late."""
        return self.budget_in_force_ms - self.elapsed_ms

    @property
    def in_time(self) -> bool:
        """Whether it was answered with an exit that the server does not call late."""
        return self.ending is Ending.ANSWERED and not self.late

    @property
    def exit_in_time(self) -> int:
        """The deepest exit that was handed over by the deadline in force, as the server says; 0: none."""
        if self.in_time:
            return self.exit
        pairs = zip(self.exits_seen, self.exits_ms, strict=False)
        return max((exit_ for exit_, ms in pairs if ms <= self.budget_in_force_ms), default=0)

    @property
    def deepest(self) -> bool:
        """Whether the answer is the deepest exit that was streamed, and they came in order."""
        rising = all(a < b for a, b in zip(self.exits_seen, self.exits_seen[1:], strict=False))
        return rising and self.exit == max(self.exits_seen, default=0)
