"""The public truth about one request: events and `now` in, actions out; ended once, never twice.

docs/design.md, "The promise", as a table of four phases:

=========  ==========================================================================================
ASKED      no verdict of the engine yet; ends in a refusal (or as superseded, or silently)
WAITING    admitted, stage 1 not begun: a newer frame takes its place
BEGUN      stage 1 begun: it finishes exit 1, from then on the newest exit is the answer
AGAIN      its engine died before exit 1: asked once more, no second verdict yet
ENDED      one final, one refusal, or silence after a cancel; every event is void
=========  ==========================================================================================

Events that race are void where they come too late. What no order of events can bring about (work before a
verdict, a refusal after one) is an `EventError`.
"""

from __future__ import annotations

import enum
from math import inf

from interim.scheduling.errors import EventError
from interim.server.front.actions import Action, Reason, Refuse, Release, Resubmit, Send, SetTimer

__all__ = ["Action", "Reason", "Refuse", "Release", "Resubmit", "Send", "SetTimer", "Truth"]

LONGEST_GRACE_S = 2.0
"""Past its deadline a request without any exit waits at most one more budget, and at most this."""

Actions = tuple[Action, ...]


class Phase(enum.Enum):
    """Where a request stands (see the module's table)."""

    ASKED = "asked"
    WAITING = "waiting"
    BEGUN = "begun"
    AGAIN = "asked again"
    ENDED = "ended"


