"""What every exit makes of one image: classes, confidence, and what each stage computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interim.model_zoo.label_map import label_map
from interim.model_zoo.metrics import image_score
from interim.training.data.sample import VOID, shrunk
from interim.training.evaluation import padded, run_exits
from interim.training.paint import painted_classes, painted_confidence, painted_work
from interim.training.sheet import Panel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from interim.model_zoo.anytime import Prediction
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.sample import Sample


def panels(model: AnytimeHrnet, whole: Sample) -> list[list[Panel]]:
    """Three rows, a column for each exit after the first one's image, truth and share of work.

    An image whose labels are all `VOID` has no truth to draw or to score against.
    """
    sample = shrunk(whole, model.spec.long_side)
    predictions = run_exits(model, padded(sample.image, model.spec.multiple))
    classes = model.spec.classes
    known = bool((sample.labels != VOID).any())
    size = sample.labels.shape
    maps = [
        label_map(each.logits, (size[0], size[1]), stride=model.spec.stride)[0].numpy()
        for each in predictions
    ]
    names = [each.name for each in model.spec.exits]
    scores = [image_score(sample.labels, labels, len(classes)) if known else None for labels in maps]
    truth = painted_classes(sample.image, sample.labels, classes) if known else sample.image
    return [
        [
            Panel(picture=sample.image, caption=f"{sample.name}, {size[1]}x{size[0]}"),
            *(
                Panel(picture=painted_classes(sample.image, labels, classes), caption=_scored(name, score))
                for name, labels, score in zip(names, maps, scores, strict=True)
            ),
        ],
        [
            Panel(picture=truth, caption="labels" if known else ""),
            *(_confidence(each, model.spec.stride, size) for each in predictions),
        ],
        [
            Panel(picture=_heat_scale(size[1]), caption="confidence: 0 to 1"),
            *(_work(model, sample.image, share) for share in _computed(model, predictions, size)),
        ],
    ]


def _scored(name: str, score: float | None) -> str:
    return name if score is None else f"{name}: mIoU {100 * score:.1f} %"


def _confidence(prediction: Prediction, stride: int, size: tuple[int, ...]) -> Panel:
    values: NDArray[np.float32] = _cropped(prediction.confidence, stride, size)
    return Panel(picture=painted_confidence(values), caption=f"confidence: mean {values.mean():.2f}")


def _computed(
    model: AnytimeHrnet, predictions: list[Prediction], size: tuple[int, ...]
) -> list[NDArray[np.bool_]]:
    """The positions that each stage computes: all in the first, then what the exit before left active."""
    masks: list[NDArray[np.bool_]] = [_cropped(each.active, model.spec.stride, size) for each in predictions]
    whole = np.ones_like(masks[0])
    return [whole, *masks[:-1]] if model.masking else [whole for _ in masks]


def _work(model: AnytimeHrnet, image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Panel:
    whole = "" if model.masking else " (adaptivity off)"
    return Panel(picture=painted_work(image, mask), caption=f"computes {100 * mask.mean():.0f} %{whole}")


def _cropped(values: Tensor, stride: int, size: tuple[int, ...]) -> NDArray[Any]:
    """A map of one image without what lies in the padding alone."""
    part: NDArray[Any] = values[0, : -(-size[0] // stride), : -(-size[1] // stride)].numpy()
    return part


def _heat_scale(width: int) -> NDArray[np.uint8]:
    """The colours of confidence from 0 to 1, a low bar as wide as the image."""
    line = np.linspace(0, 1, width, dtype=np.float32)
    return painted_confidence(np.broadcast_to(line, (max(1, width // 16), width)))
