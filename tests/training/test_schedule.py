"""Learning rate and averaging over the steps."""

from hypothesis import given
from hypothesis import strategies as st

from interim.training.schedule import average_decay, one_cycle


@given(steps=st.integers(4, 500), warmup=st.floats(0.0, 0.5))
def test_one_cycle_rises_once_and_falls_once(steps: int, warmup: float) -> None:
    """It never exceeds the peak, reaches it, and ends near nothing."""
    rates = [one_cycle(step, steps, 2.0, warmup) for step in range(steps)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert abs(max(rates) - 2.0) < 1e-9
    assert 0 <= rates[-1] < 1.0


@given(step=st.integers(0, 100_000), decay=st.floats(0.5, 0.9999))
def test_averaging_never_lags_behind_the_steps_there_were(step: int, decay: float) -> None:
    """The decay grows with the steps and stops at its limit."""
    assert 0 < average_decay(step, decay) <= average_decay(step + 1, decay) <= decay
