"""What masks of a clip are worth: as delivered, and as a viewer saw them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from interim.loadtest.score import Shown, delivered_miou, standing, streaming_miou

TRUTH = np.array([[0, 0, 1, 1]], np.uint8)
HALF = np.array([[0, 0, 0, 0]], np.uint8)  # IoU of 0: 1/2, of 1: 0


def shown(at_s: float, frame: int, exit_: int = 1, mask: NDArray[np.uint8] = TRUTH) -> Shown:
    return Shown(at_s=at_s, frame=frame, exit=exit_, mask=mask)


def test_a_right_mask_scores_one() -> None:
    """The labels themselves score 1 in both ways."""
    assert delivered_miou({0: TRUTH}, {0: TRUTH}) == 1.0
    assert streaming_miou([shown(0.0, 0)], {0: 1.0}, {0: TRUTH}) == 1.0


def test_void_pixels_do_not_count() -> None:
    """A pixel without a label cannot be wrong."""
    labels = np.array([[0, 0, 255, 255]], np.uint8)
    assert delivered_miou({0: HALF}, {0: labels}) == 1.0


def test_delivered_leaves_unanswered_frames_out() -> None:
    """A frame without an answer does not lower the delivered score; it lowers the streaming score."""
    labels = {0: TRUTH, 1: TRUTH[:, ::-1]}
    assert delivered_miou({0: TRUTH}, labels) == 1.0
    streaming = streaming_miou([shown(0.5, 0)], {0: 1.0, 1: 2.0}, labels)
    assert streaming is not None
    assert streaming < 1.0


def test_a_frame_before_the_first_mask_is_all_wrong() -> None:
    """Nothing on the screen is worth nothing, and costs no class a false alarm."""
    assert streaming_miou([], {0: 1.0}, {0: TRUTH}) == 0.0
    half = streaming_miou([shown(1.5, 1)], {0: 1.0, 1: 2.0}, {0: TRUTH, 1: TRUTH})
    assert half == 0.5


def test_a_late_mask_does_not_stand() -> None:
    """A mask that came after a frame's budget was over is not what the viewer had at that instant."""
    on_time = streaming_miou([shown(0.9, 0, mask=HALF)], {0: 1.0}, {0: TRUTH})
    too_late = streaming_miou([shown(0.9, 0, mask=HALF), shown(1.1, 0, 4)], {0: 1.0}, {0: TRUTH})
    assert on_time == too_late == 0.25


def test_without_labels_there_is_no_score() -> None:
    """No labels, no figure: None and not 0."""
    assert streaming_miou([shown(0.0, 0)], {}, {}) is None
    assert delivered_miou({0: TRUTH}, {}) is None


@given(
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5), st.integers(1, 4)), max_size=20), st.floats(0, 10)
)
def test_the_newest_frame_stands(arrivals: list[tuple[float, int, int]], at_s: float) -> None:
    """A viewer keeps the newest frame's deepest mask: a late answer to an older frame never replaces it."""
    there = [(frame, exit_) for arrived_s, frame, exit_ in arrivals if arrived_s <= at_s]
    masks = [shown(a, f, e, np.array([[f, e]], np.uint8)) for a, f, e in arrivals]
    stood = standing(masks, at_s)
    assert (None if stood is None else tuple(stood[0])) == max(there, default=None)
