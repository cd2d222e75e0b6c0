"""The latest values and their quantiles."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.window import Window

MOST = 16
VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=3 * MOST)


@given(VALUES)
def test_old_values_are_forgotten_exactly(values: list[float]) -> None:
    """Both quantiles are those of the last values alone, whether they came at once or one by one."""
    window, recent = Window(MOST), values[-MOST:]
    for value in values:
        window.add(value)
    assert window.to_list() == Window(MOST, values).to_list() == recent
    assert window.above(0.5) == statistics.median_high(recent)
    assert window.between(0.5) == pytest.approx(statistics.median(recent))


@given(VALUES, st.integers(0, 2 * MOST))
def test_the_largest_are_forgotten_first(values: list[float], count: int) -> None:
    """What stays are the smallest, still in the order in which they came."""
    window = Window(2 * MOST, values)
    before = window.to_list()
    window.forget_largest(count)
    left = window.to_list()
    assert sorted(left) == sorted(before)[: max(len(before) - count, 0)]
    later = iter(before)
    assert all(value in later for value in left)
    assert len(window) == len(left)
