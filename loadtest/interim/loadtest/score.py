"""How good the masks of a clip were, against its labels, in two ways that must not be confused.

*Delivered*: each answered frame's own final mask against its own labels; frames without an answer do
not count. *Streaming*: what a viewer had: for every frame, the newest mask that stood when the frame's
budget was over, whichever frame it came from (after Li, Wang and Ramanan, "Towards streaming
perception", ECCV 2020). A frame before the first mask counts as wrong everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from interim.model_zoo.metrics import IGNORE, confusion, mean_iou

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Map = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A mask that arrived: when (seconds from the run's start), of which frame, from which exit."""

    at_s: float
    frame: int
    exit: int
    mask: Map


def standing(shown: Iterable[Shown], at_s: float) -> Map | None:
    """The mask a viewer sees at an instant: of the newest frame, its deepest exit; None before the first."""
    there = [one for one in shown if one.at_s <= at_s]
    return max(there, key=lambda one: (one.frame, one.exit)).mask if there else None


def delivered_miou(finals: Mapping[int, Map], labels: Mapping[int, Map]) -> float | None:
    """Mean IoU over answered frames, each frame's final mask against its own labels; None if there are none."""
    return _miou([(labels[index], mask) for index, mask in finals.items() if index in labels])


def streaming_miou(
    shown: Sequence[Shown], due_s: Mapping[int, float], labels: Mapping[int, Map]
) -> float | None:
    """Mean IoU over all labelled frames, of the mask that stood when each one's budget was over.

    Args:
        shown: every mask that arrived.
        due_s: when each frame's budget was over, by frame.
        labels: (H, W) class ids by frame, 255 for void.
    """
    return _miou([(truth, standing(shown, due_s[index])) for index, truth in labels.items()])


def _miou(pairs: Sequence[tuple[Map, Map | None]]) -> float | None:
    if not pairs:
        return None
    highest = max(_highest(ids) for pair in pairs for ids in pair if ids is not None)
    nothing = highest + 1  # a class of its own for "no mask": never true, so always wrong
    counts = np.zeros((nothing + 1, nothing + 1), np.int64)
    for truth, mask in pairs:
        answer = np.full(truth.shape, nothing, np.int64) if mask is None else mask
        counts += confusion(truth, answer, nothing + 1)
    return mean_iou(counts)


def _highest(ids: Map) -> int:
    return int(ids[ids != IGNORE].max(initial=0))
