"""Scores of label maps."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.metrics import class_iou, confusion, image_score, mean_iou

CLASSES = 4
Ids = NDArray[np.uint8]
maps = arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from((0, 1, 2, 3)))
truths = arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from((0, 1, 2, 3, 255)))


@given(truth=truths, predicted=maps)
def test_each_class_scores_its_intersection_over_its_union(truth: Ids, predicted: Ids) -> None:
    """Counted pixel by pixel, without those that have no truth."""
    scores = class_iou(confusion(truth, predicted, CLASSES))
    known = truth != 255
    for index in range(CLASSES):
        true, said = (truth == index) & known, (predicted == index) & known
        expected = (true & said).sum() / (true | said).sum() if true.any() else np.nan
        np.testing.assert_allclose(scores[index], expected)


@given(truth=truths, predicted=maps)
def test_confusion_matrices_add_up(truth: Ids, predicted: Ids) -> None:
    """The counts of a whole are the sum of its parts', and hold each known pixel once."""
    whole = confusion(truth, predicted, CLASSES)
    parts = sum(confusion(truth[rows], predicted[rows], CLASSES) for rows in (slice(2), slice(2, None)))
    assert (whole == parts).all()
    assert whole.sum() == (truth != 255).sum()


@given(truth=maps)
def test_a_perfect_map_scores_one(truth: Ids) -> None:
    """Absent classes do not count against it."""
    assert image_score(truth, truth, CLASSES) == 1.0


def test_the_mean_is_over_the_classes_that_are_there() -> None:
    """Half of class 0 right, class 1 right but for what class 0 lost to it, class 2 said but never true."""
    truth = np.array([0, 0, 1, 1, 1, 255])
    predicted = np.array([0, 1, 1, 1, 2, 3])
    assert image_score(truth, predicted, CLASSES) == pytest.approx((1 / 2 + 2 / 4) / 2)


def test_an_image_without_truth_has_no_score() -> None:
    """Nothing known gives nan, not 0 and not a warning."""
    assert np.isnan(mean_iou(confusion(np.full((2, 2), 255), np.zeros((2, 2), int), CLASSES)))


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([0, 1], [0, 4], "prediction 4 is no class"),
        ([0, 9], [0, 1], "label 9"),
        ([0], [0, 1], "differ"),
        ([0], [-1], "-1"),
    ],
)
def test_what_cannot_be_counted_is_refused(truth: list[int], predicted: list[int], message: str) -> None:
    """One sentence names the value and the rule."""
    with pytest.raises(BadInputError, match=message):
        confusion(np.array(truth), np.array(predicted), CLASSES)


def test_scoring_loads_no_torch() -> None:
    """A load test scores masks without torch."""
    code = "import sys, interim.model_zoo.metrics; raise SystemExit('torch' in sys.modules)"
    paths = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=paths, check=False).returncode == 0
