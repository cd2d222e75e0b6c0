"""How good a label map is; numpy alone, so that a load test can score without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

IGNORE = 255


def confusion(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int, *, ignore: int = IGNORE
) -> NDArray[np.int64]:
    """Count pixels by true class (rows) and predicted class (columns), (classes, classes) int64.

    Args:
        truth: Class ids of any shape; pixels labelled `ignore` do not count.
        predicted: Class ids of the same shape, from 0 to classes - 1.
        classes: How many classes there are.
        ignore: The label of pixels without a truth.

    Raises:
        BadInputError: the shapes differ, or an id is no class.
    """
    if truth.shape != predicted.shape:
        raise BadInputError(
            f"labels {truth.shape} and prediction {predicted.shape} differ: give both one size"
        )
    known = truth != ignore
    rows, columns = truth[known].astype(np.int64), predicted[known].astype(np.int64)
    for name, ids in (("label", rows), ("prediction", columns)):
        if ids.size and not 0 <= ids.min() <= ids.max() < classes:
            worst = ids.max() if ids.max() >= classes else ids.min()
            raise BadInputError(f"the {name} {worst} is no class: ids go from 0 to {classes - 1}")
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes)


def class_iou(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Intersection over union of each class, from a confusion matrix; nan for a class never true.

    A sum of the confusion matrices of many images gives the scores of the data set.
    """
    hits, true = np.diag(counts).astype(np.float64), counts.sum(1)
    union = true + counts.sum(0) - hits
    scores = np.full_like(hits, np.nan)
    np.divide(hits, union, out=scores, where=true > 0)
    return scores


def mean_iou(counts: NDArray[np.integer]) -> float:
    """The mean of `class_iou` over the classes that are true somewhere; nan if there are none.

    Of one image's counts it is the image's score: these add up over requests, as data-set scores
    do not.
    """
    scores = class_iou(counts)
    present = scores[~np.isnan(scores)]
    return float(present.mean()) if present.size else float("nan")


def image_score(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], classes: int, *, ignore: int = IGNORE
) -> float:
    """One image's own mean IoU, over the classes true in it; arguments and errors as `confusion`."""
    return mean_iou(confusion(truth, predicted, classes, ignore=ignore))
