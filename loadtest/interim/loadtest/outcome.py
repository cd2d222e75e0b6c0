"""What became of one request, as the server said it and as the client saw it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Ending(enum.StrEnum):
    """How a request ended."""

    ANSWERED = "answered"  # with an exit
    NO_EXIT = "no exit"  # admitted, and ended before exit 1
    REFUSED = "refused"  # at once, for want of time or room
    FAILED = "failed"  # an error, or no final message at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One request's record. The client's times, in milliseconds, run from the *intended* send.

    `lag_ms`: how much later the sender began. `cause`: why it was refused or failed, in a word;
    `detail`: in a sentence. `elapsed_ms`, `late`, `reason`, `exit` are the server's, of the final
    message; `exits_seen` are those that were streamed, in order. `budget_ms` is the one asked for, `budget_in_force_ms` the one that bound.
    """

    index: int
    send_s: float
    lag_ms: float
    budget_ms: float
    ending: Ending
    end_ms: float
    cause: str = ""
    detail: str = ""
    first_ms: float | None = None
    exits_seen: tuple[int, ...] = ()
    exit: int = 0
    reason: str = ""
    late: bool = False
    elapsed_ms: float = 0.0
    budget_in_force_ms: float = 0.0

    @property
    def admitted(self) -> bool:
        """Whether the server took it on."""
        return self.ending in {Ending.ANSWERED, Ending.NO_EXIT}

    @property
    def slack_ms(self) -> float:
        """Time left when the client held the answer; negative: too late."""
        return self.budget_ms - self.end_ms

    @property
    def server_slack_ms(self) -> float:
        """Time left when the server handed the answer over; negative: too late."""
        return self.budget_in_force_ms - self.elapsed_ms

    @property
    def deepest(self) -> bool:
        """Whether the answer is the deepest exit that was streamed, and they came in order."""
        rising = all(a < b for a, b in zip(self.exits_seen, self.exits_seen[1:], strict=False))
        return rising and self.exit == max(self.exits_seen, default=0)
