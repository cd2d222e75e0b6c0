"""Label maps on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from interim.model_zoo.gpu.answer import columns_of
from interim.model_zoo.gpu.kernels.answers import label_cells
from interim.model_zoo.label_map import STRIDE

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.gpu.target import Target

CELLS = 32
INTERPRETED_CELLS = 512
"""Cells between four neighbouring logits that a program works on."""


class Labels:
    """Label maps as `interim.model_zoo.label_map.label_map` makes them."""

    def __init__(self, target: Target) -> None:
        self._block = INTERPRETED_CELLS if target.interpreted else CELLS

    def __call__(self, logits: Tensor, size: tuple[int, int], *, stride: int = STRIDE) -> Tensor:
        """The class of every pixel, (N, height, width) uint8; float32 logits (N, C, h, w) of any strides."""
        images, classes, height, width = logits.shape
        labels = torch.empty((images, *size), dtype=torch.uint8, device=logits.device)
        cells = images * (height + 1) * (width + 1)
        image_step, class_step, y_step, x_step = logits.stride()
        label_cells[(-(-cells // self._block),)](
            *(logits, labels, images, height, width, *size, image_step, y_step, x_step, class_step),
            CLASSES=classes,
            COLUMNS=columns_of(classes),
            STRIDE=stride,
            BLOCK=self._block,
        )
        return labels
