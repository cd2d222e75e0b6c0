"""What an exit adds to an image is told by a line, where there is one."""

import numpy as np
import pytest

from interim.training.gains import fit_gains


def test_a_line_is_found() -> None:
    """Gains that grow with the share: slope, intercept, and a full correlation; nan does not count."""
    shares = np.array([[0.2, 0.4, 0.6, 0.8], [1, 1, 1, 1]])
    first = np.array([0.1, 0.3, 0.2, np.nan])
    scores = np.stack([first, first + 0.05 + 0.5 * shares[0]])
    (gain,) = fit_gains(scores, shares)
    assert gain.exit == 1
    assert [gain.intercept, gain.slope] == pytest.approx([0.05, 0.5])
    assert gain.correlation == pytest.approx(1)


@pytest.mark.parametrize("shares", [[0.5, 0.5, 0.5], [0.5, 0.4]])
def test_without_a_line_it_is_the_mean(shares: list[float]) -> None:
    """All shares alike, or too few images."""
    first = np.zeros(len(shares))
    later = first + np.arange(len(shares)) / 10
    (gain,) = fit_gains(np.stack([first, later]), np.array([shares, shares]))
    assert (gain.slope, gain.correlation) == (0, 0)
    assert gain.intercept == pytest.approx(later.mean())
