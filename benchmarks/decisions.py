"""Decisions: what the scheduler takes between two stages, on the critical path, with a full queue.

No server and no model: the scheduler itself, in virtual time, with the costs it learns. As many requests as
asked for are live at every instant (one that ends is followed by the next while the stage after it runs), on
stages in the proportions of HRNet-W48, with budgets of 5 to 40 full runs: about three times what full runs
would carry. Timed with the processor clock of this thread. Between two stages lie `next`, the taking of the
step that was prepared, or the choice of one where that no longer holds; and `finish`, which takes the result of
the last one in. Beside the running stage lie `prepare`, the choice ahead, and `ask`, an admission. `choose` is a
whole choice between two stages, in a run that prepares nothing.
"""

from __future__ import annotations

from collections import defaultdict
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
    from interim.scheduling.step import Step

SHARE = 0.02
"""A decision may take this much of the shortest stage."""

SHORTEST_S = 0.002
"""The shortest stage of the default model at 192x240 on a core of the docs' machine (docs/performance.md)."""

LIMIT_US = 1e6 * SHARE * SHORTEST_S
CALLS = ("next", "finish", "choose", "prepare", "ask")

_BUDGETS = (5.0, 40.0)  # full runs
_SIZE = (512, 1024)

_T = TypeVar("_T")


Times = dict[str, list[float]]
"""Microseconds of every call after the warm-up."""


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
    figures = {name: {call: dict(spread(times[call])) for call in CALLS} for name, times in found.items()}
    means = {name: {call: fmean(times[call]) for call in CALLS} for name, times in found.items()}
    return Measured(
        lines=(
            f"{asked.live} live requests, {decisions} decisions a policy; microseconds",
            *(_line(name, call, figures[name][call]) for name in found for call in CALLS),
            *(_share(name, us["next"], us["choose"]) for name, us in means.items()),
        ),
        figures={"live": asked.live, "decisions": decisions, "us": figures, "mean_us": means},
        checks=tuple(
            Check(
                promise=f"{name}: a decision between two stages, mean, us",
                measured=us["next"],
                limit=LIMIT_US,
            )
            for name, us in means.items()
        ),
        server={},
    )


def time_policy(name: str, *, live: int, decisions: int, seed: int = 1) -> Times:
    """What one policy takes, decision for decision: chosen ahead, and (`choose`) not."""
    whole_times = _Loop(name, live, seed, ahead=False).run(decisions)
    return {**_Loop(name, live, seed, ahead=True).run(decisions), "choose": whole_times["next"]}


class _Loop:
    """A device in virtual time that always has `live` requests."""

    def __init__(self, policy: str, live: int, seed: int, *, ahead: bool) -> None:
        self._network = hrnet(0.005)
        self._random = Random(seed)
        self._ids = count()
        self._live = live
        self._ahead = ahead
        self._now_s = 0.0
        self._times: Times = defaultdict(list)
        costs = _learnt(self._network, self._random)
        utility = ValidatedUtility(quality=(0.443, 0.601, 0.768, 0.813), active_share=self._network.shares)
        self._scheduler = Scheduler(
            exits=4,
            costs=costs,
            policy=named(policy, costs=costs, utility=utility),
            max_jobs=2 * live,
            utility=utility,
        )

    def run(self, decisions: int) -> Times:
        for _ in range(decisions // 10):
            self._turn()
        self._times.clear()
        while len(self._times["next"]) < decisions:
            self._turn()
        return self._times

    def _turn(self) -> None:
        scheduler = self._scheduler
        step = self._timed("next", partial(scheduler.next_step, self._now_s))
        seconds = self._network.dense_s[0] if step is None else self._seconds(step)
        self._prepare()
        part = self._random.random()
        self._now_s += part * seconds
        self._come_and_go()
        self._prepare()
        self._now_s += (1.0 - part) * seconds
        if step is not None:
            share = self._network.shares[min(step.exit, 3)] * self._random.lognormvariate(-0.08, 0.4)
            shares = {step.ids[0]: min(share, 1.0)}
            finish = partial(scheduler.finish, self._now_s, step, seconds, shares)
            for done in self._timed("finish", finish):
                scheduler.forget(self._now_s, done)

    def _seconds(self, step: Step) -> float:
        job = self._scheduler.jobs[step.ids[0]]
        return self._network.dense_s[step.exit - 1] * job.active_share * self._random.uniform(0.97, 1.03)

    def _prepare(self) -> None:
        if self._ahead:
            self._timed("prepare", partial(self._scheduler.prepare, self._now_s))

    def _come_and_go(self) -> None:
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
            if not self._timed("ask", partial(scheduler.ask, now_s, new)).admitted:
                return
            scheduler.submit(now_s, new.id)

    def _timed(self, name: str, call: Callable[[], _T]) -> _T:
        begun_s = thread_time()
        result = call()
        self._times[name].append(1e6 * (thread_time() - begun_s))
        return result


def _learnt(network: Network, random: Random) -> CostModel:
    """Costs that have seen every stage a few hundred times."""
    costs = CostModel()
    for stage, dense_s in enumerate(network.dense_s, 1):
        for _ in range(300):
            share = 1.0 if stage == 1 else random.uniform(0.1, 1.0)
            costs.observe(stage, _SIZE, dense_s * share * random.uniform(0.97, 1.03), active_share=share)
    return costs


def _line(name: str, call: str, us: dict[str, float | None]) -> str:
    values = ", ".join(f"{label} {value:.1f}" for label, value in us.items() if value is not None)
    return f"{name:<8} {call:<8} {values}"


def _share(name: str, next_us: float, choose_us: float) -> str:
    least_ms, whole_ms = (us / SHARE / 1e3 for us in (next_us, choose_us))
    return f"{name}: {SHARE:.0%} of a stage of {least_ms:.1f} ms; chosen between stages, of {whole_ms:.1f} ms"
