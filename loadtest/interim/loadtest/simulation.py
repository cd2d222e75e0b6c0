"""One device in virtual time, driven by the very scheduler the server runs.

Batches are of one. Requests come one at a time from an iterator, so nothing can
look ahead. What the server's front does is done here as well: a request ends at its deadline with the newest
exit; an admitted one without any exit is waited for, one more budget and at most `LONGEST_GRACE_S`.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from time import thread_time
from typing import TYPE_CHECKING

from interim.loadtest.deciding import Deciding
from interim.loadtest.fates import Fate, Run
from interim.loadtest.network import ExactCosts, Forecast
from interim.scheduling.admission import admit, admit_all
from interim.scheduling.ahead import AGAIN_S
from interim.scheduling.job import Job
from interim.scheduling.policies.whole import RunToCompletion
from interim.scheduling.policy import named, serving_names
from interim.scheduling.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from interim.loadtest.network import Network
    from interim.loadtest.traced import Traced
    from interim.scheduling.costs import CostModel
    from interim.scheduling.doubts import Doubt
    from interim.scheduling.policy import Policy
    from interim.scheduling.step import Step
    from interim.scheduling.utility import Utility

LONGEST_GRACE_S = 2.0
TOLERANCE_S = 1e-6
"""An exit this little after its deadline is in time: sums of seconds round."""

PROBE_PASSES = 2
"""How often a server measures a stage that is in doubt, after one run that does not count."""

FIRST_DECISION_S = 0.0003
"""What a decision is taken to take before any was timed."""

SIZE = (1, 1)  # all requests are of one size
_MOST_JOBS = 1 << 30

# What happens at one instant happens in this order: an exit complete at the deadline is in time.
_FINISH, _MOVE, _EXPIRE, _ARRIVE, _READY = range(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What is simulated.

    Attributes:
        network: The model on it.
        policy: Its name (`interim.scheduling.policy.names`).
        admission: Whether requests that exit 1 cannot be promised to are refused.
        charged: Whether the device waits for decisions, as long as they take here. Policies that serve then
            choose ahead, as in the server; else each choice takes no time, and is made when the device is free.
        clock: Times the decisions, in seconds; by default what this thread computes.
        costs: What the scheduler believes of the network's costs; by default the truth.
        utility: What it believes that exits are worth; None: as `network.Forecast`.
        ready_s: How long after a request's arrival it expects the image to be there.
        probes: Whether an idle device measures again what refused somebody, as a server does.
    """

    network: Network
    policy: str
    admission: bool
    charged: bool = False
    clock: Callable[[], float] = thread_time
    costs: Callable[[Network], CostModel] = ExactCosts
    utility: Utility | None = None
    ready_s: float = 0.0
    probes: bool = False


def simulate(requests: Iterable[Traced], device: Device) -> Run:
    """Runs requests, in order of arrival, through one device to the end of the last."""
    return _Simulation(requests, device).run()


@dataclass(slots=True, kw_only=True)
class _Live:
    """An admitted request that has not ended."""

    request: Traced
    deadline_s: float
    patience_s: float = 0.0
    exit: int = 0
    promise_kept: bool = False
    overdue: bool = False
    first_s: float | None = None
    granted: bool | None = None


