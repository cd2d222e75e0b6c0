"""A convolution on the GPU: its weights as the kernel takes them, and its launches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.gpu.kernels.convolution import add_up, convolve
from interim.model_zoo.gpu.maps import padded
from interim.model_zoo.gpu.tape import Launch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.positions import Positions
    from interim.model_zoo.gpu.target import Target, Tiling

ALIGNED = 128
"""Rows of the weights are padded with zeros to a multiple: no step of a sum is longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epilogue:
    """What follows a convolution: a map like the target is added, negative results become 0."""

    residual: Map | None = None
    relu: bool = False


class PackedConv:
    """A convolution with "same" padding of one map, or, 1x1, of two whose channels are concatenated.

    Args:
        weights: For each map (outputs, inputs, k, k), k 1 or 3.
        bias: (outputs,) or None.
        stride: 1, or with k 3 also 2.
        dtype: Of maps and weights; sums are float32.
        target: Where.

    Raises:
        BadInputError: there is no kernel for such a convolution.
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        bias: Tensor | None,
        *,
        stride: int,
        dtype: torch.dtype,
        target: Target,
    ) -> None:
        self.outputs, _, kernel, _ = weights[0].shape
        self.inputs = tuple(weight.shape[1] for weight in weights)
        self._taps = kernel**2
        self._stride = stride
        kinds = {(1, 1, 1), (1, 1, 2), (9, 1, 1), (9, 2, 1)}
        if (self._taps, stride, len(weights)) not in kinds:
            raise BadInputError(
                f"no kernel convolves {len(weights)} maps {kernel}x{kernel} with stride {stride}"
            )
        columns = padded(self.outputs)
        self._weight = torch.cat([_packed(weight, columns) for weight in weights]).to(target.device, dtype)
        self._bias = torch.zeros(columns, device=target.device)
        if bias is not None:
            self._bias[: self.outputs] = bias
        self._dtype = dtype
        self._target = target

    def launches(
        self,
        sources: Sequence[Map],
        target: Map,
        positions: Positions,
        epilogue: Epilogue,
        *,
        tiling: Tiling | None = None,
    ) -> list[Launch]:
        """Write [relu](conv(sources) + bias [+ residual]) to positions of the target; the residual may be the target.

        Raises:
            BadInputError: the maps do not fit.
        """
        self._check(sources, target, positions)
        depth = self._taps * padded(self.inputs[0])
        cut = tiling or self._target.tiling(
            outputs=padded(self.outputs),
            depth=depth if len(sources) == 1 else min(depth, padded(self.inputs[1])),
            positions=positions.height * positions.width,
            dtype=self._dtype,
        )
        residual = epilogue.residual
        shares = torch.empty(
            (cut.split, positions.capacity, padded(self.outputs)) if cut.split > 1 else (1,),
            device=self._target.device,
        )
        entries = positions.count if positions.entries is None else positions.entries
        after = ((residual or target).memory, target.memory)
        lists = (
            entries,
            positions.count,
            positions.slot,
            positions.height,
            positions.width,
            positions.capacity,
        )
        constants = {
            "OUTPUTS": padded(self.outputs),
            "LISTED": positions.entries is not None,
            "RESIDUAL": residual is not None,
            "RELU": epilogue.relu,
            "SPLIT": cut.split,
            "BLOCK_M": cut.rows,
            "BLOCK_N": cut.columns,
        }
        inputs = [padded(count) for count in self.inputs]
        tiles = -(-positions.capacity // cut.rows) * -(-padded(self.outputs) // cut.columns)

        def multiply() -> None:
            convolve[(tiles, cut.split)](
                *(sources[0].memory, sources[-1].memory, self._weight, self._bias, *after, shares, *lists),
                **constants,
                INPUTS=inputs[0],
                SECOND=inputs[1] if len(inputs) > 1 else 0,
                TAPS=self._taps,
                STRIDE=self._stride,
                WIDE=self._target.interpreted,
                BLOCK_K=cut.depth,
                num_warps=cut.warps,
                num_stages=cut.stages,
            )

        def add() -> None:
            add_up[(tiles,)](shares, self._bias, *after, *lists, **constants)

        kept = {residual.key} if residual else {target.key} if positions.entries is not None else set()
        reads = {positions.key, *(source.key for source in sources)}
        work = positions.capacity * self._taps * sum(self.inputs) * self.outputs
        if cut.split == 1:
            whole = Launch(
                run=multiply, reads=frozenset(reads | kept), writes=frozenset({target.key}), work=work
            )
            return [whole]
        parts = frozenset({shares.data_ptr()})
        return [
            Launch(run=multiply, reads=frozenset(reads), writes=parts, work=work),
            Launch(run=add, reads=parts | {positions.key} | kept, writes=frozenset({target.key})),
        ]

    def _check(self, sources: Sequence[Map], target: Map, positions: Positions) -> None:
        """Refuse maps that the kernel would read or write beyond."""
        shape, stride = target.shape, self._stride
        wanted = [(shape.images, count, stride * shape.height, stride * shape.width) for count in self.inputs]
        found = [(x.shape.images, x.shape.channels, x.shape.height, x.shape.width) for x in sources]
        size = (positions.height, positions.width)
        if found != wanted or shape.channels != self.outputs or size != (shape.height, shape.width):
            raise BadInputError(f"maps {found} do not fit {wanted}, or {shape} not {self.outputs} channels")


def _packed(weight: Tensor, columns: int) -> Tensor:
    """A weight (outputs, inputs, k, k) as (tap, input; outputs), each padded."""
    outputs, inputs, kernel, _ = weight.shape
    whole = torch.zeros((kernel, kernel, padded(inputs), columns), dtype=weight.dtype, device=weight.device)
    whole[..., :inputs, :outputs] = weight.permute(2, 3, 1, 0)
    rows = whole.view(-1, columns)
    return torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % ALIGNED))
