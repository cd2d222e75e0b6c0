"""In virtual time: what admission promised is kept, and the future changes no decision of the past."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scheduling.conftest import ExactCosts

from interim.scheduling.charge import NOTHING
from interim.scheduling.job import Job, State
from interim.scheduling.policy import named, names, serving_names
from interim.scheduling.scheduler import Scheduler
from interim.scheduling.utility import HALVING, Utility, ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.charge import Charge
    from interim.scheduling.costs import CostModel
    from interim.scheduling.step import Step

EPSILON_S = 1e-6
ROUNDING_S = 1e-9  # a step that takes what it is charged takes exactly that
SLICE_S = 0.2  # a step that nobody waits for any more is given up within this

UTILITIES = (
    ValidatedUtility(quality=(0.4, 0.6, 0.7, 0.8), active_share=(1.0, 0.6, 0.5, 0.4)),
    ValidatedUtility(quality=(0.1, 0.12, 0.7, 0.65)),
)
"""Concave and not: in the second only the third exit is worth much, and the fourth is worse."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One request of a simulated client; shares of the predicted times that are really taken are in (0, 1]."""

    at_s: float
    budget_s: float
    decode_s: float
    decode_part: float
    size: tuple[int, int]
    min_exit: int
    max_exit: int
    parts: tuple[float, ...]
    active_share: float
    revise_after_s: float | None
    revised_s: float
    cancel_after_s: float | None = None