class _Simulation:
    def __init__(self, requests: Iterable[Traced], device: Device) -> None:
        self._coming = iter(requests)
        self._device = device
        self._forecast = Forecast(device.network)
        costs = device.costs(device.network)
        self._deciding = costs = Deciding(costs, FIRST_DECISION_S if device.charged else 0.0)
        utility = device.utility or self._forecast
        self._policy: Policy = named(device.policy, costs=costs, utility=utility)
        self._scheduler = Scheduler(
            exits=len(device.network.dense_s),
            costs=costs,
            policy=self._policy,
            max_jobs=_MOST_JOBS,
            admission=admit if device.admission else admit_all,
            utility=utility,
        )
        self._chooses_ahead = device.charged and device.policy in serving_names()
        self._prepared_s = 0.0
        self._now_s = 0.0
        self._count = 0
        self._events: list[tuple[float, int, int, Callable[[], None]]] = []
        self._live: dict[int, _Live] = {}
        self._fates: list[Fate] = []
        self._probe: Doubt | None = None
        self._decisions = 0
        self._decision_s = 0.0

    def run(self) -> Run:
        self._next_arrival()
        while self._events:
            self._now_s, _, _, happen = heapq.heappop(self._events)
            happen()
            if not (self._events and self._events[0][0] <= self._now_s):
                self._begin()
                self._prepare()
        return Run(fates=tuple(self._fates), decisions=self._decisions, decision_s=self._decision_s)

    def _at(self, at_s: float, order: int, happen: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (max(at_s, self._now_s), order, self._count, happen))

    # --- requests -------------------------------------------------------------------------------------

    def _next_arrival(self) -> None:
        request = next(self._coming, None)
        if request is not None:
            self._at(request.arrival_s, _ARRIVE, lambda: self._arrive(request))

    def _arrive(self, request: Traced) -> None:
        job = Job(
            id=request.id,
            arrival_s=self._now_s,
            answer_by_s=request.deadline_s,
            ready_s=self._now_s + self._device.ready_s,
            size=SIZE,
            max_exit=len(request.stage_s),
        )
        if self._scheduler.ask(self._now_s, job).admitted:
            self._give_up_probe()
            self._at(self._now_s + request.ready_s, _READY, lambda: self._ready(request.id))
            live = self._live[request.id] = _Live(request=request, deadline_s=request.deadline_s)
            self._expire_at(live, request.deadline_s)
            if request.moved:
                self._at(request.moved.at_s, _MOVE, lambda: self._move(live))
        else:
            self._fates.append(_refused(request, self._now_s))
        self._next_arrival()

    def _ready(self, request_id: int) -> None:
        """The image is in memory."""
        self._scheduler.submit(self._now_s, request_id)

    def _move(self, live: _Live) -> None:
        """A revision. After the end, or from the deadline on, it is void; refused, the old deadline stands."""
        moved = live.request.moved
        over = live.request.id not in self._live or self._now_s >= live.deadline_s
        if moved is None or over:
            return
        deadline_s = max(moved.deadline_s, self._now_s)
        live.granted = self._scheduler.move(self._now_s, live.request.id, deadline_s).admitted
        if live.granted:
            live.deadline_s = deadline_s
            self._expire_at(live, deadline_s)

    def _expire_at(self, live: _Live, deadline_s: float) -> None:
        grace_s = min(deadline_s - live.request.arrival_s, LONGEST_GRACE_S)
        live.patience_s = max(live.patience_s, deadline_s + grace_s)
        self._at(deadline_s + TOLERANCE_S, _EXPIRE, lambda: self._expire(live, deadline_s))

    def _expire(self, live: _Live, deadline_s: float) -> None:
        """The deadline is over, unless it was moved meanwhile."""
        request = live.request
        if request.id not in self._live or live.deadline_s != deadline_s:
            return
        if isinstance(self._policy, RunToCompletion):
            if self._policy.keeps_late or self._policy.target(request.id):
                live.overdue = True  # ends with its run
                return
        elif self._device.admission and not live.exit:
            live.overdue = True
            self._at(live.patience_s, _EXPIRE, lambda: self._end(live))
            return
        self._end(live)

    def _end(self, live: _Live) -> None:
        if self._live.pop(live.request.id, None) is None:
            return
        self._scheduler.forget(self._now_s, live.request.id)
        self._fates.append(
            Fate(
                id=live.request.id,
                admitted=True,
                exit=live.exit,
                utility=sum(live.request.gains[: live.exit]),
                promise_kept=live.promise_kept,
                ended_s=self._now_s,
                first_s=live.first_s,
                granted=live.granted,
            )
        )

    # --- the device -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Decides, where there is anything to decide, and begins the step."""
        if self._scheduler.running:
            return
        if not self._live:
            self._look_into()
            return
        begun_s = self._device.clock()
        step = self._scheduler.next_step(self._now_s)
        decision_s = self._device.clock() - begun_s + max(self._prepared_s - self._now_s, 0.0)
        self._decisions += 1
        self._decision_s += decision_s
        if step is not None:
            request = self._live[step.ids[0]].request
            end_s = self._now_s + self._charge_s(decision_s) + request.stage_s[step.exit - 1]
            self._at(end_s, _FINISH, lambda: self._finish(step, request))

    def _look_into(self) -> None:
        """An idle device runs what was predicted too slow, for nobody."""
        if self._device.probes and self._probe is None:
            self._probe = doubt = self._scheduler.doubt(self._now_s)
            if doubt is not None:
                pass_s = sum(self._device.network.dense_s[: doubt.exits])
                self._at(self._now_s + (PROBE_PASSES + 1) * pass_s, _FINISH, lambda: self._probed(doubt))

    def _probed(self, doubt: Doubt) -> None:
        if self._probe is doubt:
            self._probe = None
            seconds = enumerate(self._device.network.dense_s[: doubt.exits], 1)
            self._scheduler.settle(doubt, [*seconds] * PROBE_PASSES)

    def _give_up_probe(self) -> None:
        """There is work to do."""
        if self._probe is not None:
            self._scheduler.settle(self._probe, ())
            self._probe = None

    def _prepare(self) -> None:
        """Chooses beside the running step. Should that end before the choice is made, the device waits for it."""
        if not self._chooses_ahead:
            return
        begun_s = self._device.clock()
        if self._scheduler.prepare(self._now_s, pause_s=AGAIN_S):
            self._prepared_s = self._now_s + self._device.clock() - begun_s

    def _charge_s(self, decision_s: float) -> float:
        """How long the device waits for a decision; promises learn to count with it."""
        if not self._device.charged:
            return 0.0
        self._deciding.decided(decision_s)
        return decision_s

    def _finish(self, step: Step, request: Traced) -> None:
        share = request.shares[step.exit] if step.exit < len(request.shares) else 0.0
        job = self._scheduler.jobs.get(request.id)
        self._forecast.learn(request, step.exit)
        ended = self._scheduler.finish(self._now_s, step, request.stage_s[step.exit - 1], {request.id: share})
        live = self._live.get(request.id)
        if live is None or job is None:
            return
        whole = isinstance(self._policy, RunToCompletion)
        answers = not isinstance(self._policy, RunToCompletion) or step.exit == self._policy.target(
            request.id
        )
        if answers:
            live.promise_kept = live.promise_kept or self._now_s <= job.due_s + TOLERANCE_S
            if not live.overdue:
                live.exit = step.exit
                live.first_s = self._now_s if live.first_s is None else live.first_s
        if request.id in ended or (answers and (whole or live.overdue)):
            self._end(live)


def _refused(request: Traced, now_s: float) -> Fate:
    return Fate(id=request.id, admitted=False, exit=0, utility=0.0, promise_kept=False, ended_s=now_s)
