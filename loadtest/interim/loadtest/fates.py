"""What became of simulated requests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How one request ended.

    Attributes:
        id: The request's.
        admitted: Whether it came in.
        exit: The deepest exit delivered by the deadline in force; 0: none.
        utility: What that is worth.
        promise_kept: Whether exit 1 came by the instant the scheduler last agreed to.
        ended_s: When it ended.
        first_s: When its first exit was complete; None: there was none in time.
        granted: Whether its revision was granted; None: none came before its end.
    """

    id: int
    admitted: bool
    exit: int
    utility: float
    promise_kept: bool
    ended_s: float
    first_s: float | None = None
    granted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A simulated run: every request's fate, in the order they ended, and what decisions between steps took."""

    fates: tuple[Fate, ...]
    decisions: int
    decision_s: float

    @property
    def utility(self) -> float:
        """The mean over all requests; those refused or late count 0."""
        return sum(fate.utility for fate in self.fates) / len(self.fates)

    @property
    def admitted_share(self) -> float:
        """Of all requests."""
        return sum(fate.admitted for fate in self.fates) / len(self.fates)

    @property
    def attainment(self) -> float:
        """The share of the admitted that had exit 1 as promised; 1 where none was admitted."""
        admitted = [fate.promise_kept for fate in self.fates if fate.admitted]
        return sum(admitted) / len(admitted) if admitted else 1.0
