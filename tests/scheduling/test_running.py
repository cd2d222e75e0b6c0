"""The step on the device: what may still come of it is charged with what follows as one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.charge import Charge, Course, together_s
from interim.scheduling.costs import CostModel
from interim.scheduling.running import Running
from interim.scheduling.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

EPSILON_S = 1e-9

SECONDS = st.floats(0.0, 1.0)
CHARGES = st.builds(Charge.of, st.floats(0.001, 1.0), SECONDS, SECONDS)


class Fixed(CostModel):
    """Every step is charged the same."""

    def __init__(self, charge: Charge) -> None:
        super().__init__()
        self._charge = charge

    def charge(self, *_: Any, **__: Any) -> Charge:
        return self._charge


def begun(make_job: Callable[..., Any], charge: Charge) -> Running:
    return Running.begun(0.0, Step(exit=1, ids=(1,)), (make_job(1, 9.0),), Fixed(charge))


def told(running: Running, now_s: float) -> tuple[float, float, float]:
    """When the device comes free, the tail of that, and the stall, in seconds."""
    free_s, later = running.free_s(now_s)
    return free_s, later.tail_s, together_s(later.stalls)


@given(first=CHARGES, second=CHARGES, elapsed=st.floats(0.0, 1.0))
def test_work_after_it_is_charged_as_in_one_row_with_it_at_least(
    make_job: Callable[..., Any], first: Charge, second: Charge, elapsed: float
) -> None:
    """Whenever that is asked while it runs; and at most as if it took all it may, and then the work did."""
    running = begun(make_job, first)
    now_s = elapsed * running.until_s
    done_s = Course(*running.free_s(now_s)).add(second, 0.0)
    assert first.plus(second).seconds - EPSILON_S <= done_s <= running.until_s + second.seconds + EPSILON_S


def test_what_it_took_longer_already_is_its_tail(make_job: Callable[..., Any]) -> None:
    """Its stall may still come; once it takes longer than anyone counted on, it is expected to end at once."""
    running = begun(make_job, Charge.of(1.0, 0.5, 0.25))
    instants = {
        0.0: (1.0, 0.5, 0.25),
        1.25: (1.25, 0.25, 0.25),
        1.625: (1.625, 0.0, 0.125),
        2.0: (2.0, 0.0, 0.0),
    }
    for now_s, (free_s, tail_s, stall_s) in instants.items():
        assert told(running, now_s) == pytest.approx((free_s, tail_s, stall_s))


def test_given_up_it_is_over_by_then(make_job: Callable[..., Any]) -> None:
    """At the next slice border; what would have ended sooner still does."""
    running = begun(make_job, Charge.of(1.0, 0.5, 0.25))
    assert told(running.given_up(0.25), 0.0) == (0.25, 0.0, 0.0)
    assert running.given_up(9.0) == running


def test_what_is_left_of_a_slice_is_no_stall(make_job: Callable[..., Any]) -> None:
    """It is sure to be used: work after it may have a stall of its own beyond that."""
    running = begun(make_job, Charge.of(1.0, 0.5, 0.5)).given_up(1.5)
    assert told(running, 1.25) == (1.25, 0.25, 0.0)
