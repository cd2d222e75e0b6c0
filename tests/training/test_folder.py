"""A data folder's promises: what fits is read, what does not is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interim.training.data.errors import DataError
from interim.training.data.folder import open_folder
from interim.training.data.sample import VOID


@pytest.fixture
def folder(scenes: Path, tmp_path: Path) -> Path:
    """A copy of the scenes that a test may spoil."""
    return shutil.copytree(scenes, tmp_path / "data")


def test_an_image_comes_with_labels_of_its_size(scenes: Path) -> None:
    """Images are (H, W, 3) bytes, labels (H, W) bytes of the same size."""
    data = open_folder(scenes)
    sample = data.read(data.names("train")[0])
    assert sample.image.shape == (96, 128, 3)
    assert sample.labels.shape == (96, 128)
    assert sample.image.dtype == sample.labels.dtype == np.uint8


def test_classes_come_in_order_of_their_ids(folder: Path) -> None:
    """classes.json may list the classes in any order."""
    path = folder / "classes.json"
    entries = json.loads(path.read_text())
    names = [entry["name"] for entry in entries["classes"]]
    entries["classes"].reverse()
    path.write_text(json.dumps(entries))
    assert [each.name for each in open_folder(folder).classes] == names


def test_void_is_a_legal_label(folder: Path) -> None:
    """Pixels without a label are 255."""
    Image.fromarray(np.full((96, 128), VOID, np.uint8)).save(folder / "labels" / "scene_000000.png")
    assert (open_folder(folder).read("scene_000000").labels == VOID).all()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The message says which folder and what one holds."""
    with pytest.raises(DataError, match=r"no folder .*nowhere.*classes\.json"):
        open_folder(tmp_path / "nowhere")


def test_a_folder_without_classes_is_named(tmp_path: Path) -> None:
    """A folder that is no data folder says what it lacks."""
    with pytest.raises(DataError, match=r"has no images/ .* classes\.json"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"classes": []}',
        '{"classes": [{"id": 0, "name": "void", "color": [0, 0, 0]}]}',
        '{"classes": [{"id": 1, "name": "a", "color": [0, 0, 0]}]}',
    ],
)
def test_wrong_classes_are_refused(folder: Path, text: str) -> None:
    """A classes.json that is no list of classes from 0 on names the file."""
    (folder / "classes.json").write_text(text)
    with pytest.raises(DataError, match=r"classes\.json"):
        open_folder(folder)


def test_an_unknown_split_names_those_there_are(scenes: Path) -> None:
    """The way out is in the message."""
    with pytest.raises(DataError, match=r"no split 'test'.*train, val"):
        open_folder(scenes).names("test")


def test_an_empty_split_is_refused(folder: Path) -> None:
    """A list without names is a mistake."""
    (folder / "val.txt").write_text("\n")
    with pytest.raises(DataError, match=r"split 'val' of .* is empty"):
        open_folder(folder).names("val")


def test_a_listed_image_that_is_missing_is_named(scenes: Path) -> None:
    """A name in the list needs its file."""
    with pytest.raises(DataError, match="no image 'nobody'"):
        open_folder(scenes).read("nobody")


def test_missing_labels_are_named(folder: Path) -> None:
    """An image needs its labels."""
    (folder / "labels" / "scene_000001.png").unlink()
    with pytest.raises(DataError, match=r"no file .*scene_000001\.png"):
        open_folder(folder).read("scene_000001")


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_a_corrupt_image_is_named(folder: Path, content: bytes | None) -> None:
    """Empty, foreign or truncated: the file is named, and no stack of the decoder's is shown."""
    path = folder / "images" / "scene_000002.jpg"
    path.write_bytes(path.read_bytes()[:900] if content is None else content)
    with pytest.raises(DataError, match=r"scene_000002\.jpg cannot be read as an image"):
        open_folder(folder).read("scene_000002")


@pytest.mark.parametrize("limit", [10_000, 1000])
def test_an_image_that_is_too_large_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Above what Pillow takes for harmless, and above twice that."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataError, match=r"scene_000002\.jpg cannot be read as an image .*pixels"):
        open_folder(folder).read("scene_000002")


def test_a_class_called_void_is_not_labelled(folder: Path) -> None:
    """In classes.json as in classes.txt; the classes after it move up."""
    path = folder / "classes.json"
    entries = json.loads(path.read_text())
    entries["classes"][1]["name"] = "Void"
    path.write_text(json.dumps(entries))
    Image.fromarray(np.repeat(np.array([[0, 1, 2, VOID]], np.uint8), 32, 1).repeat(96, 0)).save(
        folder / "labels" / "scene_000003.png"
    )
    data = open_folder(folder)
    assert [each.name for each in data.classes][:2] == ["Sky", "Pole"]
    assert len(data.classes) == 10
    assert data.read("scene_000003").labels[0, ::32].tolist() == [0, VOID, 1, VOID]


def test_an_unknown_label_is_named(folder: Path) -> None:
    """A label that is no class names file, value and rule."""
    Image.fromarray(np.full((96, 128), 11, np.uint8)).save(folder / "labels" / "scene_000003.png")
    with pytest.raises(
        DataError, match=r"scene_000003\.png holds the label 11 at row 0.*: the classes are 0 to 10"
    ):
        open_folder(folder).read("scene_000003")


def test_sizes_must_agree(folder: Path) -> None:
    """Labels of another size than the image name both sizes."""
    Image.fromarray(np.zeros((95, 128), np.uint8)).save(folder / "labels" / "scene_000004.png")
    with pytest.raises(DataError, match="is 128x95 but its image is 128x96"):
        open_folder(folder).read("scene_000004")


def test_an_unknown_colour_is_named(folder: Path) -> None:
    """Labels may be drawn in the classes' colours; another colour names its place and the way out."""
    image = Image.new("RGB", (128, 96), (128, 128, 128))
    image.putpixel((7, 5), (1, 2, 3))
    image.save(folder / "labels" / "scene_000005.png")
    with pytest.raises(DataError, match=r"colour 1 2 3 at row 5, column 7 .*add it to classes\.json"):
        open_folder(folder).read("scene_000005")


def test_labels_as_jpeg_are_refused(folder: Path) -> None:
    """A JPEG invents values at every edge."""
    (folder / "labels" / "scene_000005.png").unlink()
    Image.new("L", (128, 96)).save(folder / "labels" / "scene_000005.jpg")
    with pytest.raises(DataError, match=r"scene_000005\.jpg is a JPEG.*save labels as PNG"):
        open_folder(folder).read("scene_000005")
