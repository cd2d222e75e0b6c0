"""RTDeepIoT-style: depths for all jobs by dynamic programming over quantised reward.

After S. Yao et al., "Scheduling Real-time Deep Learning Services as Imprecise Computations", RTCSA 2020. It
plans anew at every decision, as a real confidence arrives with every stage.
"""

from __future__ import annotations

from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

from interim.scheduling.batching import fill
from interim.scheduling.guard import by_deadline
from interim.scheduling.job import State
from interim.scheduling.outlook import Outlooks
from interim.scheduling.policies.stage_order import in_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job
    from interim.scheduling.outlook import Outlook
    from interim.scheduling.step import Step
    from interim.scheduling.utility import Utility

    Choice = tuple[int, float]  # quanta of reward, seconds

QUANTUM = 0.02
"""Rewards are counted in units of this."""

MOST_JOBS = 60
"""Later deadlines are not looked at."""


class RtDeepIotStyle:
    """The earliest deadline among the jobs that get a further stage in the plan of the most reward."""

    def __init__(self, costs: CostModel, max_batch: int, utility: Utility) -> None:
        self._costs = costs
        self._max_batch = max_batch
        self._outlooks = Outlooks(costs, utility)

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """See `interim.scheduling.policy.Policy`."""
        self._outlooks.prune(queue)
        able = [job for job in queue if job.state is State.WAITING and in_time(now_s, job, self._costs)]
        able.sort(key=by_deadline)
        del able[MOST_JOBS:]
        choices = [_choices(self._outlooks.of(job)) for job in able]
        depths = best_depths(choices, [job.answer_by_s - now_s for job in able])
        chosen = [job for job, depth in zip(able, depths, strict=True) if depth]
        if not chosen:
            return None
        return fill(now_s, chosen[0], chosen, rows=(), costs=self._costs, max_batch=self._max_batch)


def _choices(outlook: Outlook) -> list[Choice]:
    """For each number of further stages, from 0: what they bring and what they take."""
    gains = accumulate(outlook.gains, initial=0.0)
    seconds = accumulate(outlook.costs_s, initial=0.0)
    return [(max(int(gain / QUANTUM), 0), cost) for gain, cost in zip(gains, seconds, strict=True)]


def best_depths(choices: Sequence[Sequence[Choice]], slacks_s: Sequence[float]) -> list[int]:
    """Which choice of each job makes the most reward while every job ends within its slack.

    Args:
        choices: Per job, in order of deadline; the first of each is "nothing".
        slacks_s: Time until each deadline, ascending.

    Returns:
        The index of the choice of each job.
    """
    layers: list[list[float]] = [[0.0]]  # least seconds for each reward, after so many jobs
    for options, slack_s in zip(choices, slacks_s, strict=True):
        layers.append(_extended(layers[-1], options, slack_s))
    reward = len(layers[-1]) - 1
    depths: list[int] = []
    for at in range(len(choices) - 1, -1, -1):
        depth = _chosen(layers[at], layers[at + 1][reward], reward, choices[at])
        depths.append(depth)
        reward -= choices[at][depth][0]
    return depths[::-1]


def _extended(before: list[float], options: Sequence[Choice], slack_s: float) -> list[float]:
    """The least seconds for each reward with one job more; ends at the largest reward that can be had."""
    best = before + [inf] * max(quanta for quanta, _ in options)
    for quanta, seconds in options[1:]:
        late = slack_s - seconds
        with_it = [spent + seconds if spent <= late else inf for spent in before]
        end = quanta + len(before)
        best[quanta:end] = map(min, best[quanta:end], with_it)
    while best[-1] == inf:
        best.pop()
    return best


def _chosen(before: list[float], spent_s: float, reward: int, options: Sequence[Choice]) -> int:
    """Which option led to `reward` in `spent_s`: the first that does."""
    for depth, (quanta, seconds) in enumerate(options):
        at = reward - quanta
        if 0 <= at < len(before) and before[at] + seconds == spent_s:
            return depth
    return 0
