"""What exits are worth, the hull of what is to come, and the plan made of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.hull import hull
from interim.scheduling.outlook import Outlooks
from interim.scheduling.planning import plan
from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job

    MakeJob = Callable[..., Job]

CONCAVE = ValidatedUtility(quality=(0.4, 0.6, 0.7, 0.75), active_share=(1.0, 0.5, 0.5, 0.25))
LATE_BLOOMER = ValidatedUtility(quality=(0.1, 0.12, 0.72, 0.7))


def test_before_exit_1_the_validated_means_stand(make_job: MakeJob) -> None:
    """Exit 0 is worth nothing; each exit adds its difference."""
    assert CONCAVE.gains(make_job(1, 9.0)) == pytest.approx([0.4, 0.2, 0.1, 0.05])
    assert CONCAVE.shares(make_job(1, 9.0)) == pytest.approx([1.0, 0.5, 0.5, 0.25])


def test_a_job_with_twice_the_active_share_gains_twice_and_costs_twice(make_job: MakeJob) -> None:
    """No stage refines more than everything."""
    job = make_job(1, 9.0, exit=1, active_share=1.0)
    assert CONCAVE.gains(job) == pytest.approx([0.4, 0.2, 0.1])
    assert CONCAVE.shares(job) == pytest.approx([1.0, 1.0, 0.5])


def test_weights_of_job_and_class_multiply(make_job: MakeJob) -> None:
    """A class that is not named counts 1."""
    utility = ValidatedUtility(quality=(0.5,), class_weights={"urgent": 3.0})
    job = make_job(1, 9.0, max_exit=1, weight=2.0, request_class="urgent")
    assert utility.gains(job) == pytest.approx([3.0])
    assert utility.gains(make_job(2, 9.0, max_exit=1, request_class="other")) == pytest.approx([0.5])


@pytest.mark.parametrize("fields", [{"active_share": (1.0, 0.0)}, {"class_weights": {"x": -1.0}}])
def test_numbers_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    """A share of nothing and a negative weight."""
    with pytest.raises(ValueError, match=r"not in \(0, 1\]|has weight"):
        ValidatedUtility(quality=(0.5,), **fields)  # type: ignore[arg-type]  # on purpose


def test_stages_that_only_pay_together_are_one_bundle() -> None:
    """Exit 2 alone gains 0.02 for 2 s; up to exit 3 it is 0.62 for 5 s. Exit 4 would lose."""
    pieces = hull(0, [1.0, 2.0, 3.0, 4.0], [0.2, 0.02, 0.6, -0.02])
    assert [(piece.exit, piece.cost_s, round(piece.gain, 9)) for piece in pieces] == [
        (1, 1.0, 0.2),
        (3, 5.0, 0.62),
    ]


STAGES = st.lists(st.tuples(st.floats(0.01, 10.0), st.floats(-1.0, 1.0)), max_size=6)


@given(STAGES)
def test_a_hull_falls_in_density_and_never_lies_below_the_exits(stages: list[tuple[float, float]]) -> None:
    """Its corners are exits, and every exit is worth at most what the hull has for the same cost."""
    costs, gains = [cost for cost, _ in stages], [gain for _, gain in stages]
    pieces = hull(0, costs, gains)
    assert all(one.density >= other.density for one, other in pairwise(pieces))
    for exit_ in range(1, len(stages) + 1):
        left, worth = sum(costs[:exit_]), 0.0
        for piece in pieces:
            part = min(left, piece.cost_s)
            worth += part * piece.density
            left -= part
        assert sum(gains[:exit_]) <= worth + 1e-9


def planned(costs: CostModel, utility: ValidatedUtility, jobs: list[Job]) -> dict[int, float]:
    """Seconds of the first planned piece, by place."""
    outlooks = Outlooks(costs, utility)
    rows = plan(0.0, [job.answer_by_s for job in jobs], [outlooks.of(job) for job in jobs])
    return {row.place: row.cost_s for row in rows}


def test_exit_1_is_planned_before_any_refinement(costs: CostModel, make_job: MakeJob) -> None:
    """Two exits 1 fill the two seconds there are: the refinement has to stay out."""
    jobs = [make_job(1, 2.0, exit=1, active_share=0.5), make_job(2, 2.0), make_job(3, 2.0)]
    assert planned(costs, CONCAVE, jobs) == {1: 1.0, 2: 1.0}


def test_what_is_planned_meets_every_deadline(costs: CostModel, make_job: MakeJob) -> None:
    """The third exit 1 would end at 3 s, half a second late."""
    jobs = [make_job(1, 1.5), make_job(2, 2.5), make_job(3, 2.5)]
    assert planned(costs, CONCAVE, jobs) == {0: 1.0, 1: 1.0}


def test_of_a_bundle_that_does_not_fit_its_longest_part_is_planned(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Exits 2 and 3 together take 5 s; there are 3 s, enough for exit 2."""
    assert planned(costs, LATE_BLOOMER, [make_job(1, 5.0, exit=1)]) == {0: 5.0}
    assert planned(costs, LATE_BLOOMER, [make_job(1, 3.0, exit=1)]) == {0: 2.0}
