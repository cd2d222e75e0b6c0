"""From logits to answers: how sure, still active or not, which class, at the logits' size and at the image's."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.label_map import STRIDE
from interim.model_zoo.native.planes import planes

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.native.kernels import Kernels

STRIDES = (2, 4, 8)
MAX_CLASSES = 256


class CSurety(ctypes.Structure):
    """`Surety` of c/classes.c."""

    _fields_ = (
        ("logits", ctypes.c_void_p),
        ("before", ctypes.c_void_p),
        ("confidence", ctypes.c_void_p),
        ("active", ctypes.c_void_p),
        ("threshold", ctypes.c_float),
    )


class Answers:
    """Answers from logits (N, C, h, w) float32, channels first, up to 256 classes."""

    def __init__(self, kernels: Kernels, *, threads: int = 1) -> None:
        pointer, number, many = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
        self._threads = threads
        self._surety = kernels.bind("most_probable", pointer, many, many, number)
        self._largest = kernels.bind("largest_class", pointer, pointer, number)
        self._label_map = kernels.bind("label_map", pointer, pointer, pointer, number, many, many, number)

    def confidence(
        self, logits: Tensor, threshold: float, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Confidence (N, h, w) float32 as `MaxProbability` has it, and where it is at most the threshold.

        Args:
            logits: (N, C, h, w).
            threshold: Above it a position is sure.
            before: (N, h, w) bool, contiguous: positions outside are not active, whatever their confidence.
        """
        images, _, height, width = logits.shape
        found = torch.empty((images, height, width))
        active = torch.empty((images, height, width), dtype=torch.bool)
        if before is not None and (before.shape != active.shape or not before.is_contiguous()):
            raise BadInputError(
                f"active positions of shape {tuple(before.shape)} do not fit {tuple(active.shape)}"
            )
        c = planes(logits)
        task = CSurety(
            *(ctypes.addressof(c), None if before is None else before.data_ptr()),
            *(found.data_ptr(), active.data_ptr(), threshold),
        )
        self._surety(ctypes.byref(task), 0, images * height, self._threads)
        return found, active

    def coarse_labels(self, logits: Tensor) -> Tensor:
        """The class of every logit, (N, h, w) uint8; of equals the first.

        Raises:
            BadInputError: more than 256 classes.
        """
        images, classes, height, width = logits.shape
        if classes > MAX_CLASSES:
            raise BadInputError(f"{classes} classes do not fit into bytes: there may be {MAX_CLASSES}")
        labels = torch.empty((images, height, width), dtype=torch.uint8)
        self._largest(ctypes.byref(planes(logits)), labels.data_ptr(), self._threads)
        return labels

    def label_map(self, logits: Tensor, size: tuple[int, int], *, stride: int = STRIDE) -> Tensor:
        """The class of every pixel: as `interim.model_zoo.label_map.label_map`, (N, height, width) uint8.

        Raises:
            BadInputError: the stride is not 2, 4 or 8, the size is more than stride times the logits', or there
                are more than 256 classes.
        """
        images, _, height, width = logits.shape
        if stride not in STRIDES or size[0] > stride * height or size[1] > stride * width:
            raise BadInputError(
                f"{height}x{width} logits do not give {size[0]}x{size[1]} pixels at stride {stride} (of {STRIDES})"
            )
        coarse = self.coarse_labels(logits)
        labels = torch.empty((images, *size), dtype=torch.uint8)
        self._label_map(
            *(ctypes.byref(planes(logits)), coarse.data_ptr(), labels.data_ptr()),
            *(stride, *size, self._threads),
        )
        return labels
