"""The upper concave hull of (cost, utility) over the stages still to come: the units worth planning in.

Where a later exit gains more per second than an earlier one, running the earlier alone is never best: the two
are one bundle. On the hull the densities only fall, which is what makes greedy planning by density optimal for
divisible work (a polymatroid: J. Edmonds, "Submodular functions, matroids, and certain polyhedra", 1970).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_FREE_S = 1e-12  # a stage that costs nothing has a finite density all the same


class Segment(NamedTuple):
    """Consecutive stages that are worth running together: up to exit `exit`, from where the one before ended."""

    density: float
    exit: int
    cost_s: float
    gain: float


def segment(exit_: int, cost_s: float, gain: float) -> Segment:
    """A segment with its density, gain per second."""
    return Segment(gain / max(cost_s, _FREE_S), exit_, cost_s, gain)


def hull(exit_: int, costs_s: Sequence[float], gains: Sequence[float]) -> list[Segment]:
    """Segments of falling density, from exit `exit_` on; what gains nothing is left out.

    Args:
        exit_: The exit reached.
        costs_s: Seconds of each further stage.
        gains: What each of them adds; may be negative.
    """
    found: list[Segment] = []
    for cost_s, gain in zip(costs_s, gains, strict=True):
        exit_ += 1
        last = segment(exit_, cost_s, gain)
        while found and last.density > found[-1].density:
            before = found.pop()
            last = segment(exit_, before.cost_s + last.cost_s, before.gain + last.gain)
        found.append(last)
    while found and found[-1].gain <= 0.0:
        found.pop()
    return found


def prefixes(exit_: int, costs_s: Sequence[float], gains: Sequence[float]) -> list[Segment]:
    """For each further exit, all stages up to it as one segment."""
    found: list[Segment] = []
    spent_s = gained = 0.0
    for cost_s, gain in zip(costs_s, gains, strict=True):
        exit_ += 1
        spent_s += cost_s
        gained += gain
        found.append(segment(exit_, spent_s, gained))
    return found
