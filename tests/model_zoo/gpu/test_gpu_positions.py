"""Lists made on the device are what masks say, for every level and window."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed: install interim[gpu]")

from tests.model_zoo.gpu.small import noise

from interim.model_zoo.gpu.operations import Operations
from interim.model_zoo.gpu.positions import Positions
from interim.model_zoo.gpu.target import Target
from interim.model_zoo.gpu.workspace import Workspace
from interim.model_zoo.masked.masks import Masks

SIZE = (16, 24)


def mask_of(positions: Positions, images: int) -> Tensor:
    """A list as a mask (images, height, width); no position may be listed twice, none on the border."""
    assert positions.entries is not None
    memory = torch.zeros(images * (positions.height + 2) * (positions.width + 2), dtype=torch.int32)
    entries = positions.entries[: int(positions.count)].cpu().long()
    memory[entries] = 1
    bordered = memory.view(images, positions.height + 2, positions.width + 2).bool()
    inside = bordered[:, 1:-1, 1:-1]
    assert inside.sum() == len(entries)
    return inside


def lists_of(mask: Tensor, target: Target) -> dict[str, Tensor]:
    """Every kind of list of a mask (N, h, w), as masks."""
    active = mask.to(target.device, torch.uint8)
    used = torch.tensor([len(mask)], dtype=torch.int32, device=target.device)
    operations = Operations(torch.float32, target)
    space = Workspace(operations, len(mask), used, SIZE, active=active, spares={})
    asked = {f"active {level}": space.active(level) for level in range(4)}
    asked |= {f"read by 0 of {level}": space.read_by(0, level) for level in range(1, 4)}
    asked |= {f"read by 1 of {level}": space.read_by(1, level) for level in range(2, 4)}
    asked |= {f"through {level}": space.read_through(level) for level in range(1, 3)}
    assert space.lists is not None
    launch = space.lists.launch()
    assert launch is not None
    launch.run()
    return {name: mask_of(each, len(mask)) for name, each in asked.items()}


def grown(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask.float(), 3, stride=1, padding=1) > 0


def halved(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask.float(), 2) > 0


def expected(mask: Tensor) -> dict[str, Tensor]:
    """The same by what the reference says, and torch."""
    levels = [each[:, 0] for each in Masks.covering(mask).levels.values()]
    made = {f"active {level}": each for level, each in enumerate(levels)}
    made |= {f"read by 0 of {level}": grown(levels[level]) for level in range(1, 4)}
    made |= {f"read by 1 of {level}": grown(levels[level]) for level in range(2, 4)}
    through = grown(halved(mask))
    return made | {"through 1": through, "through 2": grown(halved(through))}


def agree(mask: Tensor, target: Target) -> None:
    wanted = expected(mask)
    for name, found in lists_of(mask, target).items():
        assert torch.equal(found, wanted[name]), name


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(level=st.floats(-3, 3), seed=st.integers(0, 99), images=st.integers(1, 3))
def test_any_mask_gives_its_lists(target: Target, level: float, seed: int, images: int) -> None:
    """Sparse and full ones, of several images."""
    agree(noise(images, *SIZE, seed=seed) > level, target)


@pytest.mark.slow
@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1), None])
def test_corners_and_nothing(target: Target, corner: tuple[int, int] | None) -> None:
    """Windows end where the image does."""
    mask = torch.zeros(2, *SIZE, dtype=torch.bool)
    if corner:
        mask[1, corner[0], corner[1]] = True
    agree(mask, target)
