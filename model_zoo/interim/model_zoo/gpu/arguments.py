"""Lists and maps as kernels take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.positions import Positions

MAX_COARSE = 3
FACTORS = (2, 4, 8)


def list_arguments(positions: Positions) -> tuple[Any, ...]:
    """A list as kernels take it."""
    entries = positions.count if positions.entries is None else positions.entries
    return entries, positions.count, positions.slot, positions.height, positions.width


def coarse_arguments(coarse: Sequence[Map], target: Map) -> tuple[tuple[Tensor, ...], dict[str, int]]:
    """Smaller maps as kernels take them, which always take three, and how much smaller they are.

    Raises:
        BadInputError: they do not fit.
    """
    shape = target.shape
    if len(coarse) > MAX_COARSE:
        raise BadInputError(f"{len(coarse)} coarser maps: give up to {MAX_COARSE}")
    factors = [shape.height // x.shape.height for x in coarse]
    for factor, each in zip(factors, (x.shape for x in coarse), strict=True):
        wanted = (each.images, each.channels, factor * each.height, factor * each.width)
        if factor not in FACTORS or wanted != (shape.images, shape.channels, shape.height, shape.width):
            raise BadInputError(f"{each} cannot be enlarged to {shape}: it must be 2, 4 or 8 times smaller")
    missing = MAX_COARSE - len(coarse)
    maps = (*(x.memory for x in coarse), *[target.memory] * missing)
    names = ("FIRST", "SECOND", "THIRD")
    return maps, dict(zip(names, (*factors, *[0] * missing), strict=True))
