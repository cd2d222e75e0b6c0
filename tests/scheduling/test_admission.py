"""Who may come in: those whose exit 1 comes in time, without making a promised one late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from interim.scheduling.admission import admit
from interim.scheduling.job import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.costs import CostModel
    from interim.scheduling.job import Job

    MakeJob = Callable[..., Job]


def test_what_cannot_be_met_even_alone_is_refused_for_good(costs: CostModel, make_job: MakeJob) -> None:
    """The sentence says what it takes and what is missing; trying again will not help."""
    verdict = admit(0.0, make_job(1, 1.5, ready_s=1.0), (), free_s=0.0, costs=costs)
    assert (verdict.admitted, verdict.cause, verdict.retry_after_s) == (False, "deadline", 0.0)
    assert "1000.0 ms" in verdict.detail
    assert "500.0 ms more" in verdict.detail


def test_what_just_fits_alone_is_admitted(costs: CostModel, make_job: MakeJob) -> None:
    """Decode, then exit 1, then the timer: equal is in time."""
    assert admit(0.0, make_job(1, 2.0, ready_s=1.0), (), free_s=0.5, costs=costs).admitted


def test_the_step_on_the_device_comes_first(costs: CostModel, make_job: MakeJob) -> None:
    """Until the device is free nothing begins, and then trying again helps."""
    verdict = admit(0.0, make_job(1, 2.0), (), free_s=1.5, costs=costs)
    assert verdict.cause == "deadline"
    assert verdict.retry_after_s == pytest.approx(0.5)
    assert admit(0.0, make_job(1, 2.5), (), free_s=1.5, costs=costs).admitted


def test_mandatory_work_with_an_earlier_deadline_comes_first(costs: CostModel, make_job: MakeJob) -> None:
    """Two seconds of others' exit 1 lie before a third."""
    others = [make_job(1, 2.0), make_job(2, 2.5)]
    assert admit(0.0, make_job(3, 3.0), others, free_s=0.0, costs=costs).admitted
    assert not admit(0.0, make_job(3, 2.9), others, free_s=0.0, costs=costs).admitted


def test_a_newcomer_that_makes_a_promised_job_late_is_refused(costs: CostModel, make_job: MakeJob) -> None:
    """It would be in time itself, but job 1 would not; with more time for job 1 both are."""
    assert not admit(0.0, make_job(2, 1.2), [make_job(1, 1.9)], free_s=0.0, costs=costs).admitted
    assert admit(0.0, make_job(2, 1.2), [make_job(1, 2.0)], free_s=0.0, costs=costs).admitted


def test_optional_stages_of_others_do_not_keep_anyone_out(costs: CostModel, make_job: MakeJob) -> None:
    """Past their mandatory exits, and done, others weigh nothing."""
    others = [
        make_job(1, 9.0, exit=1, state=State.WAITING),
        make_job(2, 1.0, exit=2, state=State.DONE),
        make_job(3, 1.0, state=State.DONE),
    ]
    assert admit(0.0, make_job(4, 1.0), others, free_s=0.0, costs=costs).admitted


def test_min_exit_makes_more_stages_mandatory(costs: CostModel, make_job: MakeJob) -> None:
    """Exits 1 and 2 take three seconds; a smaller image less."""
    assert not admit(0.0, make_job(1, 2.9, min_exit=2), (), free_s=0.0, costs=costs).admitted
    assert admit(0.0, make_job(1, 3.0, min_exit=2), (), free_s=0.0, costs=costs).admitted
    assert admit(0.0, make_job(1, 1.5, min_exit=2, size=(50, 50)), (), free_s=0.0, costs=costs).admitted


def test_a_job_that_is_late_already_keeps_no_promised_place_but_goes_before_newcomers(
    costs: CostModel, make_job: MakeJob
) -> None:
    """Its second is charged to the newcomer, and does not make the promised job look late."""
    late = make_job(1, 0.5, state=State.WAITING)
    promised = make_job(2, 1.0)
    assert not admit(0.0, make_job(3, 2.9), [late, promised], free_s=0.0, costs=costs).admitted
    assert admit(0.0, make_job(3, 3.0), [late, promised], free_s=0.0, costs=costs).admitted


def test_a_broken_promise_is_not_blamed_on_a_newcomer(costs: CostModel, make_job: MakeJob) -> None:
    """Jobs 1 and 2 cannot both be in time; a later third that delays neither comes in."""
    others = [make_job(1, 1.5), make_job(2, 1.6)]
    assert admit(0.0, make_job(3, 3.0), others, free_s=0.0, costs=costs).admitted


def test_waiting_for_a_newcomers_image_makes_nobody_late(costs: CostModel, make_job: MakeJob) -> None:
    """The device may stand idle until the newcomer is decoded: job 1 must bear that too."""
    newcomer = make_job(2, 1.5, ready_s=0.5)
    assert not admit(0.0, newcomer, [make_job(1, 2.4)], free_s=0.0, costs=costs).admitted
    assert admit(0.0, newcomer, [make_job(1, 2.5)], free_s=0.0, costs=costs).admitted
