"""A backbone with exits after some of its blocks, and where to put them.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), section 4.1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import Tensor, nn

from interim.model_zoo.layer_counting import layer_costs
from interim.model_zoo.networks.dilated import Backbone

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class MultiExit(nn.Module):
    """A backbone that answers after the blocks in `points`.

    Args:
        backbone: What the exits share.
        points: After how many blocks each exit stands, rising; the last one after all of them.
        exits: One module each, from a block's maps (N, channels, h, w) to logits (N, classes, h, w).
    """

    def __init__(self, backbone: Backbone, points: Sequence[int], exits: Sequence[nn.Module]) -> None:
        super().__init__()
        self.backbone = backbone
        self.points = tuple(points)
        self.exits = nn.ModuleList(exits)

    def features(self, images: Tensor) -> list[Tensor]:
        """What each exit sees: the maps after its block, from images (N, 3, H, W)."""
        x: Tensor = self.backbone.stem(images)
        found = []
        for index, block in enumerate(self.backbone.blocks, 1):
            x = block(x)
            if index in self.points:
                found.append(x)
        return found

    def forward(self, images: Tensor, *, only: Collection[int] | None = None) -> list[Tensor]:
        """Logits of every exit, or of those `only` (from 0, in order)."""
        found = self.features(images)
        return [
            exit_(maps)
            for index, (maps, exit_) in enumerate(zip(found, self.exits, strict=True))
            if only is None or index in only
        ]


def way_costs(backbone: Backbone, shape: tuple[int, int, int]) -> list[float]:
    """10^9 operations, as MESS counts, from an image (3, H, W) to the end of each block.

    Args:
        backbone: Built on the `meta` device: nothing is computed.
        shape: Channels, height and width of the image.
    """
    blocks = list(backbone.blocks)
    return [
        layer_costs(Backbone(backbone.stem, blocks[:count], backbone.channels[:count]), shape).giga
        for count in range(1, len(blocks) + 1)
    ]


def exit_points(costs: Sequence[float], count: int) -> tuple[int, ...]:
    """After how many blocks `count` exits stand: where each further 1/count of the work is nearest to done.

    Raises:
        ValueError: two exits would stand after the same block.
    """
    found = []
    for index in range(1, count + 1):
        wanted = costs[-1] * index / count
        found.append(min(range(len(costs)), key=lambda block: abs(costs[block] - wanted)) + 1)
    if any(left == right for left, right in pairwise(found)):
        raise ValueError(
            f"{count} exits are too many for {len(costs)} blocks: two would share one. Ask for fewer."
        )
    return tuple(found)


def head_cost(head: nn.Module, maps: tuple[int, ...]) -> float:
    """10^9 operations of an exit built on the `meta` device, for maps (channels, h, w)."""
    channels, height, width = maps
    return layer_costs(head, (channels, height, width)).giga
