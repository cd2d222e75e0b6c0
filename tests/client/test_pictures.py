"""Overlays and contact sheets show what the masks say, pixel by pixel."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from interim.client.catalogue import LabelClass
from interim.client.errors import UnreadableImage
from interim.client.painter import MaskPainter
from interim.client.picture import overlay, palette_of, read_pixels
from interim.client.refinement import Reason, Refinement
from interim.client.sheet import PAPER, contact_sheet

SKY = LabelClass(id=0, name="sky", rgb=(0, 0, 200))
ROAD = LabelClass(id=1, name="road", rgb=(200, 0, 0))
GREY = np.full((90, 120, 3), 100, np.uint8)


def half_and_half() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Sky over road."""
    mask = np.zeros((90, 120), np.uint8)
    mask[45:] = 1
    return mask


def refinement(exit_: int, **fields: Any) -> Refinement:
    said: dict[str, Any] = {"mask": half_and_half(), "active_share": 0.25, "model": "scripted"}
    return Refinement(request_id="1", exit=exit_, exits=4, **{**said, **fields})


def shows(sheet: Image.Image, colour: tuple[int, int, int]) -> bool:
    """Whether any pixel of a picture has a colour."""
    return bool((np.asarray(sheet) == colour).all(axis=2).any())


def test_an_overlay_blends_the_classes_colours() -> None:
    """Inside a region the picture shows through its class's colour; its outline is the colour itself."""
    drawn = overlay(GREY, half_and_half(), palette_of([SKY, ROAD]))
    assert drawn.dtype == np.uint8
    assert drawn[10, 10].tolist() == [45, 45, 155]
    assert drawn[80, 10].tolist() == [155, 45, 45]
    assert drawn[44, 10].tolist() == list(SKY.rgb)
    assert (drawn[46:] == drawn[80, 10]).all()


def test_a_small_mask_is_stretched_over_the_picture() -> None:
    """A mask at a quarter of the resolution covers the whole picture."""
    mask = np.array([[0], [1]], np.uint8)
    assert np.array_equal(
        overlay(GREY, mask, palette_of([SKY, ROAD])), overlay(GREY, half_and_half(), palette_of([SKY, ROAD]))
    )


@given(ids=st.sets(st.integers(0, 255), max_size=20))
def test_every_class_id_has_a_colour(ids: set[int]) -> None:
    """Classes have their own colour; ids without a class have one that is not theirs by default."""
    palette = palette_of([LabelClass(id=id_, name="", rgb=(1, 2, 3)) for id_ in ids])
    assert palette.shape == (256, 3)
    assert {id_ for id_ in range(256) if palette[id_].tolist() == [1, 2, 3]} == ids


def test_a_class_that_no_pixel_can_have_is_passed_over() -> None:
    """A class id over 255 colours nothing."""
    assert np.array_equal(palette_of([LabelClass(id=300, name="", rgb=(1, 2, 3))]), palette_of([]))


def test_a_sheet_shows_the_input_and_each_exit() -> None:
    """One picture for the input and one for each exit, none for a final that repeats an exit."""
    answers = [refinement(1), refinement(2), refinement(2, final=True, reason=Reason.DEADLINE)]
    sheet = contact_sheet(GREY, answers, MaskPainter([SKY, ROAD]), title="street.jpg")
    pixels = np.asarray(sheet)
    inputs = (pixels == 100).all(axis=2).sum()
    skies = (pixels == [45, 45, 155]).all(axis=2).sum()
    assert sheet.width == 3 * 500 + 20
    assert inputs == 480 * 360
    assert 2 * 480 * 160 < skies <= 2 * 480 * 180
    assert all(shows(sheet, colour) for colour in (SKY.rgb, ROAD.rgb, PAPER))


@pytest.mark.parametrize(("share", "filled"), [(0.0, 480), (0.25, 360), (1.0, 0)])
def test_the_bar_says_how_much_is_sure(share: float, filled: int) -> None:
    """Below each exit a bar is filled by the share of pixels that need no more work."""
    sheet = contact_sheet(GREY, [refinement(1, active_share=share)], MaskPainter([SKY, ROAD]), title="")
    rows = (np.asarray(sheet) == [46, 125, 92]).all(axis=2)
    assert rows.sum(axis=1).max() == filled


def test_only_classes_that_are_seen_are_in_the_legend() -> None:
    """A class no mask shows has no key."""
    unseen = LabelClass(id=7, name="pole", rgb=(9, 200, 9))
    sheet = contact_sheet(GREY, [refinement(1)], MaskPainter([SKY, ROAD, unseen]), title="")
    assert shows(sheet, ROAD.rgb)
    assert not shows(sheet, unseen.rgb)


@pytest.mark.parametrize(("height", "exits"), [(1, 0), (1, 8), (90, 1), (90, 4), (4000, 2)])
def test_a_sheet_holds_any_picture_and_any_number_of_exits(height: int, exits: int) -> None:
    """Tall or flat, with no exit or with many: the sheet is drawn and bounded."""
    pixels = np.zeros((height, 120, 3), np.uint8)
    masks = np.zeros((height, 120), np.uint8)
    answers = [refinement(exit_, mask=masks) for exit_ in range(1, exits + 1)]
    sheet = contact_sheet(pixels, answers, MaskPainter([]), title="x")
    assert sheet.height < 2300
    assert sheet.width < 3000


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "P", "1"])
def test_pixels_are_rgb_whatever_the_file_holds(tmp_path: Path, mode: str) -> None:
    """Grey, palette, CMYK and transparent files are read as people see them."""
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode).save(path)
    assert read_pixels(path).tolist() == [[[255] * 3] * 4] * 3
    assert read_pixels(path.read_bytes()).shape == (3, 4, 3)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    """A 16-bit grey picture keeps its shades."""
    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 0x80FF, 0xFFFF]], np.uint16)).save(stream, "PNG")
    assert read_pixels(stream.getvalue())[0, :, 0].tolist() == [0, 0x80, 0xFF]


def test_pixels_are_upright(tmp_path: Path) -> None:
    """EXIF orientation is applied, as the server does."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (4, 2)).save(tmp_path / "a.jpg", exif=exif)
    assert read_pixels(tmp_path / "a.jpg").shape == (4, 2, 3)


def test_an_overlay_is_half_the_picture_and_half_the_class() -> None:
    """45 percent of the picture and 55 of the colour, rounded; outlines have the colour itself."""
    palette = np.zeros((256, 3), np.uint8)
    palette[1] = (255, 100, 1)
    pixels = np.full((2, 3, 3), 255, np.uint8)
    drawn = overlay(pixels, np.array([[1, 1, 0]] * 2, np.uint8), palette)
    assert drawn[0].tolist() == [[255, 170, 115], [255, 100, 1], [115] * 3]


def test_an_array_is_its_own_pixels() -> None:
    """What was given as pixels is drawn on as it is."""
    assert read_pixels(GREY) is GREY


@pytest.mark.parametrize("image", [b"no image", "no/such.jpg"])
def test_what_is_no_image_cannot_be_drawn_on(image: Any) -> None:
    """One sentence that names it."""
    with pytest.raises(UnreadableImage, match=r"cannot draw on (the image|no/such)"):
        read_pixels(image)
