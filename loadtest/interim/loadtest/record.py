"""One request under way, as this side sees it; becomes an `Outcome` when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from interim.client.errors import InterimError, Refused
from interim.loadtest.outcome import Ending, Outcome

if TYPE_CHECKING:
    from interim.client.refinement import Refinement
    from interim.client.transcript import Revision
    from interim.loadtest.plan import Planned


class Record:
    """What is known of one request so far. All times, in seconds, are of one clock.

    Args:
        request: what was planned.
        intended_s: when it was to be sent; every time of the outcome runs from here.
        begun_s: when the sender began to send it.
    """

    def __init__(self, request: Planned, *, intended_s: float, begun_s: float) -> None:
        self._request = request
        self._intended_s = intended_s
        self._lag_ms = 1e3 * (begun_s - intended_s)
        self._exits: list[int] = []
        self._exits_ms: list[float] = []
        self._first_ms: float | None = None
        self._moved = False
        self._cancelled = False

    @property
    def cancelled(self) -> bool:
        """Whether this side wants nothing more of it."""
        return self._cancelled

    def moved(self) -> None:
        """The planned revision went out."""
        self._moved = True

    def cancel(self) -> None:
        """The planned cancel went out: what follows is no failure."""
        self._cancelled = True

    def heard(self, refinement: Refinement, now_s: float) -> Outcome | None:
        """Notes an answer; the outcome, if it is the last."""
        at_ms = self._since(now_s)
        if refinement.exit and refinement.exit not in self._exits[-1:]:
            self._exits.append(refinement.exit)
            self._exits_ms.append(refinement.elapsed_ms)
            self._first_ms = at_ms if self._first_ms is None else self._first_ms
        if not refinement.final:
            return None
        return self._outcome(
            Ending.ANSWERED if refinement.exit else Ending.NO_EXIT,
            at_ms,
            exit=refinement.exit,
            reason=str(refinement.reason or ""),
            late=refinement.late,
            elapsed_ms=refinement.elapsed_ms,
            budget_in_force_ms=refinement.budget_ms,
            budget_policy=refinement.budget_policy,
        )

    def broken(self, error: InterimError, now_s: float) -> Outcome:
        """The outcome of a request that was refused or met an error."""
        known: dict[str, Any] = {"detail": str(error)}
        if isinstance(error, Refused):
            known |= {"cause": error.cause or "unnamed", "retry_ms": error.retry_after_ms}
            return self._outcome(Ending.REFUSED, self._since(now_s), **known)
        return self._outcome(Ending.FAILED, self._since(now_s), cause=type(error).__name__, **known)

    def abandoned(self, now_s: float) -> Outcome:
        """The outcome of a request whose final message never came."""
        detail = f"no final message {self._since(now_s):.0f} ms after the send"
        return self._outcome(Ending.FAILED, self._since(now_s), cause="no final message", detail=detail)

    def given_up(self, now_s: float) -> Outcome:
        """The outcome of a request that this side cancelled."""
        return self._outcome(Ending.CANCELLED, self._since(now_s))

    def with_revision(self, outcome: Outcome, revision: Revision | None) -> Outcome:
        """The outcome with what became of the planned revision, where one went out."""
        move = self._request.move
        if move is None or not self._moved:
            return outcome
        granted = None if revision is None else revision.accepted
        return replace(outcome, revised_ms=move.total_ms, granted=granted)

    def _since(self, now_s: float) -> float:
        return 1e3 * (now_s - self._intended_s)

    def _outcome(self, ending: Ending, end_ms: float, **known: Any) -> Outcome:
        request = self._request
        return Outcome(
            index=request.index,
            send_s=request.send_s,
            lag_ms=self._lag_ms,
            budget_ms=request.budget_ms,
            ending=ending,
            end_ms=end_ms,
            first_ms=self._first_ms,
            exits_seen=tuple(self._exits),
            exits_ms=tuple(self._exits_ms),
            request_class=request.request_class,
            picture=request.dealt,
            slow=request.pause_ms > 0,
            **known,
        )
