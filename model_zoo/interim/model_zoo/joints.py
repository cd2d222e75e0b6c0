"""From heat maps to joints, and from joints to heat maps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

QUARTER = 0.25
"""How far, in cells, a joint lies from its peak towards the hotter neighbour (HRNet's decoding)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Joints:
    """What heat maps say: `xy` (N, J, 2) float32 in the image's pixels, counted from 0; `heat` (N, J)."""

    xy: Tensor
    heat: Tensor


def joints_of(heat: Tensor, *, stride: int) -> Joints:
    """Each joint at its map's peak, moved a quarter of a cell towards the hotter neighbour on each axis.

    Args:
        heat: (N, J, h, w) of any floating dtype.
        stride: How many times smaller than the image the maps are.
    """
    wide = heat.detach().float()
    count, joints, height, width = wide.shape
    peak, place = wide.flatten(2).max(2)
    row, column = place // width, place % width
    lines = wide.gather(2, row.view(count, joints, 1, 1).expand(-1, -1, 1, width)).squeeze(2)
    posts = wide.gather(3, column.view(count, joints, 1, 1).expand(-1, -1, height, 1)).squeeze(3)
    cells = torch.stack((column + _lean(lines, column), row + _lean(posts, row)), -1)
    return Joints(xy=(cells + 0.5) * stride - 0.5, heat=peak)


def heat_of(xy: Tensor, size: tuple[int, int], *, stride: int, sigma: float) -> Tensor:
    """Heat maps (N, J, h, w) float32 of joints `xy` (N, J, 2) in pixels: a bell of height 1 around each.

    Args:
        xy: Joints in the image's pixels, counted from 0; those outside give what of the bell is inside.
        size: Height and width of the maps.
        stride: How many times smaller than the image the maps are.
        sigma: The bell's standard deviation in cells.
    """
    cells = (xy.float() + 0.5) / stride - 0.5
    columns, rows = (_bell(cells[..., axis], size[1 - axis], sigma) for axis in (0, 1))
    return rows.unsqueeze(-1) * columns.unsqueeze(-2)


def _lean(lines: Tensor, place: Tensor) -> Tensor:
    """A quarter towards the hotter of two neighbours on lines (N, J, length); 0 at either end."""
    last = lines.shape[-1] - 1
    before = lines.gather(2, (place - 1).clamp(min=0).unsqueeze(2)).squeeze(2)
    after = lines.gather(2, (place + 1).clamp(max=last).unsqueeze(2)).squeeze(2)
    inside = (place > 0) & (place < last)
    return torch.sign(after - before) * inside * QUARTER


def _bell(centre: Tensor, length: int, sigma: float) -> Tensor:
    """A bell of height 1 along a line: (…, length) around centres (…)."""
    distance = torch.arange(length, device=centre.device) - centre.unsqueeze(-1)
    return torch.exp(distance.square() / (-2 * sigma**2))
