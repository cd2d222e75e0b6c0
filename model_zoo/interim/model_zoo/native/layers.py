"""Convolutions with their normalisation folded in, and what fills their masked outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn

from interim.model_zoo.masked.conv import Shift
from interim.model_zoo.masked.fill import FrozenFill
from interim.model_zoo.native.interpolation import Interpolation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from interim.model_zoo.masked.conv import Conv, ConvNorm
    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.operations import Operations, SlicedConv, Steps
    from interim.model_zoo.native.regions import Where
    from interim.model_zoo.native.workspace import Workspace

Kind = TypeVar("Kind", bound=nn.Module)
Made = TypeVar("Made")


def typed(kind: type[Kind], modules: nn.Module) -> list[Kind]:
    """The modules of a list, all of one type, which a list of torch forgets."""
    assert isinstance(modules, nn.ModuleList)
    return [each for each in modules if isinstance(each, kind)]


def plain(conv: Conv, operations: Operations) -> SlicedConv:
    """A convolution without a normalisation, or whose normalisation is all in its kernel and bias."""
    return operations.conv([conv.weight], conv.bias, stride=conv.stride)


def late_shift(part: ConvNorm) -> Tensor | None:
    """What a folded part adds to each channel (C,) after its fill; None: nothing."""
    return part.norm.constant.flatten() if isinstance(part.norm, Shift) else None


def whole_bias(part: ConvNorm) -> Tensor | None:
    """All that a folded part adds to each channel (C,), fill or no fill; None: nothing."""
    bias, shift = part.conv.bias, late_shift(part)
    return bias if shift is None else shift if bias is None else bias + shift


def split(
    conv: Conv,
    bias: Tensor | None,
    channels: Sequence[int],
    make: Callable[[Sequence[Tensor], Tensor | None], Made],
) -> list[Made]:
    """A 1x1 convolution of concatenated maps as one for each map, made by `make`; the first has the bias."""
    weights = torch.split(conv.weight, list(channels), 1)
    biases = [bias] + [None] * (len(weights) - 1)
    return [make([weight], each) for weight, each in zip(weights, biases, strict=True)]


def interpolation_of(part: ConvNorm) -> Interpolation | None:
    """How a folded part fills masked positions; None: it does not."""
    shift = late_shift(part)
    if shift is None:
        return None
    assert isinstance(part.conv.fill, FrozenFill)
    return Interpolation.around(part.conv.fill.line, shift)


class Layer:
    """A folded convolution; where positions are to be filled it interpolates them."""

    def __init__(self, part: ConvNorm, operations: Operations) -> None:
        conv, shift = part.conv, late_shift(part)
        self._conv = (
            plain(conv, operations)
            if shift is None
            else operations.conv([conv.weight], conv.bias, stride=conv.stride, shift=shift)
        )
        self._interpolation = interpolation_of(part)
        self.outputs = self._conv.outputs

    def steps(
        self,
        sources: Sequence[Map],
        target: Map,
        where: Where,
        space: Workspace,
        *,
        residual: Map | None = None,
        relu: bool = False,
    ) -> Steps:
        """Write [relu](what the convolution gives [+ residual]) where it is wanted; the residual may be the target."""
        if where.filled is None:
            yield from self._conv.steps(sources, target, where.computed, residual=residual, relu=relu)
            return
        assert self._interpolation is not None
        raw = space.raw(self.outputs, where.level)
        yield from self._conv.steps(sources, target, where.computed, residual=residual, raw=raw, relu=relu)
        yield from space.operations.interpolate(
            *(self._interpolation, raw, where.computed, target, where.filled), residual=residual, relu=relu
        )
