"""One plot on a page, with its title, what to read in it, and its legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.loadtest.page.recovery import steps_of
from interim.loadtest.page.svg import Plot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from interim.loadtest.page.curves import Bins
    from interim.loadtest.run_file import Run

WIDE = 1270.0
"""The width of a plot that takes the page's whole width, in its own units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One plot on the page.

    Attributes:
        title: Of the plot.
        says: One sentence: what is drawn.
        svg: The drawing.
        legend: Words by colour class.
        wide: Whether it takes the page's whole width.
    """

    title: str
    says: str
    svg: str
    legend: Mapping[str, str]
    wide: bool = False


def frame(
    bins: Bins, y: tuple[float, float], label: str, *, width: float = 620.0, right: float = 14.0
) -> Plot:
    """An empty plot over the time of a run."""
    return Plot((0.0, bins.edges[-1]), y, ("seconds", label), width=width, right=right)


def mark_steps(plot: Plot, run: Run) -> None:
    """Where the load stepped, if it did, and to how many requests a second."""
    for at_s, rate_hz in steps_of(run.facts)[1:]:
        plot.upright(at_s, f"{rate_hz:.3g}/s")
