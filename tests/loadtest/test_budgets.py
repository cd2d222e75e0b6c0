"""Budget distributions: every budget drawn is one that was asked for."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.budgets import Choice, Constant, Uniform


@given(seed=st.integers(), low=st.floats(0.1, 1e3), width=st.floats(0.1, 1e3))
def test_uniform_budgets_stay_in_their_range(seed: int, low: float, width: float) -> None:
    """No budget lies outside the range."""
    random = Random(seed)
    budgets = Uniform(low_ms=low, high_ms=low + width)
    assert all(low <= budgets.draw(random) <= low + width for _ in range(20))


def test_uniform_budgets_fill_their_range() -> None:
    """Both halves of the range are drawn about equally often."""
    random = Random(0)
    above = sum(Uniform(low_ms=10, high_ms=20).draw(random) > 15 for _ in range(2000))
    assert 900 < above < 1100


def test_a_choice_keeps_its_weights() -> None:
    """A value of weight 3 is drawn three times as often as one of weight 1, and nothing else is."""
    random = Random(0)
    choice = Choice(values_ms=(20, 80), weights=(1, 3))
    counts = Counter(choice.draw(random) for _ in range(4000))
    assert set(counts) == {20, 80}
    assert 2.6 < counts[80] / counts[20] < 3.4


def test_a_constant_is_constant() -> None:
    """A constant budget needs no luck."""
    assert Constant(ms=60).draw(Random(0)) == 60
