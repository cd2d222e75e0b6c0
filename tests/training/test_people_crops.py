"""People cut out of images: pixels and joints go the same way."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interim.training.data.errors import DataError
from interim.training.data.people.batches import PeopleBatches
from interim.training.data.people.crops import (
    PersonCrop,
    PersonRule,
    draw_person,
    mirrored_crop,
    portrait,
    whole_crop,
)
from interim.training.data.people.person import Person

SPOTS = np.array([[60, 40], [100, 90], [80, 120]], np.float32)
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
STILL = PersonRule(height=64, width=64)
LIVELY = PersonRule(height=64, width=64, scales=(0.8, 1.2), turn_deg=40, shift=0.1)


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """A grey image with a coloured square of 9x9 pixels around each of three joints."""
    pixels = np.full((160, 200, 3), 128, np.uint8)
    for (x, y), color in zip(SPOTS.astype(int), COLORS, strict=True):
        pixels[y - 4 : y + 5, x - 4 : x + 5] = color
    Image.fromarray(pixels).save(tmp_path / "spots.png")
    known = np.ones(3, np.bool_)
    return Person(image=tmp_path / "spots.png", xy=SPOTS, known=known, box=(60, 40, 100, 120), length=50)


def spots(crop: PersonCrop) -> np.ndarray:
    """Where the middles of the known joints' colours lie in a crop."""
    found = []
    for color in COLORS[crop.known]:
        weight = (np.abs(crop.image.astype(int) - color).sum(2) < 180).astype(float)
        rows, columns = np.indices(weight.shape)
        found.append(((columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()))
    return np.array(found)


def test_the_measured_crop_has_the_box_in_the_middle(person: Person) -> None:
    """With its margin it fills the crop; joints lie where their colours do, and the length scales along."""
    crop = whole_crop(portrait(person, STILL), STILL)
    zoom = 64 / 80 / 1.25
    assert crop.image.shape == (64, 64, 3)
    assert crop.xy[:2].mean(0) == pytest.approx([31.5 + 0.5 * zoom, 31.5 + (65.5 - 80) * zoom], abs=0.6)
    assert crop.xy == pytest.approx(spots(crop), abs=0.7)
    assert crop.length == pytest.approx(50 * zoom, rel=0.02)
    assert crop.known.all()


@pytest.mark.parametrize("seed", range(6))
def test_joints_follow_their_pixels(person: Person, seed: int) -> None:
    """Turned, scaled, moved, mirrored: each joint stays on its colour (flip leaves their order here)."""
    crop = draw_person(portrait(person, LIVELY), LIVELY, (0, 1, 2), np.random.default_rng(seed))
    assert crop.known.any()
    assert crop.xy[crop.known] == pytest.approx(spots(crop), abs=1.5)


def test_a_mirror_changes_left_and_right(person: Person) -> None:
    """Joint 1 becomes joint 2 and lies on the other side; twice is the crop itself."""
    crop = whole_crop(portrait(person, STILL), STILL)
    once = mirrored_crop(crop, (0, 2, 1))
    assert once.xy[2, 0] == pytest.approx(63 - crop.xy[1, 0])
    assert mirrored_crop(once, (0, 2, 1)).xy == pytest.approx(crop.xy)


def test_a_box_outside_the_image_is_refused(person: Person) -> None:
    """There is nothing to cut out."""
    with pytest.raises(
        DataError, match=r"spots\.png is 200x160, and a person's box lies outside it \(left 300"
    ):
        portrait(dataclasses.replace(person, box=(300, 0, 350, 50)), STILL)


def test_what_lies_outside_is_not_known(person: Person) -> None:
    """A zoom that leaves joints outside does not train on them; that they are annotated is kept."""
    close = PersonRule(height=64, width=64, scales=(3.0, 3.0))
    crop = draw_person(portrait(person, close), close, (0, 1, 2), np.random.default_rng(1))
    inside = ((crop.xy > -0.5) & (crop.xy < 63.5)).all(1)
    assert crop.known.tolist() == inside.tolist()
    assert not crop.known.all()
    assert crop.annotated.all()


def test_a_batch_depends_on_seed_epoch_and_step_alone(person: Person) -> None:
    """The same again; another epoch differs."""
    one = portrait(person, LIVELY)
    batches = PeopleBatches(people=[one, one, one], flip=(0, 2, 1), rule=LIVELY, size=2, seed=4)
    first, again, later = batches.draw(0, 0), batches.draw(0, 0), batches.draw(1, 0)
    assert batches.steps == 1
    assert first.images.shape == (2, 3, 64, 64)
    assert first.xy.equal(again.xy)
    assert first.images.equal(again.images)
    assert not first.xy.equal(later.xy)
