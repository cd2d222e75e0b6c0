"""Passes over maps are torch's, at the positions they are given."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed: install interim[gpu]")

from tests.model_zoo.gpu.small import border_is_zero, everywhere, listed, map_of, noise

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.gpu.maps import Map
from interim.model_zoo.gpu.passes import Passes
from interim.model_zoo.gpu.target import Target

SIZE = (2, 8, 16)
MASK = noise(*SIZE) > 0


def check(found: Map, wanted: Tensor, before: Tensor, mask: Tensor = MASK) -> None:
    assert border_is_zero(found)
    expected = torch.where(mask[:, None], wanted, before)
    torch.testing.assert_close(found.values.cpu(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("factors", "onto", "relu"), [((2, 4, 8), True, True), ((4,), False, False)])
def test_enlarged_maps_are_added(target: Target, factors: tuple[int, ...], onto: bool, relu: bool) -> None:
    """Bilinearly, corners not aligned, onto what is there or in its place."""
    before = noise(2, 12, 8, 16)
    coarse = [noise(2, 12, 8 // factor, 16 // factor, seed=factor) for factor in factors]
    made = map_of(before, target)
    maps = [map_of(x, target) for x in coarse]
    Passes(target).enlarge(maps, made, listed(MASK, target), onto=onto, relu=relu).run()
    wanted = sum((F.interpolate(x, (8, 16), mode="bilinear") for x in coarse), before if onto else 0)
    assert isinstance(wanted, Tensor)
    check(made, wanted.relu() if relu else wanted, before)


def test_halving_is_the_mean_of_four(target: Target) -> None:
    """With a ReLU, at listed positions."""
    x, before = noise(2, 12, 16, 32), noise(2, 12, 8, 16, seed=1)
    made = map_of(before, target)
    Passes(target).halve(map_of(x, target), made, listed(MASK, target), relu=True).run()
    check(made, F.avg_pool2d(x, 2).relu(), before)


def test_bytes_come_in_with_ones_and_only_those_that_are_there(target: Target) -> None:
    """Exactly; the border of ones is 0 too."""
    images = torch.arange(2 * 8 * 16 * 3).to(torch.uint8).view(2, 8, 16, 3)
    made = map_of(torch.zeros(2, 4, 8, 16), target)
    used = torch.tensor([1], dtype=torch.int32, device=target.device)
    Passes(target).pixels(images.to(target.device), made, used).run()
    assert border_is_zero(made)
    found = made.values.cpu()
    assert torch.equal(found[0], torch.cat((images[0].permute(2, 0, 1).float(), torch.ones(1, 8, 16))))
    assert not found[1].any()


def test_what_does_not_fit_is_refused(target: Target) -> None:
    """By its sizes."""
    passes, all_ = Passes(target), everywhere(*SIZE, target)
    one, other = map_of(noise(*SIZE[:1], 8, *SIZE[1:]), target), map_of(noise(2, 8, 3, 5), target)
    with pytest.raises(BadInputError, match="cannot be enlarged"):
        passes.enlarge([other], one, all_, onto=True, relu=False)
    with pytest.raises(BadInputError, match="is not half"):
        passes.halve(other, one, all_, relu=False)
