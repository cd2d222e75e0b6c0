"""The last convolution of an exit, with all that comes before and after it in one kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.gpu.answer import columns_of
from interim.model_zoo.gpu.arguments import coarse_arguments, list_arguments
from interim.model_zoo.gpu.kernels.answers import classify
from interim.model_zoo.gpu.maps import padded
from interim.model_zoo.gpu.tape import Launch
from interim.model_zoo.gpu.target import power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.gpu.answer import Answer
    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.positions import Positions
    from interim.model_zoo.gpu.target import Target

ALIGNED = 128
"""Rows of the weights are padded with zeros to a multiple."""


class Classifier:
    """The last 1x1 convolution of an exit.

    Args:
        weight: (classes, channels, 1, 1).
        bias: (classes,) or None.
        dtype: Of maps.
        target: Where.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, dtype: torch.dtype, target: Target) -> None:
        self._classes, self._channels = weight.shape[:2]
        columns = columns_of(self._classes)
        device = target.device
        rows = -(-self._channels // ALIGNED) * ALIGNED
        self._weight = torch.zeros((rows, columns), dtype=dtype, device=device)
        self._weight[: self._channels, : self._classes] = weight[:, :, 0, 0].T
        self._bias = torch.zeros(columns, device=device)
        if bias is not None:
            self._bias[: self._classes] = bias
        self._interpreted = target.interpreted

    def launch(
        self, mixed: Map, coarse: Sequence[Map], target: Answer, positions: Positions, *, relu: bool
    ) -> Launch:
        """Classify [relu](mixed + the sum of smaller maps, enlarged) at positions, and what follows of it.

        Raises:
            BadInputError: the maps do not fit.
        """
        shape = mixed.shape
        wanted = (shape.images, shape.height, shape.width, self._classes)
        if shape.channels != self._channels or tuple(target.logits.shape) != wanted:
            raise BadInputError(f"{shape} does not give logits {tuple(target.logits.shape)}")
        maps, factors = coarse_arguments(coarse, mixed)
        block = power(positions.capacity, 16) if self._interpreted else 64
        constants: dict[str, Any] = {
            "CHANNELS": padded(self._channels),
            "CLASSES": self._classes,
            "COLUMNS": columns_of(self._classes),
            "LISTED": positions.entries is not None,
            "RELU": relu,
            "SURETY": target.surety,
            "WIDE": self._interpreted,
            "BLOCK_M": block,
            "BLOCK_K": ALIGNED if self._interpreted else min(32, power(padded(self._channels), 16)),
        }
        grid = (-(-positions.capacity // block),)

        def run() -> None:
            classify[grid](
                *(mixed.memory, *maps, self._weight, self._bias),
                *(*target.arguments, *list_arguments(positions)),
                **(constants | factors),
                num_stages=1,  # thirteen loads a step: pipelined they would not fit the shared memory
            )

        reads = frozenset({positions.key, mixed.key, target.key, *(x.key for x in coarse)})
        work = positions.capacity * self._channels * self._classes
        return Launch(run=run, reads=reads, writes=frozenset({target.key}), work=work)