@dataclass
class Run:
    """A scheduler driven through a list of arrivals in virtual time, with the fates of all requests.

    Stages take their parts of what they are charged, but no row of them more than that row is.
    """

    costs: CostModel
    arrivals: Sequence[Arrival]
    max_batch: int = 1
    policy: str = "edf"
    utility: Utility = HALVING
    ahead: bool = False
    surprises: bool = True  # active shares are what the arrivals say, else what the utility expects
    admitted: set[int] = field(default_factory=set)
    cancelled: set[int] = field(default_factory=set)
    promised_s: dict[int, float] = field(default_factory=dict)
    served_s: dict[int, float] = field(default_factory=dict)
    steps: list[tuple[float, Step]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(
            exits=4,
            costs=self.costs,
            policy=named(self.policy, costs=self.costs, max_batch=self.max_batch, utility=self.utility),
            utility=self.utility,
        )
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self._begun_s = 0.0
        self._rows: list[tuple[Charge, float]] = []
        for id_, arrival in enumerate(self.arrivals):
            self._at(arrival.at_s, self._arrive, id_, arrival)

    def _at(self, at_s: float, event: Callable[..., None], *args: Any) -> None:
        self._count += 1
        heapq.heappush(self._events, (at_s, self._count, event, args))

    def drive(self) -> Run:
        while self._events:
            now_s, _, event, args = heapq.heappop(self._events)
            event(now_s, *args)
            if self.scheduler.running is None:
                self._next(now_s)
            if self.ahead:
                self.scheduler.prepare(now_s)
        return self

    def _arrive(self, now_s: float, id_: int, arrival: Arrival) -> None:
        job = Job(
            id=id_,
            arrival_s=now_s,
            answer_by_s=now_s + arrival.budget_s,
            ready_s=now_s + arrival.decode_s,
            size=arrival.size,
            min_exit=arrival.min_exit,
            max_exit=max(arrival.max_exit, arrival.min_exit),
        )
        if not self.scheduler.ask(now_s, job).admitted:
            return
        self.admitted.add(id_)
        self.promised_s[id_] = job.answer_by_s
        self._at(now_s + arrival.decode_s * arrival.decode_part, self._submit, id_)
        self._at(job.answer_by_s + 10 * EPSILON_S, self._timer, id_)
        if arrival.revise_after_s is not None:
            self._at(now_s + arrival.revise_after_s, self._revise, id_, arrival.revised_s)
        if arrival.cancel_after_s is not None:
            self._at(now_s + arrival.cancel_after_s, self._cancel, id_)

    def _submit(self, now_s: float, id_: int) -> None:
        self.scheduler.submit(now_s, id_)

    def _revise(self, now_s: float, id_: int, remaining_s: float) -> None:
        if id_ in self.scheduler.jobs:
            self.scheduler.move(now_s, id_, now_s + remaining_s)
            self.promised_s[id_] = self.scheduler.jobs[id_].due_s
            self._at(now_s + remaining_s + 10 * EPSILON_S, self._timer, id_)

    def _cancel(self, now_s: float, id_: int) -> None:
        if self.scheduler.forget(now_s, id_, yields_s=SLICE_S) is None:
            return
        if id_ not in self.served_s:
            self.cancelled.add(id_)
        step = self.scheduler.running
        if step is not None and self.scheduler.jobs.keys().isdisjoint(step.ids):
            self._at(now_s + SLICE_S, self._finish, step)

    def _timer(self, now_s: float, id_: int) -> None:
        """The front answers at the deadline in force if it can, and else waits for exit 1."""
        job = self.scheduler.jobs.get(id_)
        if job is not None and job.answer_by_s <= now_s and id_ in self.served_s:
            self.scheduler.forget(now_s, id_)

    def _next(self, now_s: float) -> None:
        step = self.scheduler.next_step(now_s)
        if step is None:
            wake_s = self.scheduler.wake_s(now_s)
            if wake_s is not None:
                self._at(wake_s, lambda _: None)
            return
        self.steps.append((now_s, step))
        job = self.scheduler.jobs[step.ids[0]]
        shares = [self.scheduler.jobs[id_].active_share for id_ in step.ids]
        charge = self.costs.charge(
            step.exit, job.size, 0.999, active_share=sum(shares) / len(shares), batch=len(step.ids)
        )
        seconds = min(charge.seconds * self.arrivals[step.ids[0]].parts[step.exit - 1], self._most_s(charge))
        self._begun_s = now_s
        self._at(now_s + seconds, self._finish, step)

    def _most_s(self, charge: Charge) -> float:
        """What the next step may take, so that no row of steps takes more than it is charged."""
        self._rows = [(row.plus(charge), spent_s) for row, spent_s in [*self._rows, (NOTHING, 0.0)]]
        return min(row.seconds - spent_s for row, spent_s in self._rows) + ROUNDING_S

    def _finish(self, now_s: float, step: Step) -> None:
        if self.scheduler.running is not step:
            return  # it was over sooner, as nobody waited for it
        seconds = now_s - self._begun_s
        self._rows = [(row, spent_s + seconds) for row, spent_s in self._rows]
        shares = {id_: self._share(id_, step) for id_ in step.ids}
        done = self.scheduler.finish(now_s, step, seconds, shares)
        for id_ in step.ids:
            job = self.scheduler.jobs.get(id_)
            if job is not None and job.exit >= job.min_exit:
                self.served_s.setdefault(id_, now_s)
                self._timer(now_s, id_)
        for id_ in done:
            self.scheduler.forget(now_s, id_)

    def _share(self, id_: int, step: Step) -> float:
        if self.surprises or id_ not in self.scheduler.jobs:
            return self.arrivals[id_].active_share / step.exit
        return [*self.utility.shares(self.scheduler.jobs[id_]), 0.0][1]


POLICIES = st.sampled_from(serving_names())
PARTS = st.sampled_from([0.05, 0.5, 0.9, 1.0])
INSTANTS = st.integers(0, 40).map(lambda quarter: quarter / 4) | st.floats(0.0, 10.0)
ARRIVALS = st.builds(
    Arrival,
    at_s=INSTANTS,
    budget_s=st.floats(0.3, 3.0) | st.floats(3.0, 20.0),
    decode_s=st.sampled_from([0.0, 0.3, 1.0]),
    decode_part=st.sampled_from([0.0, 0.5, 1.0]),
    size=st.sampled_from([(100, 200), (50, 50)]),
    min_exit=st.sampled_from([1, 1, 1, 2]),
    max_exit=st.sampled_from([4, 4, 4, 1, 2]),
    parts=st.just((1.0, 1.0, 1.0, 1.0)) | st.tuples(PARTS, PARTS, PARTS, PARTS),
    active_share=st.sampled_from([0.2, 1.0]),
    revise_after_s=st.none() | st.none() | st.floats(0.0, 4.0),
    revised_s=st.floats(0.0, 8.0),
    cancel_after_s=st.none() | st.none() | st.none() | st.floats(0.0, 4.0),
)


RUNS = st.builds(
    Run,
    costs=st.builds(ExactCosts, st.just(0.5), st.sampled_from([0.0, 0.3, 1.0, 3.0])),
    arrivals=st.lists(ARRIVALS, max_size=25),
    max_batch=st.sampled_from([1, 4]),
    policy=POLICIES,
    utility=st.sampled_from(UTILITIES),
    ahead=st.booleans(),
)


def assert_kept(run: Run) -> None:
    for id_ in run.admitted - run.cancelled:
        assert id_ in run.served_s, f"request {id_} never got its mandatory exits"
        assert run.served_s[id_] <= run.promised_s[id_] + EPSILON_S


@settings(max_examples=300, deadline=None)
@given(RUNS)
def test_every_admitted_job_gets_its_mandatory_exits_by_the_promised_instant(run: Run) -> None:
    """As long as stages, rows of stages and decoding stay within their charge, whatever comes, moves and goes.

    Whether steps are chosen when the device is free, or while the one before runs, as if it took what is
    expected and left what is expected.
    """
    assert_kept(run.drive())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_no_promise_of_thousands_is_broken(seed: int) -> None:
    """A thousand busy streams each: what one in ten thousand of them breaks is found sooner or later."""
    draw = random.Random(seed)
    for _ in range(1000):
        assert_kept(busy_run(draw).drive())


def busy_run(draw: random.Random) -> Run:
    """Requests that come close together and owe one to three exits, under the policies that serve."""
    span_s = draw.choice([2.0, 6.0, 12.0, 25.0])
    arrivals = [
        Arrival(
            at_s=draw.uniform(0.0, span_s),
            budget_s=draw.choice([draw.uniform(0.3, 1.5), draw.uniform(0.5, 3.0), draw.uniform(1.0, 8.0)]),
            decode_s=draw.choice([0.0, 0.0, 0.3, 1.0]),
            decode_part=draw.choice([0.0, 0.5, 1.0]),
            size=draw.choice([(100, 200), (50, 50), (50, 50)]),
            min_exit=draw.choice([1, 1, 2, 3]),
            max_exit=draw.choice([4, 4, 1, 2]),
            parts=tuple(draw.choice([1.0, 1.0, 0.9, 0.5, 0.05]) for _ in range(4)),
            active_share=draw.choice([0.2, 0.5, 1.0]),
            revise_after_s=draw.choice([None, None, draw.uniform(0.0, 4.0)]),
            revised_s=draw.choice([draw.uniform(0.0, 8.0), draw.uniform(0.0, 1.0)]),
            cancel_after_s=draw.choice([None, None, None, draw.uniform(0.0, 4.0)]),
        )
        for _ in range(draw.randint(2, 30))
    ]
    costs = ExactCosts(0.5, draw.choice([0.0, 0.3, 1.0, 3.0]))
    policy, utility = draw.choice(serving_names()), draw.choice(UTILITIES)
    return Run(costs, arrivals, draw.choice([1, 1, 4]), policy, utility, ahead=draw.random() < 0.7)


@settings(max_examples=100, deadline=None)
@given(
    arrivals=st.lists(ARRIVALS, min_size=1, max_size=15),
    other_future=st.lists(ARRIVALS, max_size=15),
    now_s=st.floats(0.0, 15.0),
    policy=st.sampled_from(names()),
)
def test_another_future_changes_no_decision_of_the_past(
    exact_costs: Callable[..., CostModel],
    arrivals: list[Arrival],
    other_future: list[Arrival],
    now_s: float,
    policy: str,
) -> None:
    """Two histories that agree up to an instant have the same steps up to it."""
    past = [arrival for arrival in arrivals if arrival.at_s < now_s]
    futures = [[a for a in future if a.at_s >= now_s] for future in (arrivals, other_future)]
    one, other = (
        Run(exact_costs(0.5), [*past, *future], 4, policy, UTILITIES[0]).drive() for future in futures
    )
    before_one, before_other = ([s for s in run.steps if s[0] < now_s] for run in (one, other))
    assert before_one == before_other


@settings(max_examples=40, deadline=None)
@given(
    arrivals=st.lists(ARRIVALS, max_size=12),
    max_batch=st.sampled_from([1, 4]),
    policy=POLICIES,
    utility=st.sampled_from(UTILITIES),
)
def test_what_was_chosen_ahead_is_what_would_be_chosen_when_all_goes_as_expected(
    exact_costs: Callable[..., CostModel],
    arrivals: list[Arrival],
    max_batch: int,
    policy: str,
    utility: Utility,
) -> None:
    """Stages take and leave what was expected, and nobody goes: the same steps at the same instants."""
    told = [replace(arrival, parts=(1.0,) * 4, cancel_after_s=None) for arrival in arrivals]
    between, ahead = (
        Run(exact_costs(0.5), told, max_batch, policy, utility, ahead=ahead, surprises=False).drive()
        for ahead in (False, True)
    )
    assert ahead.steps == between.steps


@settings(max_examples=50, deadline=None)
@given(st.lists(ARRIVALS, max_size=15), POLICIES)
def test_no_job_is_left_standing(
    exact_costs: Callable[..., CostModel], arrivals: list[Arrival], policy: str
) -> None:
    """When all is over nobody admitted still owes an exit, though no event comes but those of the jobs."""
    run = Run(exact_costs(0.5), arrivals, policy=policy).drive()
    assert not [job for job in run.scheduler.jobs.values() if job.owes or job.state is State.ASKED]
