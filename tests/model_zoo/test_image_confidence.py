"""How sure an exit is of an image."""

import pytest
import torch

from interim.model_zoo.image_confidence import (
    MEASURES,
    Rule,
    class_edges,
    edge_enhanced,
    image_confidence,
    sure_share,
)


def halves(height: int = 9, width: int = 12) -> torch.Tensor:
    """Two classes, left and right."""
    labels = torch.zeros(1, height, width, dtype=torch.long)
    labels[..., width // 2 :] = 1
    return labels


def test_the_share_of_sure_cells() -> None:
    """At least the threshold counts."""
    confidence = torch.tensor([[[0.2, 0.5], [0.7, 0.9]], [[1.0, 1.0], [1.0, 0.0]]])
    assert sure_share(confidence, 0.7).tolist() == [0.5, 0.75]
    assert sure_share(confidence, 0.0).tolist() == [1, 1]


def test_edges_lie_between_classes_and_are_widened() -> None:
    """The two columns at the border, and one more to each side; a map of one class has none."""
    found = class_edges(halves())
    assert found[0].all(0).tolist() == found[0].any(0).tolist()
    assert found[0, 0].nonzero()[:, 0].tolist() == [4, 5, 6, 7]
    assert not class_edges(torch.zeros(1, 5, 5, dtype=torch.long)).any()


def test_unsure_borders_take_their_surroundings_median() -> None:
    """A border that two sure areas share is sure; what lies off the edges stays as it was."""
    labels = halves()
    confidence = torch.full(labels.shape, 0.9)
    confidence[..., 5:7] = 0.3
    confidence[0, 0, 0] = 0.1
    found = edge_enhanced(confidence, labels)
    assert found[..., 4:8].min().item() == pytest.approx(0.9)
    assert found[0, 0, 0].item() == pytest.approx(0.1)
    unsure = torch.full(labels.shape, 0.2)
    assert edge_enhanced(unsure, labels).equal(unsure)


def test_images_of_a_batch_do_not_meet() -> None:
    """Each as it would be alone."""
    labels = torch.randint(0, 3, (3, 7, 6), generator=torch.Generator().manual_seed(1))
    confidence = torch.rand(3, 7, 6, generator=torch.Generator().manual_seed(2))
    together = edge_enhanced(confidence, labels)
    alone = [edge_enhanced(confidence[row : row + 1], labels[row : row + 1]) for row in range(3)]
    assert together.equal(torch.cat(alone))


def test_every_measure_goes_from_0_to_1_and_rules_compare() -> None:
    """Edges help where borders are unsure; an image leaves from the threshold on."""
    labels = halves()
    confidence = torch.full(labels.shape, 0.9)
    confidence[..., 5:7] = 0.3
    found = {measure: image_confidence(measure, confidence, labels).item() for measure in MEASURES}
    assert found["edges 0.7"] == 1
    assert found["plain 0.7"] == pytest.approx(10 / 12)
    assert found["mean"] == pytest.approx((10 * 0.9 + 2 * 0.3) / 12)
    assert all(0 <= value <= 1 for value in found.values())
    assert Rule(measure="edges 0.7", least=1.0).leaves(confidence, labels).tolist() == [True]
    assert Rule(measure="plain 0.7", least=0.84).leaves(confidence, labels).tolist() == [False]
