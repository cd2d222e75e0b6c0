"""Small maps, masks and networks to try kernels on."""

import torch
import torch.nn.functional as F
from torch import Tensor

from interim.model_zoo.gpu.maps import Map, MapShape
from interim.model_zoo.gpu.positions import Lists, Positions, Window
from interim.model_zoo.gpu.target import Target
from interim.model_zoo.masked.hold import HoldFill
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.networks.hrnet.widths import WIDTHS, Width
from interim.model_zoo.registry import _pose, _segmentation

TINY = Width(channels=8, bottlenecks=1, modules=(1, 1, 1), blocks=1, head=16)

CLOSE = {torch.float32: 1e-5, torch.bfloat16: 0.02}
"""Of values about 1; Triton's interpreter rounds to bfloat16 towards 0."""


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + len(shape)))


def map_of(values: Tensor, target: Target, dtype: torch.dtype = torch.float32) -> Map:
    """A map that holds values (N, C, h, w)."""
    images, channels, height, width = values.shape
    shape = MapShape(images=images, channels=channels, height=height, width=width)
    made = Map.zeros(shape, dtype, target.device)
    made.values.copy_(values)
    return made


def listed(mask: Tensor, target: Target) -> Positions:
    """The positions where a mask (N, h, w) is true, made on the device."""
    lists = Lists(mask.to(target.device, torch.uint8), target)
    positions = lists.of(Window.around(1), (mask.shape[1], mask.shape[2]))
    launch = lists.launch()
    assert launch is not None
    launch.run()
    return positions


def everywhere(images: int, height: int, width: int, target: Target, used: int | None = None) -> Positions:
    """All positions of the first `used` images."""
    count = torch.tensor([images if used is None else used], dtype=torch.int32, device=target.device)
    capacity = images * height * width
    return Positions(height=height, width=width, capacity=capacity, count=count, slot=height * width, key=0)


def border_is_zero(map_: Map) -> bool:
    """Nobody has written beside the values."""
    memory = map_.memory.clone()
    memory[:, 1:-1, 1:-1, : map_.shape.channels] = 0
    return not memory.any()


def picture(images: int, height: int, width: int) -> Tensor:
    """Smooth pictures (N, 3, height, width) uint8."""
    coarse = torch.rand(images, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    return (F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1) * 255).byte()


def tiny(kind: str) -> AnytimeHrnet:
    """An HRNet of 8 channels that holds, with believable statistics: `segmentation` or `pose`."""
    torch.manual_seed(0)
    WIDTHS["tiny"] = TINY
    try:
        build = _segmentation if kind == "segmentation" else _pose
        network = build("tiny", "tiny", "-adpc", 5, HoldFill)
    finally:
        del WIDTHS["tiny"]
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the average over all batches so far
    network.train()(picture(2, 64, 64))
    return network.eval()
