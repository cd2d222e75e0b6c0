"""PCK counts what lies within half of a length."""

import numpy as np
import pytest

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.joint_metrics import joint_hits, joint_pck, pck, person_pck

TRUTH = np.zeros((2, 3, 2))
LENGTHS = np.array([10.0, 20.0])


def test_close_enough_is_half_of_each_persons_own_length() -> None:
    """Exactly half counts, a little more does not; in any direction."""
    found = TRUTH.copy()
    found[:, 0] = (3, 4)
    found[:, 1] = (0, -5.01)
    found[:, 2] = (10, 0)
    assert joint_hits(TRUTH, found, LENGTHS).tolist() == [[True, False, False], [True, True, True]]
    assert joint_hits(TRUTH, found, LENGTHS, share=0.1).sum() == 0


def test_only_known_joints_count() -> None:
    """Over all, by joint, and by person."""
    hits = np.array([[True, False, True], [True, True, False]])
    known = np.array([[True, True, False], [True, False, False]])
    assert pck(hits, known) == pytest.approx(2 / 3)
    assert joint_pck(hits, known).tolist() == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert person_pck(hits, known).tolist() == [0.5, 1]
    assert np.isnan(pck(hits, np.zeros_like(known)))


def test_what_cannot_be_measured_is_refused() -> None:
    """Shapes that differ, and people without a length."""
    with pytest.raises(BadInputError, match="do not fit"):
        joint_hits(TRUTH, TRUTH[:1], LENGTHS)
    with pytest.raises(BadInputError, match="not above 0"):
        joint_hits(TRUTH, TRUTH, np.array([1.0, np.nan]))
