"""The order of the data depends on seed, epoch and step, and on nothing else."""

import numpy as np
import pytest
import torch

from interim.training.data.batches import Batches
from interim.training.data.crops import CropRule
from interim.training.data.sample import Sample


def flat(value: int) -> Sample:
    """An image of one grey whose only label is 0."""
    image = np.full((40, 40, 3), value, np.uint8)
    return Sample(name=str(value), image=image, labels=np.zeros((40, 40), np.uint8))


@pytest.fixture
def batches() -> Batches:
    """Ten real images, grey 1 to 10, and one scene, grey 200; batches of three."""
    rule = CropRule(height=32, width=32, scales=(1, 1), jitter=0)
    return Batches(samples=[flat(i) for i in range(1, 11)], scenes=[flat(200)], rule=rule, size=3, seed=5)


def greys(batches: Batches, epoch: int, step: int, share: float = 0.0) -> list[int]:
    """Which images a batch was cut from."""
    return batches.draw(epoch, step, share).images[:, 0, 0, 0].tolist()


def test_a_batch_is_the_same_whenever_it_is_drawn(batches: Batches) -> None:
    """Drawing others in between changes nothing: this is what makes a run resumable."""
    first = batches.draw(2, 1)
    batches.draw(0, 0)
    again = batches.draw(2, 1)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)


def test_an_epoch_sees_no_image_twice(batches: Batches) -> None:
    """Three whole batches of ten images: nine different ones."""
    seen = [grey for step in range(batches.steps) for grey in greys(batches, 0, step)]
    assert len(seen) == len(set(seen)) == 9


def test_epochs_differ(batches: Batches) -> None:
    """Each epoch has its own order."""
    assert len({tuple(greys(batches, epoch, 0)) for epoch in range(6)}) > 1


def test_scenes_stand_in_by_their_share(batches: Batches) -> None:
    """None at 0, all at 1, some in between."""
    assert 200 not in greys(batches, 0, 0, 0.0)
    assert greys(batches, 0, 0, 1.0) == [200] * 3
    mixed = [grey for epoch in range(40) for grey in greys(batches, epoch, 0, 0.3)]
    assert 0.15 < mixed.count(200) / len(mixed) < 0.45


def test_more_crops_than_images_are_no_error() -> None:
    """A folder smaller than one batch is used over and over."""
    rule = CropRule(height=32, width=32)
    tiny = Batches(samples=[flat(1), flat(2)], scenes=[], rule=rule, size=5, seed=0)
    assert tiny.steps == 1
    assert tiny.draw(0, 0).images.shape == (5, 3, 32, 32)
