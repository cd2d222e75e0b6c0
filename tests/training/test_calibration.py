"""The calibration error is 0 for honest confidence, and the gap for boasting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.training.calibration import Calibration


def test_honest_confidence_has_no_error() -> None:
    """Right three times in four, and 0.75 sure each time."""
    calibration = Calibration()
    calibration.add(np.full(400, 0.75), np.arange(400) % 4 > 0)
    assert calibration.error == pytest.approx(0)


def test_boasting_costs_the_gap() -> None:
    """Always sure, right half of the time."""
    calibration = Calibration()
    calibration.add(np.ones(100), np.arange(100) % 2 == 0)
    assert calibration.error == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50), st.integers(0, 50))
def test_it_does_not_matter_how_pixels_are_dealt_out(pixels: list[tuple[float, bool]], cut: int) -> None:
    """Image by image or all at once: one error, in 0 to 1."""
    confidence, right = np.array([p[0] for p in pixels]), np.array([p[1] for p in pixels])
    whole, parts = Calibration(), Calibration()
    whole.add(confidence, right)
    parts.add(confidence[:cut], right[:cut])
    parts.add(confidence[cut:], right[cut:])
    assert parts.error == pytest.approx(whole.error)
    assert 0 <= whole.error <= 1


def test_without_pixels_there_is_no_error_to_tell() -> None:
    """Nan, not 0."""
    assert np.isnan(Calibration().error)
