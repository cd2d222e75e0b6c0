"""The loss counts what it should, as much as it should."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from interim.training.data.sample import VOID
from interim.training.losses import class_weights, exit_losses


def test_rare_classes_weigh_more_up_to_the_cap() -> None:
    """Median frequency: the median class weighs 1, rarer ones more, none more than the cap."""
    labels = np.repeat(np.array([0, 1, 2], np.uint8), [900, 90, 10]).reshape(50, 20)
    plain = class_weights([labels], 3, power=1, cap=100)
    capped = class_weights([labels], 3, power=1, cap=4)
    assert plain.tolist() == pytest.approx([0.1, 1, 9])
    assert capped.tolist() == pytest.approx([0.1, 1, 4])


def test_a_class_never_seen_weighs_one_and_void_does_not_count() -> None:
    """Neither makes a division by zero."""
    labels = np.array([[0, 0, VOID, VOID]], np.uint8)
    assert class_weights([labels], 2, power=1, cap=9).tolist() == [1, 1]


@pytest.mark.parametrize("offset", [0, 1])
def test_the_loss_is_the_weighted_cross_entropy_of_every_second_pixel(offset: int) -> None:
    """Checked against torch's own, at half of the labels' resolution."""
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    labels = torch.randint(0, 3, (2, 16, 20), generator=generator, dtype=torch.uint8)
    labels[:, :5] = VOID
    weights = torch.tensor([0.5, 1.0, 3.0])
    fine = F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
    target = labels[:, offset::2, offset::2].long()
    expected = F.cross_entropy(fine, target, weights, ignore_index=VOID)
    found = exit_losses([logits, 2 * logits], labels, weights, offset=offset)
    assert found.shape == (2,)
    assert found[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_batch_without_any_label_has_no_loss() -> None:
    """All void: 0, not nan."""
    labels = torch.full((1, 8, 8), VOID, dtype=torch.uint8)
    losses = exit_losses([torch.randn(1, 2, 2, 2, requires_grad=True)], labels, torch.ones(2), offset=0)
    assert losses.tolist() == [0]
