"""Confidence, classes and label maps from the kernels are the reference's."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.label_map import label_map
from interim.model_zoo.native.answers import Answers
from interim.model_zoo.native.kernels import Kernels


@pytest.fixture(scope="module")
def answers(kernels: Kernels) -> Answers:
    return Answers(kernels)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Tensor, tuple[int, int], int]:
    """Logits that are whole numbers, the size to crop to, and the stride."""
    stride, height, width = (
        draw(st.sampled_from((2, 4, 8))),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 70)),
    )
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 20)), height, width)
    logits = torch.randint(0, draw(st.integers(1, 40)), shape, generator=generator).float()
    size = (
        stride * height - draw(st.integers(0, stride - 1)),
        stride * width - draw(st.integers(0, stride - 1)),
    )
    return logits, size, stride


@settings(deadline=None, max_examples=40)
@given(question=questions())
def test_label_maps_are_the_argmax_of_the_enlarged_logits(
    answers: Answers, question: tuple[Tensor, tuple[int, int], int]
) -> None:
    """Equal to torch's on whole numbers, where sums are exact: ties, corners, any crop, any batch."""
    logits, size, stride = question
    found = answers.label_map(logits, size, stride=stride)
    large = F.interpolate(logits, scale_factor=stride, mode="bilinear", align_corners=False)
    assert found.dtype == torch.uint8
    assert torch.equal(found.long(), large.argmax(1)[:, : size[0], : size[1]])


@pytest.mark.parametrize("smooth", [1, 4])
def test_label_maps_are_the_references_on_real_numbers(answers: Answers, smooth: int) -> None:
    """The label's enlarged logit is the largest, but for rounding; nearly always it is the reference's."""
    coarse = torch.randn(2, 11, 24 // smooth, 32 // smooth, generator=torch.Generator().manual_seed(3))
    logits = F.interpolate(coarse, (24, 32), mode="bicubic")
    fine = F.interpolate(logits.double(), scale_factor=4, mode="bilinear")[:, :, :93, :127]
    found = answers.label_map(logits, (93, 127))
    chosen = fine.gather(1, found.long().unsqueeze(1)).squeeze(1)
    assert (fine.amax(1) - chosen).max() < 1e-5
    assert (found == label_map(logits, (93, 127))).float().mean() > 0.9999


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 999),
    classes=st.integers(1, 20),
    width=st.integers(1, 40),
    scale=st.sampled_from((0.1, 3, 60)),
)
def test_confidence_is_the_references(
    answers: Answers, seed: int, classes: int, width: int, scale: float
) -> None:
    """Within a few units in the last place, for sure and unsure pixels; positions sure before stay so."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 3, width, generator=generator) * scale
    before = torch.rand(2, 3, width, generator=generator) < 0.5
    rule = MaxProbability()
    found, active = answers.confidence(logits, 0.9)
    torch.testing.assert_close(found, rule.confidence(logits), rtol=1e-6, atol=0)
    assert torch.equal(active, rule.active(Seen(logits=logits, confidence=found, exit_=1), 0.9))
    assert torch.equal(answers.confidence(logits, 0.9, before)[1], active & before)
    assert torch.equal(answers.coarse_labels(logits).long(), logits.argmax(1))


def test_a_part_of_a_tensor_and_two_threads_change_nothing(kernels: Kernels) -> None:
    """Strides between images, channels and rows are followed; bit for bit the same."""
    whole = torch.randn(3, 7, 12, 50, generator=torch.Generator().manual_seed(1))
    part = whole[::2, 1:6, 2:, :33]
    one, two = (Answers(kernels, threads=threads) for threads in (1, 2))
    assert torch.equal(one.label_map(part, (40, 130)), two.label_map(part.contiguous(), (40, 130)))
    for a, b in zip(one.confidence(part, 0.5), two.confidence(part.contiguous(), 0.5), strict=True):
        assert torch.equal(a, b)


def test_what_does_not_fit_is_refused(answers: Answers) -> None:
    """Layouts, sizes and numbers of classes are checked before C sees them."""
    logits = torch.zeros(1, 4, 8, 8)
    with pytest.raises(BadInputError, match="channels first"):
        answers.coarse_labels(logits.to(memory_format=torch.channels_last))
    with pytest.raises(BadInputError, match="33x32 pixels"):
        answers.label_map(logits, (33, 32))
    with pytest.raises(BadInputError, match="300 classes"):
        answers.coarse_labels(torch.zeros(1, 300, 2, 2))
