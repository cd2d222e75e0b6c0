"""Label maps are exact: bilinear logits, then argmax."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from interim.model_zoo.label_map import coarse_confidence, coarse_label_map, label_map

sides = st.integers(1, 9)


def upsampled(logits: Tensor, stride: int = 4) -> Tensor:
    return F.interpolate(logits, scale_factor=stride, mode="bilinear", align_corners=False)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Tensor, tuple[int, int], int]:
    """Logits that are whole numbers, the size to crop to, and the stride."""
    stride, height, width = draw(st.sampled_from((2, 4, 8))), draw(sides), draw(sides)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)), height, width)
    logits = torch.randint(0, draw(st.integers(1, 40)), shape, generator=generator).float()
    size = (
        stride * height - draw(st.integers(0, stride - 1)),
        stride * width - draw(st.integers(0, stride - 1)),
    )
    return logits, size, stride


@settings(deadline=None, max_examples=75)
@given(question=questions())
def test_it_is_the_argmax_of_the_enlarged_logits(question: tuple[Tensor, tuple[int, int], int]) -> None:
    """Equal to torch's on whole numbers, where sums are exact: ties, corners, any crop, any batch."""
    logits, size, stride = question
    found = label_map(logits, size, stride=stride)
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), upsampled(logits, stride).argmax(1)[:, : size[0], : size[1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("smooth", [1, 4])
def test_on_real_numbers_the_label_is_a_largest_one(dtype: torch.dtype, smooth: int) -> None:
    """The label's enlarged logit is the largest, but for rounding; nearly always it is torch's."""
    coarse = torch.randn(2, 11, 24 // smooth, 32 // smooth, generator=torch.Generator().manual_seed(3))
    logits = F.interpolate(coarse, (24, 32), mode="bicubic").to(dtype)
    fine = upsampled(logits.double())
    found = label_map(logits, (93, 127)).long()
    fine = fine[:, :, :93, :127]
    chosen = fine.gather(1, found.unsqueeze(1)).squeeze(1)
    assert (fine.amax(1) - chosen).max() < 1e-5
    assert (found == fine.argmax(1)).float().mean() > 0.9999


def test_the_logits_memory_format_does_not_matter() -> None:
    """Channels last or first, the map is the same."""
    logits = torch.randn(2, 5, 8, 8)
    assert torch.equal(
        label_map(logits, (31, 30)), label_map(logits.to(memory_format=torch.channels_last), (31, 30))
    )


def test_coarse_maps_cover_the_image() -> None:
    """Class and confidence at the logits' resolution, cropped to the logits that the image touches."""
    logits = torch.randn(2, 5, 8, 16)
    confidence = torch.tensor([0.0, 0.5, 0.999, 1.0]).repeat(2, 8, 4)
    assert torch.equal(coarse_label_map(logits, (29, 33)).long(), logits.argmax(1)[:, :8, :9])
    found = coarse_confidence(confidence, (29, 33))
    assert (found.shape, found.dtype) == ((2, 8, 9), torch.uint8)
    assert found[0, 0, :5].tolist() == [0, 128, 255, 255, 0]
