"""Exits on kernels: logits, confidence, what stays active, and label maps."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

pytest.importorskip("triton", reason="Triton is not installed: install interim[gpu]")

from tests.model_zoo.gpu.small import listed, map_of, noise

from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.gpu.answer import Answer
from interim.model_zoo.gpu.classifier import Classifier
from interim.model_zoo.gpu.labels import Labels
from interim.model_zoo.gpu.passes import Passes
from interim.model_zoo.gpu.target import Target
from interim.model_zoo.label_map import label_map

MASK = noise(2, 4, 8) > 0
CLASSES = 5


def answer(target: Target) -> Answer:
    """One that has said something before: of what it is not asked, it must not speak."""
    made = Answer.zeros(2, (4, 8), CLASSES, surety=True, target=target)
    made.logits.fill_(7)
    made.confidence.fill_(0.25)
    made.threshold.fill_(0.5)
    return made


def check(found: Answer, logits: Tensor) -> None:
    """The answer is that of logits (N, C, h, w) where the mask is true, else what it was."""
    rule = MaxProbability()
    confidence = rule.confidence(logits)
    kept = torch.where(MASK[:, None], logits, 7)
    torch.testing.assert_close(found.logits.permute(0, 3, 1, 2).cpu(), kept, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.confidence.cpu(), torch.where(MASK, confidence, 0.25))
    active = rule.active(Seen(logits=logits, confidence=confidence, exit_=1), 0.5)
    assert torch.equal(found.active.bool().cpu(), active & MASK)
    assert 0 < found.active.sum() < MASK.sum()


def test_the_last_convolution_hears_all_branches(target: Target) -> None:
    """Enlarge, add, ReLU, classify, compare with the threshold: one kernel."""
    x, coarse = noise(2, 20, 4, 8), [noise(2, 20, 2, 4), noise(2, 20, 1, 2)]
    weight, bias = noise(CLASSES, 20, 1, 1), noise(CLASSES)
    made = answer(target)
    classifier = Classifier(weight, bias, dtype=torch.float32, target=target)
    maps = [map_of(each, target) for each in coarse]
    classifier.launch(map_of(x, target), maps, made, listed(MASK, target), relu=True).run()
    total = sum((F.interpolate(each, (4, 8), mode="bilinear") for each in coarse), x)
    check(made, F.conv2d(total.relu(), weight, bias))


def test_scores_of_half_the_size_are_enlarged(target: Target) -> None:
    """A redesigned exit classifies before it enlarges."""
    scores, made = noise(2, CLASSES, 2, 4), answer(target)
    Passes(target).answer(map_of(scores, target), made, listed(MASK, target)).run()
    check(made, F.interpolate(scores, (4, 8), mode="bilinear"))


@pytest.mark.parametrize("channels_last", [True, False])
def test_label_maps_are_the_references(target: Target, channels_last: bool) -> None:
    """Of whole numbers, whose sums are exact, so that ties count; cropped; of two images."""
    logits = (noise(2, CLASSES, 4, 6) * 2).round()
    given = logits.to(memory_format=torch.channels_last) if channels_last else logits
    found = Labels(target)(given.to(target.device), (15, 22))
    assert torch.equal(found.cpu(), label_map(logits, (15, 22)))
