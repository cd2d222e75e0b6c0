"""Decisions: what the scheduler takes on the critical path, between two stages, with a full queue.

No server and no model: the scheduler itself, in virtual time, with the costs it learns. As many requests as
asked for are live at every instant (one that ends is followed by the next at once), on stages in the
proportions of HRNet-W48, with budgets of 5 to 40 full runs: about three times what full runs would carry.
Timed with the processor clock of this thread: `choose` is the choice of the next step; `finish` takes the
result of the last one in; both lie between two stages. `ask` is an admission, beside the running stage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from statistics import fmean
from time import thread_time
from typing import TYPE_CHECKING, TypeVar

from benchmarks.material import count as whole
from benchmarks.measured import Measured

from interim.loadtest.promises import Check
from interim.loadtest.quantiles import spread
from interim.loadtest.workloads import hrnet
from interim.scheduling.costs import CostModel
from interim.scheduling.job import Job
from interim.scheduling.policy import named, serving_names
from interim.scheduling.scheduler import Scheduler
from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from interim.loadtest.network import Network

LIMIT_US = 150.0
SHARE = 0.02
"""A decision may take this much of the shortest stage."""

_BUDGETS = (5.0, 40.0)  # full runs
_SIZE = (512, 1024)

_T = TypeVar("_T")


@dataclass(slots=True)
class Times:
    """Microseconds of every call after the warm-up."""

    choose: list[float] = field(default_factory=list)
    finish: list[float] = field(default_factory=list)
    ask: list[float] = field(default_factory=list)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument("--live", metavar="N", type=whole, default=64, help="requests (default: %(default)s)")
    parser.add_argument(
        "--decisions", metavar="N", type=whole, default=20_000, help="a policy (default: %(default)s)"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it; no server is started."""
    decisions = 500 if asked.quick else asked.decisions
    found = {name: time_policy(name, live=asked.live, decisions=decisions) for name in serving_names()}
    figures = {
        name: {call: dict(spread(getattr(times, call))) for call in ("choose", "finish", "ask")}
        for name, times in found.items()
    }
    means = {name: fmean(times.choose) for name, times in found.items()}
    return Measured(
        lines=(
            f"{asked.live} live requests, {decisions} decisions a policy; microseconds",
            *(_line(name, call, figures[name][call]) for name in found for call in figures[name]),
            *(f"{name}: a choice is {SHARE:.0%} of {us / SHARE / 1e3:.1f} ms" for name, us in means.items()),
        ),
        figures={"live": asked.live, "decisions": decisions, "us": figures, "mean_choose_us": means},
        checks=tuple(
            Check(promise=f"{name}: a choice, mean, us", measured=us, limit=LIMIT_US)
            for name, us in means.items()
        ),
        server={},
    )


def time_policy(name: str, *, live: int, decisions: int, seed: int = 1) -> Times:
    """What one policy takes, decision for decision."""
    return _Loop(name, live, seed).run(decisions)


class _Loop:
    """A device in virtual time that always has `live` requests."""

    def __init__(self, policy: str, live: int, seed: int) -> None:
        self._network = hrnet(0.005)
        self._random = Random(seed)
        self._ids = count()
        self._live = live
        self._now_s = 0.0
        costs = _learnt(self._network, self._random)
        utility = ValidatedUtility(quality=(0.443, 0.601, 0.768, 0.813), active_share=self._network.shares)
        self._scheduler = Scheduler(
            exits=4, costs=costs, policy=named(policy, costs=costs, utility=utility), max_jobs=2 * live
        )

    def run(self, decisions: int) -> Times:
        for _ in range(decisions // 10):
            self._turn(Times())
        times = Times()
        while len(times.choose) < decisions:
            self._turn(times)
        return times

    def _turn(self, times: Times) -> None:
        scheduler = self._scheduler
        self._come_and_go(times)
        step = _timed(times.choose, partial(scheduler.next_step, self._now_s))
        if step is None:
            self._now_s += self._network.dense_s[0]
            return
        job = scheduler.jobs[step.ids[0]]
        seconds = self._network.dense_s[step.exit - 1] * job.active_share * self._random.uniform(0.97, 1.03)
        self._now_s += seconds
        share = self._network.shares[min(step.exit, 3)] * self._random.lognormvariate(-0.08, 0.4)
        shares = {job.id: min(share, 1.0)}
        for done in _timed(times.finish, partial(scheduler.finish, self._now_s, step, seconds, shares)):
            scheduler.forget(self._now_s, done)

    def _come_and_go(self, times: Times) -> None:
        scheduler, now_s = self._scheduler, self._now_s
        for job in [job for job in scheduler.jobs.values() if job.answer_by_s <= now_s]:
            scheduler.forget(now_s, job.id)
        while len(scheduler.jobs) < self._live:
            new = Job(
                id=next(self._ids),
                arrival_s=now_s,
                answer_by_s=now_s + self._random.uniform(*_BUDGETS) * self._network.full_s,
                ready_s=now_s,
                size=_SIZE,
                max_exit=4,
            )
            if not _timed(times.ask, partial(scheduler.ask, now_s, new)).admitted:
                return
            scheduler.submit(now_s, new.id)


def _learnt(network: Network, random: Random) -> CostModel:
    """Costs that have seen every stage a few hundred times."""
    costs = CostModel()
    for stage, dense_s in enumerate(network.dense_s, 1):
        for _ in range(300):
            share = 1.0 if stage == 1 else random.uniform(0.1, 1.0)
            costs.observe(stage, _SIZE, dense_s * share * random.uniform(0.97, 1.03), active_share=share)
    return costs


def _timed(into: list[float], call: Callable[[], _T]) -> _T:
    begun_s = thread_time()
    result = call()
    into.append(1e6 * (thread_time() - begun_s))
    return result


def _line(name: str, call: str, us: dict[str, float | None]) -> str:
    values = ", ".join(f"{label} {value:.1f}" for label, value in us.items() if value is not None)
    return f"{name:<8} {call:<8} {values}"
