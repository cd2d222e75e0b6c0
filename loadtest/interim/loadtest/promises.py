"""The server's promises about one request, held against what was measured (docs/design.md, The promise)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.loadtest.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.outcome import Outcome

SERVER_MS = 2.0
CLIENT_MS = 5.0
"""How far past its budget an answer may be at p99: as the server hands it over, as the client holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One promise: what was measured may be at most (or, with `least`, at least) `limit`.

    Nothing measured (None) does not keep a promise.
    """

    promise: str
    measured: float | None
    limit: float
    least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        if self.measured is None:
            return False
        return self.measured >= self.limit if self.least else self.measured <= self.limit

    def as_line(self) -> str:
        """One line for people."""
        measured = "nothing measured" if self.measured is None else f"{self.measured:.4g}"
        bound = "at least" if self.least else "at most"
        return f"{'kept  ' if self.holds else 'BROKEN'}  {self.promise}: {measured} ({bound} {self.limit:g})"


def deadline_checks(outcomes: Sequence[Outcome]) -> tuple[Check, ...]:
    """What is promised of every admitted request; refused ones have no part in it."""
    admitted = [outcome for outcome in outcomes if outcome.admitted]
    return (
        Check(
            promise="handed over after the budget, p99, as the server sees it, ms",
            measured=quantile((-outcome.server_slack_ms for outcome in admitted), 0.99),
            limit=SERVER_MS,
        ),
        Check(
            promise="held after the budget, p99, as the client sees it, ms",
            measured=quantile((-outcome.slack_ms for outcome in admitted), 0.99),
            limit=CLIENT_MS,
        ),
        Check(
            promise="answers that were not the deepest exit streamed",
            measured=sum(not outcome.deepest for outcome in admitted),
            limit=0,
        ),
        Check(
            promise="admitted requests that ended without an exit",
            measured=sum(outcome.ending is Ending.NO_EXIT for outcome in admitted),
            limit=0,
        ),
        failed_check(outcomes),
    )


def failed_check(outcomes: Sequence[Outcome]) -> Check:
    """No request fails."""
    failed = sum(outcome.ending is Ending.FAILED for outcome in outcomes)
    return Check(promise="requests that failed", measured=failed, limit=0)


def without_exit(outcomes: Sequence[Outcome]) -> int:
    """To how many admitted requests no exit had been handed over by their deadline, as the server says."""
    return sum(outcome.admitted and not outcome.exit_in_time for outcome in outcomes)
