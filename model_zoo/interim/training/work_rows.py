"""The rows of a sheet that exits of any task have: how sure they are, and what each stage computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interim.training.paint import painted_confidence, painted_work
from interim.training.sheet import Panel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from interim.model_zoo.anytime import Prediction
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

Size = tuple[int, int]


def confidences(predictions: Sequence[Prediction], stride: int, size: Size) -> list[NDArray[np.float32]]:
    """Each exit's confidence (h, w) for an image of `size`, without what lies in the padding alone."""
    return [_cropped(each.confidence, stride, size) for each in predictions]


def work_row(
    model: AnytimeHrnet, image: NDArray[np.uint8], predictions: Sequence[Prediction], caption: str
) -> list[Panel]:
    """The colours of confidence, named by `caption`, then what each stage computed of the image."""
    shares = _computed(model, predictions, (image.shape[0], image.shape[1]))
    return [
        Panel(picture=_heat_scale(image.shape[1]), caption=caption),
        *(_work(model, image, share) for share in shares),
    ]


def _computed(model: AnytimeHrnet, predictions: Sequence[Prediction], size: Size) -> list[NDArray[np.bool_]]:
    """The positions that each stage computes: all in the first, then what the exit before left active."""
    masks: list[NDArray[np.bool_]] = [_cropped(each.active, model.spec.stride, size) for each in predictions]
    whole = np.ones_like(masks[0])
    return [whole, *masks[:-1]] if model.masking else [whole for _ in masks]


def _work(model: AnytimeHrnet, image: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Panel:
    whole = "" if model.masking else " (adaptivity off)"
    return Panel(picture=painted_work(image, mask), caption=f"computes {100 * mask.mean():.0f} %{whole}")


def _cropped(values: Tensor, stride: int, size: Size) -> NDArray[Any]:
    """A map of one image without what lies in the padding alone."""
    part: NDArray[Any] = values[0, : -(-size[0] // stride), : -(-size[1] // stride)].numpy()
    return part


def _heat_scale(width: int) -> NDArray[np.uint8]:
    """The colours of confidence from 0 to 1, a low bar as wide as the image."""
    line = np.linspace(0, 1, width, dtype=np.float32)
    return painted_confidence(np.broadcast_to(line, (max(1, width // 16), width)))
