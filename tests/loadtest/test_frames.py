"""Frames and pictures: read from disk, and what is wrong with a file is named."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interim.loadtest.entries import ScenarioError
from interim.loadtest.frames import read_frames
from interim.loadtest.pictures import draw_picture, picture_files
from interim.loadtest.scenario import Clip


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Two frames with labels, laid out as a data folder."""
    (tmp_path / "list.txt").write_text("a\nb\n")
    for name in ("a", "b"):
        (tmp_path / f"{name}.jpg").write_bytes(draw_picture(8, 6))
        Image.fromarray(np.full((6, 8), 3, np.uint8)).save(tmp_path / f"{name}.png")
    return Clip(
        name="clip", fps=15, budget_ms=60, frames=tmp_path / "list.txt", images=tmp_path, labels=tmp_path
    )


def test_frames_come_in_the_order_of_the_list(clip: Clip) -> None:
    """Names, images as they lie on disk, labels as class ids."""
    frames = read_frames(clip)
    assert [frame.name for frame in frames] == ["a", "b"]
    assert frames[0].image == draw_picture(8, 6)
    assert frames[1].labels is not None
    assert frames[1].labels.tolist() == np.full((6, 8), 3).tolist()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "list.txt").write_text(""), "is empty: write one name"),
        (lambda folder: (folder / "list.txt").unlink(), "cannot be read"),
        (lambda folder: (folder / "list.txt").write_text("c"), "no frame 'c'"),
        (lambda folder: (folder / "b.png").write_bytes(b"no png"), "b.png cannot be read"),
        (lambda folder: Image.new("RGB", (8, 6)).save(folder / "b.png"), "b.png has mode RGB"),
        (lambda folder: Image.new("L", (6, 8)).save(folder / "b.png"), "b.png is 6 x 8 .* picture 8 x 6"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(clip: Clip, spoil: object, says: str) -> None:
    """A missing, empty or unreadable file: one sentence that names it."""
    assert callable(spoil)
    assert clip.images is not None
    spoil(clip.images)
    with pytest.raises(ScenarioError, match=says):
        read_frames(clip)


def test_a_frames_name_may_have_spaces(clip: Clip) -> None:
    """One name a line is what the list is said to hold."""
    assert clip.frames is not None
    assert clip.images is not None
    clip.frames.write_text("a\n\nmy frame\r\n")
    for suffix in ("jpg", "png"):
        (clip.images / f"b.{suffix}").rename(clip.images / f"my frame.{suffix}")
    assert [frame.name for frame in read_frames(clip)] == ["a", "my frame"]


def test_a_clip_without_frames_says_what_to_give() -> None:
    """The built-in clip needs to be told where its frames lie."""
    with pytest.raises(ScenarioError, match="--frames LIST and --images DIR"):
        read_frames(Clip(name="clip", fps=15, budget_ms=60))


def test_pictures_are_files_or_folders(clip: Clip) -> None:
    """A folder stands for its images, by name; other files in it are left out."""
    assert clip.images is not None
    assert len(picture_files([clip.images])) == 4
    assert picture_files([clip.images / "a.jpg"]) == (clip.images / "a.jpg",)


def test_a_picture_that_is_not_there_is_named(tmp_path: Path) -> None:
    """No such file, or a folder without an image."""
    with pytest.raises(ScenarioError, match=r"no picture .*absent"):
        picture_files([tmp_path / "absent"])
    with pytest.raises(ScenarioError, match="holds no image"):
        picture_files([tmp_path])


@pytest.mark.parametrize("size", [(480, 360), (1, 1), (3, 200)])
def test_a_drawn_picture_is_a_jpeg_of_its_size(size: tuple[int, int]) -> None:
    """Any size can be drawn, and a seed always draws the same bytes."""
    drawn = draw_picture(*size, seed=2)
    assert Image.open(io.BytesIO(drawn)).size == size
    assert drawn == draw_picture(*size, seed=2)
