"""Crops keep image and labels together, at exactly the size asked for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.training.data.crops import CropRule, draw_crop
from interim.training.data.sample import VOID, Sample


def checkered(height: int, width: int) -> Sample:
    """Four quarters, each with its own label and its own grey (50 times the label)."""
    labels = np.zeros((height, width), np.uint8)
    labels[height // 2 :] += 2
    labels[:, width // 2 :] += 1
    return Sample(name="quarters", image=np.stack([labels * 50] * 3, 2), labels=labels)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    source=st.tuples(st.integers(8, 90), st.integers(8, 90)),
    target=st.tuples(st.sampled_from([32, 64]), st.sampled_from([32, 64])),
    scale=st.floats(0.3, 3.0),
)
def test_a_crop_has_its_size_and_no_new_labels(
    seed: int, source: tuple[int, int], target: tuple[int, int], scale: float
) -> None:
    """Whatever the sizes and the scale: the rule's size, and only labels of the image, or void."""
    rule = CropRule(height=target[0], width=target[1], scales=(scale, scale))
    crop = draw_crop(checkered(*source), rule, np.random.default_rng(seed))
    assert crop.labels.shape == target
    assert crop.image.shape == (*target, 3)
    assert set(np.unique(crop.labels)) <= {0, 1, 2, 3, VOID}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.floats(0.4, 2.5))
def test_labels_stay_on_their_pixels(seed: int, scale: float) -> None:
    """After scaling, cutting and flipping, a label still lies where its colour lies."""
    rule = CropRule(height=64, width=64, scales=(scale, scale), jitter=0)
    crop = draw_crop(checkered(80, 100), rule, np.random.default_rng(seed))
    known = crop.labels != VOID
    right = np.abs(crop.image[..., 0][known].astype(int) - 50 * crop.labels[known].astype(int)) < 26
    assert known.any()
    assert right.mean() > 0.94  # on the edges between quarters colours mix


def test_outside_the_image_is_black_and_void() -> None:
    """A crop larger than the scaled image counts nothing there."""
    rule = CropRule(height=64, width=64, scales=(0.5, 0.5), jitter=0)
    image = np.full((64, 64, 3), 200, np.uint8)
    crop = draw_crop(
        Sample(name="grey", image=image, labels=np.zeros((64, 64), np.uint8)), rule, np.random.default_rng(0)
    )
    assert (crop.labels != VOID).sum() == 32 * 32
    assert (crop.image[crop.labels == VOID] == 0).all()


def test_jitter_changes_colours_and_no_labels() -> None:
    """The same draw with and without jitter differs in colour alone."""
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    sample = Sample(name="noise", image=image, labels=image[..., 0] % 3)
    crops = [
        draw_crop(
            sample, CropRule(height=64, width=64, scales=(1, 1), jitter=jitter), np.random.default_rng(seed)
        )
        for seed in range(4)
        for jitter in (0, 0.5)
    ]
    assert any(
        (plain.image != strong.image).any() for plain, strong in zip(crops[::2], crops[1::2], strict=True)
    )
    assert all(set(np.unique(crop.labels)) <= {0, 1, 2} for crop in crops)
