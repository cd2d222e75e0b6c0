"""Scenes are the same for the same seed, and their labels are classes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.training.scenes.labels import CLASSES, Label
from interim.training.scenes.scene import draw


def test_a_seed_is_a_scene() -> None:
    """Drawn twice it is the same to the bit; another seed is another scene."""
    image, labels = draw(7, 90, 120)
    again, same = draw(7, 90, 120)
    other, _ = draw(8, 90, 120)
    assert np.array_equal(image, again)
    assert np.array_equal(labels, same)
    assert not np.array_equal(image, other)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**40), height=st.integers(24, 80), width=st.integers(24, 100))
def test_image_and_labels_have_the_size_asked_for(seed: int, height: int, width: int) -> None:
    """Every pixel has a class; nothing is void."""
    image, labels = draw(seed, height, width)
    assert image.shape == (height, width, 3)
    assert labels.shape == (height, width)
    assert image.dtype == labels.dtype == np.uint8
    assert labels.max() < len(CLASSES)


def test_every_class_is_drawn_somewhere() -> None:
    """A few dozen scenes show all eleven."""
    seen = set(np.unique([draw(seed, 60, 80)[1] for seed in range(30)]))
    assert seen == set(range(len(CLASSES)))


@pytest.mark.parametrize("seed", range(6))
def test_the_road_lies_below_and_the_sky_above(seed: int) -> None:
    """Streets are the right way up."""
    _, labels = draw(seed, 60, 80)
    rows = np.arange(60)[:, None].repeat(80, 1)
    assert rows[labels == Label.ROAD].mean() > rows[labels == Label.SKY].mean() + 12


def test_light_varies() -> None:
    """Some scenes are much brighter than others."""
    means = [draw(seed, 48, 64)[0].mean() for seed in range(12)]
    assert max(means) > min(means) + 25


def test_class_names_are_those_of_the_labels() -> None:
    """The order in `CLASSES` is the order of `Label`."""
    assert [each.name.upper().replace("SYMBOL", "") for each in CLASSES] == [label.name for label in Label]
