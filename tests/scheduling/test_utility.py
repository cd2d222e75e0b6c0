"""What exits are worth, and the hull of what is to come."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.hull import hull
from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.job import Job

    MakeJob = Callable[..., Job]

CONCAVE = ValidatedUtility(quality=(0.4, 0.6, 0.7, 0.75), active_share=(1.0, 0.5, 0.5, 0.25))


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
