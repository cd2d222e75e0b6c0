"""What stages took, as a run shows it from outside: from one exit to the next, where somebody waited.

Likewise the margin before deadlines, and the budgets that were hopeless.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from statistics import fmean
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.loadtest.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interim.loadtest.costs import Costs
    from interim.loadtest.outcome import Outcome

ENOUGH = 20
"""Runs of a stage, requests, or answers at deadlines, before a run says anything of them."""

_MARGIN_SHARE = 0.9  # margins move with the load; the time that is left at deadlines is them less a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The work for one request, in seconds of one clock.

    Attributes:
        ready_s: When its image was there, about.
        exits: Those that were complete, from the first to the last, and about when.
    """

    ready_s: float
    exits: tuple[tuple[int, float], ...]


def stage_runs_s(passages: Iterable[Passage]) -> Mapping[int, Sequence[float]]:
    """What single runs took, by stage from 1.

    While a request waits for its next exit the device is never idle, with this request or another. So a stage that
    could begin when the exit before it was complete, whosever that was, took the time between the two.
    """
    done = sorted(
        (done_s, exit_, each.ready_s if exit_ == before + 1 else inf)
        for each in passages
        for (before, _), (exit_, done_s) in pairwise(((0, 0.0), *each.exits))
    )
    runs_s: defaultdict[int, list[float]] = defaultdict(list)
    for (before_s, *_), (done_s, stage, ready_s) in pairwise(done):
        if ready_s <= before_s:
            runs_s[stage].append(done_s - before_s)
    return runs_s


def as_seen(costs: Costs, runs_s: Mapping[int, Sequence[float]], left_ms: Sequence[float]) -> Costs:
    """The costs with stages that take what they took here, and the margin kept here.

    A stage that was run too seldom to tell takes as much longer as all together.

    Args:
        costs: As measured before.
        runs_s: What single runs of stages took (`stage_runs_s`).
        left_ms: What was left at deadlines when answers were handed over.
    """
    longer = _longer(runs_s, costs.stage_ms)
    margin_ms = quantile(left_ms, _MARGIN_SHARE) if len(left_ms) >= ENOUGH else None
    return replace(
        costs,
        pictures=tuple(
            tuple(ms * times for ms, times in zip(each, longer, strict=True)) for each in costs.pictures
        ),
        margin_ms=costs.margin_ms if margin_ms is None else max(margin_ms, costs.after_ms),
    )


def _longer(runs_s: Mapping[int, Sequence[float]], stage_ms: Sequence[float]) -> tuple[float, ...]:
    """How many times as long as `stage_ms` each stage took."""
    times = {stage: [1e3 * s / stage_ms[stage - 1] for s in each] for stage, each in runs_s.items()}
    everything = [one for each in times.values() for one in each]
    usual = fmean(everything) if len(everything) >= ENOUGH else 1.0
    stages = range(1, len(stage_ms) + 1)
    return tuple(fmean(times[k]) if len(times.get(k, ())) >= ENOUGH else usual for k in stages)


def seen_in(costs: Costs, outcomes: Sequence[Outcome]) -> Costs:
    """The costs as a run of the same pictures shows them."""
    ready_ms = quantile(costs.ready_ms, 0.5) or 0.0
    runs_s = stage_runs_s(
        Passage(
            ready_s=one.send_s + (one.lag_ms + ready_ms) / 1e3,
            exits=tuple(
                (exit_, one.send_s + (one.lag_ms + ms - costs.after_ms) / 1e3)
                for exit_, ms in zip(one.exits_seen, one.exits_ms, strict=True)
            ),
        )
        for one in outcomes
        if one.ending is Ending.ANSWERED and one.exits_ms
    )
    left_ms = [one.server_slack_ms for one in outcomes if one.in_time and one.reason == "DEADLINE"]
    known = as_seen(costs, runs_s, left_ms)
    return replace(known, noise=_noise(costs, runs_s), least_ms=_least_ms(costs, outcomes))


def _noise(costs: Costs, runs_s: Mapping[int, Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    """As measured, with nothing further from the mean than what came here: a stall of the machine is no habit."""
    return tuple(
        _within(noise, max(runs_s[stage]) / fmean(runs_s[stage]))
        if len(runs_s.get(stage, ())) >= ENOUGH
        else noise
        for stage, noise in enumerate(costs.noise, 1)
    )


def _within(noise: Sequence[float], most: float) -> tuple[float, ...]:
    """None of it larger than `most`, and about the mean that it had."""
    cut = [min(each, most) for each in noise]
    return tuple(each * fmean(noise) / fmean(cut) for each in cut)


def _least_ms(costs: Costs, outcomes: Sequence[Outcome]) -> float:
    """The least budget with hope that lets as many be hopeless as were, told that trying again will not help."""
    budgets_ms = sorted(one.budget_ms for one in outcomes)
    hopeless = sum(one.cause == "deadline" and one.retry_ms == 0.0 for one in outcomes)
    if len(budgets_ms) < ENOUGH or hopeless == len(budgets_ms):
        return costs.least_ms
    return budgets_ms[hopeless] if hopeless else min(costs.least_ms, budgets_ms[0])
