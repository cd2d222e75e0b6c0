"""One request under way, as this side sees it; becomes an `Outcome` when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.client.errors import InterimError, Refused
from interim.loadtest.outcome import Ending, Outcome

if TYPE_CHECKING:
    from interim.client.refinement import Refinement
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
        self._first_ms: float | None = None

    def heard(self, refinement: Refinement, now_s: float) -> Outcome | None:
        """Notes an answer; the outcome, if it is the last."""
        at_ms = self._since(now_s)
        if refinement.exit and refinement.exit not in self._exits[-1:]:
            self._exits.append(refinement.exit)
            self._first_ms = at_ms if self._first_ms is None else self._first_ms
        if not refinement.final:
            return None
        return self._outcome(
            Ending.ANSWERED if refinement.exit else Ending.NO_EXIT,
            at_ms,
            exit_=refinement.exit,
            reason=str(refinement.reason or ""),
            late=refinement.late,
            elapsed_ms=refinement.elapsed_ms,
            budget_in_force_ms=refinement.budget_ms,
        )

    def broken(self, error: InterimError, now_s: float) -> Outcome:
        """The outcome of a request that was refused or met an error."""
        if isinstance(error, Refused):
            cause = error.cause or "unnamed"
            return self._outcome(Ending.REFUSED, self._since(now_s), cause=cause, detail=str(error))
        return self._outcome(Ending.FAILED, self._since(now_s), cause=type(error).__name__, detail=str(error))

    def abandoned(self, now_s: float) -> Outcome:
        """The outcome of a request whose final message never came."""
        detail = f"no final message {self._since(now_s):.0f} ms after the send"
        return self._outcome(Ending.FAILED, self._since(now_s), cause="no final message", detail=detail)

    def _since(self, now_s: float) -> float:
        return 1e3 * (now_s - self._intended_s)

    def _outcome(
        self,
        ending: Ending,
        end_ms: float,
        *,
        cause: str = "",
        detail: str = "",
        exit_: int = 0,
        reason: str = "",
        late: bool = False,
        elapsed_ms: float = 0.0,
        budget_in_force_ms: float = 0.0,
    ) -> Outcome:
        return Outcome(
            index=self._request.index,
            send_s=self._request.send_s,
            lag_ms=self._lag_ms,
            budget_ms=self._request.budget_ms,
            ending=ending,
            end_ms=end_ms,
            cause=cause,
            detail=detail,
            first_ms=self._first_ms,
            exits_seen=tuple(self._exits),
            exit=exit_,
            reason=reason,
            late=late,
            elapsed_ms=elapsed_ms,
            budget_in_force_ms=budget_in_force_ms,
        )
