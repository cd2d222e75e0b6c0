"""What is planned of the known jobs: exit 1 first, then by density, never more than the deadlines allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from interim.scheduling.changes import Register
from interim.scheduling.job import State
from interim.scheduling.outlook import Outlooks
from interim.scheduling.planning import Agenda
from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job

    Row = tuple[float, int, float, bool]  # deadline, exit, active share, whether it waits
    MakeJob = Callable[..., Job]

WAITING = {"state": State.WAITING}
CONCAVE = ValidatedUtility(quality=(0.4, 0.6, 0.7, 0.75), active_share=(1.0, 0.5, 0.5, 0.25))
LATE_BLOOMER = ValidatedUtility(quality=(0.1, 0.12, 0.72, 0.7))


def planned(costs: CostModel, utility: ValidatedUtility, jobs: list[Job]) -> dict[int, float]:
    """Seconds of the first planned piece, by place."""
    agenda = Agenda(Outlooks(costs, utility))
    agenda.update(jobs, ())
    return {item.place: item.first.cost_s for item in agenda.plan(0.0)}


def test_exit_1_is_planned_before_any_refinement(costs: CostModel, make_job: MakeJob) -> None:
    """Two exits 1 fill the two seconds there are: the refinement has to stay out."""
    jobs = [
        make_job(1, 2.0, exit=1, active_share=0.5, **WAITING),
        make_job(2, 2.0, **WAITING),
        make_job(3, 2.0),
    ]
    assert planned(costs, CONCAVE, jobs) == {1: 1.0, 2: 1.0}


def test_what_is_planned_meets_every_deadline(costs: CostModel, make_job: MakeJob) -> None:
    """The third exit 1 would end at 3 s, half a second late."""
    jobs = [make_job(1, 1.5), make_job(2, 2.5), make_job(3, 2.5)]
    assert planned(costs, CONCAVE, jobs) == {0: 1.0, 1: 1.0}


def test_of_a_bundle_that_does_not_fit_its_longest_part_is_planned(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Exits 2 and 3 together take 5 s; there are 3 s, enough for exit 2."""
    assert planned(costs, LATE_BLOOMER, [make_job(1, 5.0, exit=1, **WAITING)]) == {0: 5.0}
    assert planned(costs, LATE_BLOOMER, [make_job(1, 3.0, exit=1, **WAITING)]) == {0: 2.0}


JOBS = st.lists(
    st.tuples(
        st.floats(0.0, 30.0), st.sampled_from([0, 1, 2, 3]), st.sampled_from([0.2, 0.5, 1.0]), st.booleans()
    ),
    max_size=12,
)


@settings(deadline=None)
@given(
    queues=st.tuples(JOBS, JOBS), now=st.floats(0.0, 20.0), utility=st.sampled_from([CONCAVE, LATE_BLOOMER])
)
def test_an_agenda_that_was_kept_plans_like_one_that_is_new(
    exact_costs: Callable[[float], CostModel],
    make_job: MakeJob,
    queues: tuple[list[Row], list[Row]],
    now: float,
    utility: ValidatedUtility,
) -> None:
    """Whatever came, changed and left in between, and whatever was planned before."""

    def jobs(rows: list[Row]) -> list[Job]:
        states = (State.DONE, State.WAITING)
        return [
            make_job(id_, by_s, exit=exit_, active_share=share if exit_ else 1.0, state=states[live])
            for id_, (by_s, exit_, share, live) in enumerate(rows)
        ]

    kept, new = (Agenda(Outlooks(exact_costs(0.5), utility)) for _ in range(2))
    register = Register()
    before, after = map(jobs, queues)
    for queue in (before, after):
        changes = register.update(queue)
        kept.update(changes.fresh, changes.left)
        seen = kept.plan(now)
    new.update(after, ())
    expected = [(item.job.id, item.place, item.first) for item in new.plan(now)]
    assert [(item.job.id, item.place, item.first) for item in seen] == expected
    assert kept.least_s() == new.least_s()
    assert kept.longest_s == new.longest_s