class Truth:
    """One request. Every event takes `now_s` and returns what to do, in order.

    Call `worker.drain()` before `timer` and `stop`: what is complete by then is the answer.

    Args:
        id: The request's id.
        arrival_s: When it was complete in memory.
        deadline_s: The deadline in force, absolute.
        margin_s: The timer fires this long before the deadline: what encoding and sending take.
        binding: The policy whose budget binds ("request", "grpc", "default" …).
        budget_s: The budget in force, from arrival.
        min_exit: Exits below this one (from 1) are not streamed.
        max_exit: The request ends with this exit.
        streaming: Whether refinements are sent; if not, only the final is.
        receive_by_s: No answer can be received after this instant (a gRPC deadline less its guard). Left
            out, it is the deadline itself where `binding` is "grpc", and never otherwise.
    """

    def __init__(
        self,
        *,
        id: int,  # noqa: A002 (the name used everywhere)
        arrival_s: float,
        deadline_s: float,
        margin_s: float,
        binding: str,
        budget_s: float,
        min_exit: int,
        max_exit: int,
        streaming: bool = True,
        receive_by_s: float | None = None,
    ) -> None:
        self.id = id
        self.arrival_s = arrival_s
        self.deadline_s = deadline_s
        self.margin_s = margin_s
        self.binding = binding
        self.budget_s = budget_s
        self.min_exit = min_exit
        self.max_exit = max_exit
        self.exit = 0
        """The newest complete exit; 0: none."""
        self.sent = 0
        """The newest exit handed over; 0: none."""
        self.phase = Phase.ASKED
        self.reason: Reason | None = None
        """Why it ended; None while it is open, refused or cancelled."""
        self._streaming = streaming
        self._receive_by_s = receive_by_s if receive_by_s is not None else _last_s(binding, deadline_s)
        # The client's deadline, before any policy cut it: exit 1 is promised by it.
        self._asked_s = deadline_s
        self._patience_s = self._grace_s()
        self._overdue = False
        self._cut = False  # waiting for exit 1 past a deadline that a policy set
        self._stopping = False
        self._superseded = False
        self._deaths = 0

    @property
    def ended(self) -> bool:
        """Whether the request is over."""
        return self.phase is Phase.ENDED

    @property
    def timer_s(self) -> float:
        """When the timer fires: deadline - margin; past that without an exit, when patience ends."""
        return self._patience_s if self._overdue else self.deadline_s - self.margin_s

    @property
    def promise_s(self) -> float:
        """When the timer would fire if no policy had cut the deadline: what exit 1 is promised by."""
        return self._asked_s - self.margin_s

    def late(self, now_s: float) -> bool:
        """Whether what is handed over now is late."""
        return now_s > self.deadline_s

    # --- the engine's verdict -----------------------------------------------------------------------

    def admitted(self, now_s: float) -> Actions:  # noqa: ARG002 (every event bears its time)
        """It came in (once more, after `Resubmit`)."""
        if self.phase is Phase.ASKED:
            self.phase = Phase.WAITING
            return (SetTimer(at_s=self.timer_s),)
        if self.phase is Phase.AGAIN:
            self.phase = Phase.WAITING
        return ()

    def refused(self, now_s: float, cause: str, detail: str, retry_after_s: float) -> Actions:  # noqa: ARG002
        """It did not come in."""
        if self.ended:
            return ()
        if self.phase is Phase.AGAIN:  # it was admitted once: its stream is owed a final
            return self._end(Reason.WORKER_LOST, detail)
        self._know("refused", Phase.ASKED)
        return self._refuse(cause, detail, retry_after_s)

    # --- the engine's work --------------------------------------------------------------------------

    def begun(self, now_s: float) -> Actions:  # noqa: ARG002
        """Stage 1 has begun: a newer frame no longer takes its place before exit 1."""
        if not self.ended:
            self._know("begun", Phase.WAITING, Phase.BEGUN)
            self.phase = Phase.BEGUN
        return ()

    def published(self, now_s: float, exit: int, active_share: float, last: bool) -> Actions:  # noqa: A002, ARG002 (the word of the whole project)
        """Exit `exit` is complete. `last`: nothing more will come of it."""
        if self.ended:
            return ()
        self._know("published", Phase.WAITING, Phase.BEGUN)
        if exit <= self.exit:
            return ()
        self.phase = Phase.BEGUN
        self.exit = exit
        reason = self._reason_to_end(last=last)
        if reason is not None:
            return self._end(reason)
        if not self._streaming or exit < self.min_exit or now_s >= self.timer_s:
            return ()  # past the timer the final, due now, bears this mask
        self.sent = exit
        return (Send(exit=exit),)

    def failed(self, now_s: float, detail: str) -> Actions:  # noqa: ARG002
        """The model raised on this request alone."""
        if self.ended:
            return ()
        self._know("failed", Phase.WAITING, Phase.BEGUN)
        return self._end(Reason.FAILED, detail)

    def worker_lost(self, now_s: float) -> Actions:
        """Its engine died or hangs; everything it had published came before this."""
        if self.ended:
            return ()
        if self.phase is Phase.ASKED:
            return self._refuse("worker", "The worker was lost before it could take the request.", 0.0)
        if self.phase is not Phase.AGAIN:
            self._deaths += 1
        if self.exit or self._deaths > 1 or now_s >= self.timer_s:
            return self._end(Reason.WORKER_LOST)
        self.phase = Phase.AGAIN
        return (Resubmit(),)

    # --- time ---------------------------------------------------------------------------------------

    def timer(self, now_s: float) -> Actions:
        """The timer fired. One that fires early, or was replaced, is void."""
        if self.ended:
            return ()
        if now_s < self.timer_s:
            return (SetTimer(at_s=self.timer_s),)
        cut = self.deadline_s < self._asked_s
        if self.phase is Phase.ASKED and not cut:
            return self._refuse("deadline", "The time was up before the worker gave a verdict.", 0.0)
        if self.exit or now_s >= self._patience_s:
            return self._end(self._time_up())
        self._overdue = True
        if cut:  # a policy never cuts below exit 1, which has the client's own time
            self._cut, self.deadline_s = True, self._asked_s
            self.budget_s = self.deadline_s - self.arrival_s
        return (SetTimer(at_s=self.timer_s),)

    def revised(self, now_s: float, deadline_s: float, *, accepted: bool = True) -> Actions:  # noqa: ARG002
        """The client moved the deadline. Not accepted (a refused extension): the old one stands."""
        if self.ended or not accepted:
            return ()
        self._asked_s = min(deadline_s, self._receive_by_s)
        return self._move(deadline_s, "request")

    def budget_moved(self, now_s: float, deadline_s: float, policy: str) -> Actions:  # noqa: ARG002
        """A budget policy moved the deadline, earlier or (as far as the engine agreed) later.

        Where it is up before exit 1, the client's own deadline is in force again until exit 1 comes.
        """
        return () if self.ended else self._move(deadline_s, policy)

    # --- the client and the server ------------------------------------------------------------------

    def stop(self, now_s: float) -> Actions:  # noqa: ARG002
        """The client wants the newest exit at once; without one, exit 1 as soon as it is there."""
        if self.ended:
            return ()
        self._stopping = True
        return self._end(Reason.CLIENT_STOP) if self.exit else ()

    def superseded(self, now_s: float) -> Actions:  # noqa: ARG002
        """A newer frame of its stream came. Where exit 1 has begun, it is finished and sent first."""
        if self.ended:
            return ()
        self._superseded = True
        return () if self.phase is Phase.BEGUN and not self.exit else self._end(Reason.SUPERSEDED)

    def shutdown(self, now_s: float) -> Actions:  # noqa: ARG002
        """The server stops, now."""
        if self.ended:
            return ()
        if self.phase is Phase.ASKED:
            return self._refuse("shutdown", "The server is stopping.", 0.0)
        return self._end(Reason.SHUTDOWN)

    def cancel(self, now_s: float) -> Actions:  # noqa: ARG002
        """Nothing more is wanted, not even a final."""
        if self.ended:
            return ()
        self.phase = Phase.ENDED
        return (Release(),)

    def client_gone(self, now_s: float) -> Actions:
        """Nobody is there to answer."""
        return self.cancel(now_s)

    # --- inside -------------------------------------------------------------------------------------

    def _know(self, event: str, *phases: Phase) -> None:
        if self.phase not in phases:
            raise EventError(id=self.id, state=self.phase.value, event=event)

    def _reason_to_end(self, *, last: bool) -> Reason | None:
        """Why the exit just completed is the final one, if it is."""
        if self.exit >= self.max_exit:
            return Reason.FINAL_EXIT
        if last:
            return Reason.CONFIDENT
        if self._stopping:
            return Reason.CLIENT_STOP
        if self._superseded:
            return Reason.SUPERSEDED
        return self._time_up() if self._overdue else None

    def _time_up(self) -> Reason:
        return Reason.BUDGET_CUT if self._cut or self.deadline_s < self._asked_s else Reason.DEADLINE

    def _end(self, reason: Reason, detail: str = "") -> Actions:
        self.phase = Phase.ENDED
        self.reason = reason
        with_mask = self.exit > self.sent
        self.sent = self.exit
        send = Send(exit=self.exit, final=True, reason=reason, with_mask=with_mask, detail=detail)
        return (send, Release())

    def _refuse(self, cause: str, detail: str, retry_after_s: float) -> Actions:
        self.phase = Phase.ENDED
        return (Refuse(cause=cause, detail=detail, retry_after_s=retry_after_s), Release())

    def _move(self, deadline_s: float, policy: str) -> Actions:
        """Put another deadline in force. What was waited for without an exit stays waited for."""
        self.deadline_s = min(deadline_s, self._receive_by_s)
        self.budget_s = self.deadline_s - self.arrival_s
        self.binding = policy if deadline_s <= self._receive_by_s else "grpc"
        self._patience_s = max(self._patience_s, self._grace_s())
        self._overdue = self._cut = False
        return (SetTimer(at_s=self.timer_s),)

    def _grace_s(self) -> float:
        """Until when exit 1 is waited for under the deadline in force, were there none by then."""
        grace_s = self.deadline_s + min(self.budget_s, LONGEST_GRACE_S)
        return min(grace_s, self._receive_by_s - self.margin_s)


def _last_s(binding: str, deadline_s: float) -> float:
    return deadline_s if binding == "grpc" else inf
