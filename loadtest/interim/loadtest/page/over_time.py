"""The plots whose x axis is the time of the run."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.loadtest.page import curves
from interim.loadtest.page.picture import WIDE, Picture, frame, mark_steps
from interim.loadtest.page.recovery import recovery, steps_of
from interim.loadtest.summary import LAG_LIMIT_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.page.curves import Bins
    from interim.loadtest.run_file import Run


def quality(run: Run, bins: Bins) -> Picture | None:
    """What answers were worth at their deadlines, over time."""
    if not run.quality_from:
        return None
    known = [one["quality"] for one in run.facts.get("model", {}).get("exits", ())]
    levels = [each for each in known if each is not None]
    means = curves.over_time(run.outcomes, bins, lambda one: one.quality, curves.mean)
    answered = curves.over_time(
        run.outcomes, bins, lambda one: one.quality if one.in_time else None, curves.mean
    )
    high = max([each for each in (*means, *answered) if each is not None] + levels, default=1.0)
    plot = frame(bins, (0.0, 1.05 * high), "quality at the deadline", right=64.0)
    for level, words in _apart(levels, least=0.07 * high):
        plot.level(level, words)
    plot.line(_centres(bins), answered, "client")
    plot.line(_centres(bins), means, "server")
    mark_steps(plot, run)
    scores = "labels" if run.quality_from == "labels" else "the exits' validated quality"
    return Picture(
        title="Quality at the deadline",
        says=f"Scored by {scores}; refused and missed requests count 0 in the first line.",
        svg=plot.as_svg("Quality at the deadline over time"),
        legend={"server": "mean over all requests", "client": "over those answered in time"},
    )


def _apart(levels: Sequence[float], *, least: float) -> list[tuple[float, str]]:
    """Where each exit lies and what to write there; close ones share a line, or nobody could read them."""
    groups: list[tuple[float, list[int]]] = []
    for index, level in sorted(enumerate(levels, start=1), key=lambda pair: pair[1]):
        if groups and level - groups[-1][0] < least:
            groups[-1][1].append(index)
        else:
            groups.append((level, [index]))
    return [(level, f"exit {', '.join(map(str, sorted(exits)))}") for level, exits in groups]


def budgets(run: Run, bins: Bins) -> Picture | None:
    """Budgets asked for and in force, over time, with how long they took to be back after a load step."""
    admitted = [one for one in run.outcomes if one.admitted and one.budget_in_force_ms]
    if not admitted:
        return None
    asked = [
        curves.over_time(admitted, bins, lambda one: one.due_ms, curves.at(share)) for share in (0.1, 0.9)
    ]
    force = [
        curves.over_time(admitted, bins, lambda one: one.budget_in_force_ms, curves.at(share))
        for share in (0.1, 0.5, 0.9)
    ]
    high = max(each for column in (asked[1], force[2]) for each in column if each is not None)
    plot = frame(bins, (0.0, 1.08 * high), "ms")
    back = recovery(run.outcomes, steps_of(run.facts))
    if back is not None:
        plot.bar((back.at_s, back.at_s + back.allowed_s), (0.0, 1.08 * high), "window")
    plot.band(_centres(bins), asked[0], asked[1], "asked")
    for column in force:
        plot.line(_centres(bins), column, "server", dashed=column is not force[1])
    mark_steps(plot, run)
    says = "Of admitted requests: what they asked for (10 to 90 %), and what was in force at the end."
    legend = {"server": "in force: median, 10 and 90 % dashed", "asked": "asked for"}
    if back is not None:
        says += f" The shade ends {back.allowed_s:.2g} s after the step: twice the longest deadline."
        legend |= {"window": "time allowed to be back"}
        if back.budgets_s:
            plot.upright(back.at_s + back.budgets_s, f"back after {back.budgets_s:.2f} s", "back", row=1)
            legend |= {"back": "the last budget cut short"}
        else:
            says += " After the step none was cut."
    return Picture(title="Budget in force", says=says, svg=plot.as_svg("Budgets over time"), legend=legend)


def in_flight(run: Run, bins: Bins) -> Picture:
    """How many requests were at the server, and how many of them still had no mask."""
    admitted = [one for one in run.outcomes if one.ending is not Ending.REFUSED]
    ends = [(one.send_s, one.send_s + one.end_ms / 1e3) for one in admitted]
    waits = [
        (one.send_s, one.send_s + (one.end_ms if one.first_ms is None else one.first_ms) / 1e3)
        for one in admitted
    ]
    both, queue = curves.most_at_once(ends, bins), curves.most_at_once(waits, bins)
    plot = frame(bins, (0.0, 1.08 * max(both)), "requests")
    for edges, count, waiting in zip(pairwise(bins.edges), both, queue, strict=True):
        tip = f"{edges[0]:g} s: at most {count:.0f} in flight, {waiting:.0f} without a mask"
        plot.bar(edges, (0.0, count), "asked", tip)
        plot.bar(edges, (0.0, waiting), "server", tip)
    mark_steps(plot, run)
    return Picture(
        title="In flight, and queue",
        says="At the worst instant of each stretch: requests at the server, and those still without a mask.",
        svg=plot.as_svg("Requests in flight over time"),
        legend={"asked": "in flight", "server": "waiting for exit 1"},
    )


def times(run: Run, bins: Bins) -> Picture | None:
    """How long the first mask and the answer took."""
    answered = [one for one in run.outcomes if one.ending is Ending.ANSWERED and not one.slow]
    if not answered:
        return None
    firsts = [
        curves.over_time(answered, bins, lambda one: one.first_ms, curves.at(share)) for share in (0.5, 0.99)
    ]
    ends = [
        curves.over_time(answered, bins, lambda one: one.end_ms, curves.at(share)) for share in (0.5, 0.99)
    ]
    high = max(each for column in (*firsts, *ends) for each in column if each is not None)
    plot = frame(bins, (0.0, 1.08 * high), "ms from the intended send")
    for columns, colour in ((ends, "client"), (firsts, "server")):
        plot.line(_centres(bins), columns[0], colour)
        plot.line(_centres(bins), columns[1], colour, dashed=True)
    mark_steps(plot, run)
    return Picture(
        title="Time to the first mask and to the answer",
        says="As the client saw them: medians, and dashed the 99th percentile of each stretch.",
        svg=plot.as_svg("Times over time"),
        legend={"server": "first mask", "client": "answer"},
    )


def refusals(run: Run, bins: Bins) -> Picture | None:
    """Refusals over time, by cause."""
    refused = [one for one in run.outcomes if one.ending is Ending.REFUSED]
    if not refused:
        return None
    causes = [cause for cause, _ in Counter(one.cause for one in refused).most_common(4)]
    columns = {
        cause: curves.histogram((one.send_s for one in refused if one.cause == cause), bins)
        for cause in causes
    }
    high = max(sum(values) for values in zip(*columns.values(), strict=True)) / bins.width
    plot = frame(bins, (0.0, 1.08 * high), "refusals per second")
    for place, edges in enumerate(pairwise(bins.edges)):
        level = 0.0
        for index, column in enumerate(columns.values(), start=1):
            rate = column[place] / bins.width
            plot.bar(edges, (level, level + rate), f"cause{index}", f"{edges[0]:g} s: {rate:.3g} per second")
            level += rate
    mark_steps(plot, run)
    return Picture(
        title="Refusals",
        says="Told at once, by the cause the server gave.",
        svg=plot.as_svg("Refusals over time"),
        legend={f"cause{index}": cause for index, cause in enumerate(causes, start=1)},
    )


def sender_lag(run: Run, bins: Bins, *, wide: bool = False) -> Picture:
    """How late the sender itself was: what it measured is worth no more than that."""
    worst = curves.over_time(run.outcomes, bins, lambda one: one.lag_ms, curves.at(1.0))
    p99 = curves.over_time(run.outcomes, bins, lambda one: one.lag_ms, curves.at(0.99))
    high = max([each for each in worst if each is not None] + [LAG_LIMIT_MS])
    plot = frame(bins, (0.0, 1.08 * high), "ms", width=WIDE if wide else 620.0, right=52.0)
    plot.level(LAG_LIMIT_MS, f"{LAG_LIMIT_MS:g} ms")
    plot.line(_centres(bins), worst, "client", dashed=True)
    plot.line(_centres(bins), p99, "server")
    return Picture(
        title="The sender's own lag",
        says="How late requests were sent. Over 5 ms at p99 of the whole run, the run does not count.",
        svg=plot.as_svg("Sender lag over time"),
        legend={"server": "99th percentile", "client": "largest"},
        wide=wide,
    )


def _centres(bins: Bins) -> list[float]:
    return [(a + b) / 2 for a, b in pairwise(bins.edges)]
