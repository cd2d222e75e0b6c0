"""What answers are worth at their deadlines: by labels where there are some, else by their exits' quality."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from interim.loadtest.outcome import Ending
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.metrics import image_score

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from interim.loadtest.outcome import Outcome
    from interim.loadtest.sender import Sent

    Map = NDArray[np.uint8]


def by_exit(outcomes: Sequence[Outcome], validated: Sequence[float]) -> tuple[Outcome, ...]:
    """Outcomes with the validated quality of the deepest exit that was handed over in time.

    Refused and failed ones get 0.

    Args:
        outcomes: Of a run.
        validated: Each exit's mean per-image score on a validation set, from exit 1.
    """
    worth = (0.0, *validated)
    return tuple(
        replace(outcome, quality=worth[outcome.exit_in_time] if outcome.admitted else 0.0)
        if outcome.ending is not Ending.CANCELLED
        else outcome
        for outcome in outcomes
    )


def by_labels(sent: Sent, labels: Mapping[int, Map], classes: int) -> tuple[Outcome, ...]:
    """Outcomes with each final mask's own mean IoU; refused, failed and late ones get 0.

    Those without labels that could score a mask get nothing.

    Args:
        sent: What became of a run, with its masks.
        labels: (H, W) class ids by picture (modulo their count in `Outcome.picture`), 255 for void.
        classes: How many classes the model has.
    """
    known: dict[tuple[int, int], float | None] = {}
    scorable = {
        picture: truth for picture, truth in labels.items() if _score(truth, truth, classes) is not None
    }

    def score(outcome: Outcome) -> float | None:
        truth = scorable.get(outcome.picture)
        key = sent.mask_of.get(outcome.index)
        if truth is None:
            return None  # whatever became of it: else only what went wrong would count
        if not outcome.in_time:
            return 0.0
        if key is None:
            return None
        pair = (outcome.picture, key)
        if pair not in known:
            known[pair] = _score(truth, sent.masks[key], classes)
        return known[pair]

    return tuple(
        outcome if outcome.ending is Ending.CANCELLED else replace(outcome, quality=score(outcome))
        for outcome in sent.outcomes
    )


def _score(truth: Map, mask: Map, classes: int) -> float | None:
    try:
        score = image_score(truth, mask, classes)
    except BadInputError:  # labels of another size or of other classes say nothing about this mask
        return None
    return None if math.isnan(score) else score
