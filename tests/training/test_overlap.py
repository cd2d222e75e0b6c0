"""The Lovász-softmax loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from interim.training.data.batches import Batch
from interim.training.data.sample import VOID
from interim.training.lessons import PixelLesson
from interim.training.overlap import overlap_losses


def sure(ids: torch.Tensor, classes: int) -> torch.Tensor:
    """Logits (N, C, h, w) that are certain of labels (N, h, w)."""
    return 50.0 * F.one_hot(ids, classes).permute(0, 3, 1, 2).float()


def labels_of(ids: torch.Tensor) -> torch.Tensor:
    """Labels (N, 4h, 4w) uint8 whose cells of 4x4 pixels are all of one class."""
    return ids.repeat_interleave(4, 1).repeat_interleave(4, 2).to(torch.uint8)


def test_certain_answers_cost_their_jaccard_distance() -> None:
    """At certain answers the loss is 1 - IoU, averaged over the classes that occur."""
    truth = torch.tensor([[[0, 0, 0, 1], [0, 1, 1, 1]]])
    guess = torch.tensor([[[0, 0, 1, 1], [0, 1, 1, 0]]])
    loss = overlap_losses([sure(guess, 3), sure(truth, 3)], labels_of(truth), offset=0)
    iou = (3 / 5 + 3 / 5) / 2  # of 8 cells each class has 3 right, 1 missed, 1 too many
    torch.testing.assert_close(loss, torch.tensor([1 - iou, 0.0]), atol=1e-5, rtol=0)


def test_pixels_without_label_do_not_count() -> None:
    """What is answered where no label is given changes nothing; nothing labelled costs nothing."""
    truth = torch.tensor([[[0, 1], [1, VOID]]])
    logits = torch.randn(1, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    other = logits.clone()
    other[..., 1, 1] = 30.0 * torch.tensor([1.0, -1.0])
    labels = labels_of(truth)
    assert overlap_losses([logits], labels, offset=1) == overlap_losses([other], labels, offset=1)
    assert overlap_losses([logits], torch.full_like(labels, VOID), offset=1) == 0


def test_following_it_raises_the_overlap() -> None:
    """A step down its gradient makes the loss smaller, and no logit's gradient is not a number."""
    generator = torch.Generator().manual_seed(2)
    truth = torch.randint(0, 3, (2, 4, 5), generator=generator)
    logits = torch.randn(2, 3, 4, 5, generator=generator, requires_grad=True)
    (before,) = overlap_losses([logits], labels_of(truth), offset=0)
    before.backward()
    assert logits.grad is not None
    (after,) = overlap_losses([logits.detach() - 2 * logits.grad], labels_of(truth), offset=0)
    assert after < before


def test_a_recipe_says_what_it_weighs() -> None:
    """A lesson's losses are the cross-entropies, and `overlap` times these."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 3, (1, 8, 12), generator=generator, dtype=torch.uint8)
    logits = [torch.randn(1, 3, 2, 3, generator=generator)]
    batch = Batch(images=torch.zeros(1, 3, 8, 12, dtype=torch.uint8), labels=labels)
    plain, both = (
        PixelLesson(batch=batch, weights=torch.ones(3), overlap=overlap).losses(logits, step=2)
        for overlap in (0.0, 0.5)
    )
    torch.testing.assert_close(both, plain + 0.5 * overlap_losses(logits, labels, offset=1))
