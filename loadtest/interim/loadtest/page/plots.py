"""The plots of one run, each with its title and what to read in it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.loadtest.page import curves
from interim.loadtest.page.over_time import budgets, in_flight, quality, refusals, sender_lag, times
from interim.loadtest.page.picture import WIDE, Picture, frame, mark_steps
from interim.loadtest.page.svg import Plot

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from interim.loadtest.outcome import Outcome
    from interim.loadtest.page.curves import Bins
    from interim.loadtest.run_file import Run


def colour_of(name: str) -> str:
    """The CSS class of what became of a request."""
    known = {curves.NO_EXIT: "late", curves.REFUSED: "refused", curves.OTHER: "other"}
    return known.get(name) or name.replace(" ", "")


def pictures(run: Run) -> tuple[Picture, ...]:
    """All plots that this run has something to show in."""
    if not run.outcomes:
        return ()
    bins = curves.time_bins(run.outcomes)
    drawn = [
        became(run, bins),
        against_load(run),
        slack(run),
        quality(run, bins),
        budgets(run, bins),
        in_flight(run, bins),
        times(run, bins),
        refusals(run, bins),
        sender_lag(run, bins),
    ]
    shown = [picture for picture in drawn if picture is not None]
    if len(shown) % 2 == 0:  # the first is wide: the others pair up, or the last one is wide too
        shown[-1] = sender_lag(run, bins, wide=True)
    return tuple(shown)


def most_hz(run: Run) -> float:
    """The most requests a second in any bin of the first plot."""
    bins = curves.time_bins(run.outcomes)
    return max(curves.histogram((one.send_s for one in run.outcomes), bins)) / bins.width


def became(run: Run, bins: Bins, *, high: float | None = None, wide: bool = True) -> Picture:
    """Load offered, and what became of it, over time; `high`: the y axis' end, to compare runs."""
    columns = curves.fates_over_time(run.outcomes, run.exits, bins)
    width = WIDE if wide else 620.0
    plot = frame(bins, (0.0, 1.05 * (high or most_hz(run))), "requests per second", width=width)
    for place, edges in enumerate(pairwise(bins.edges)):
        level = 0.0
        for name, column in columns.items():
            tip = f"{edges[0]:g} to {edges[1]:g} s: {name}, {column[place]:.3g} requests/s"
            plot.bar(edges, (level, level + column[place]), colour_of(name), tip)
            level += column[place]
    mark_steps(plot, run)
    return Picture(
        title="Load offered, and what became of it",
        says="Each column is the requests sent in that time; its colours are how deep their answers were in time.",
        svg=plot.as_svg("What became of requests over time"),
        legend={colour_of(name): name for name in columns},
        wide=wide,
    )


def against_load(run: Run) -> Picture:
    """How deep answers are at each load."""
    window_s = _window_s(run.outcomes)
    groups = curves.fates_over_load(run.outcomes, run.exits, window_s=window_s)
    top = max(group.rate_hz for group in groups)
    label = "requests per second when they were sent"
    plot = Plot((0.0, float(len(groups))), (0.0, 100.0), (label, "% of requests"), words_only=True)
    for place, group in enumerate(groups):
        level = 0.0
        for name, share in group.shares.items():
            tip = f"{group.rate_hz:.3g} requests/s: {name}, {100 * share:.1f} % of {group.requests}"
            plot.bar((place + 0.06, place + 0.94), (level, level + 100 * share), colour_of(name), tip)
            level += 100 * share
        plot.under(place + 0.5, f"{group.rate_hz:.0f}" if top >= 10 else f"{group.rate_hz:.1f}")
    seen = [name for name in curves.fates(run.exits) if any(group.shares[name] for group in groups)]
    return Picture(
        title="Exit reached against load",
        says=f"Requests in ten equal groups, by how many were sent in the {window_s:.2g} s before each.",
        svg=plot.as_svg("Exit reached against load"),
        legend={colour_of(name): name for name in seen},
    )


def slack(run: Run) -> Picture | None:
    """Time left at the end, as both sides saw it."""
    answered = [one for one in run.outcomes if one.ending is Ending.ANSWERED and not one.slow]
    if not answered:
        return None
    server, client = ([getattr(one, name) for one in answered] for name in ("server_slack_ms", "slack_ms"))
    bins = curves.slack_bins([*server, *client])
    counts, seen = curves.histogram(server, bins), curves.histogram(client, bins)
    high = 1.1 * max(*counts, *seen)
    plot = Plot((bins.edges[0], bins.edges[-1]), (0.0, high), ("time left at the end, ms", "requests"))
    for edges, count in zip(pairwise(bins.edges), counts, strict=True):
        colour = "late" if edges[1] <= 0 else "server"
        plot.bar(edges, (0.0, count), colour, f"{edges[0]:g} to {edges[1]:g} ms: {count:.0f} requests")
    plot.steps(bins.edges, seen, "client")
    plot.upright(0.0, "deadline")
    return Picture(
        title="Slack at the end",
        says="Left of the line is late. The outermost columns hold everything beyond them.",
        svg=plot.as_svg("Distribution of slack"),
        legend={"server": "as the server handed it over", "late": "late", "client": "as the client held it"},
    )


def _window_s(outcomes: Iterable[Outcome]) -> float:
    """The time over which a load is felt: the median budget, at least a fifth of a second."""
    budgets_ms: Sequence[float] = sorted(outcome.budget_ms for outcome in outcomes)
    return max(budgets_ms[len(budgets_ms) // 2] / 1e3, 0.2)
