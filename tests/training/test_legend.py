"""A label file means what the file of classes says, by value or by colour."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from interim.training.data.classes_file import read_legend
from interim.training.data.errors import DataError
from interim.training.data.sample import VOID


def saved(folder: Path, pixels: np.ndarray) -> Path:
    """A label file with these pixels."""
    path = folder / "mask.png"
    Image.fromarray(pixels).save(path)
    return path


def listed(folder: Path, text: str, name: str = "classes.txt") -> Path:
    """A folder with this list of classes."""
    (folder / name).write_text(text)
    return folder


def test_names_alone_count_from_zero(tmp_path: Path) -> None:
    """One name a line: its line is its id; names may have spaces."""
    legend = read_legend(listed(tmp_path, "# plants\nsoil\nsugar beet\n\nweed\n"))
    assert [each.name for each in legend.classes] == ["soil", "sugar beet", "weed"]
    assert len({each.color for each in legend.classes}) == 3
    found = legend.read(saved(tmp_path, np.array([[0, 1], [2, 255]], np.uint8)))
    assert found.tolist() == [[0, 1], [2, VOID]]


def test_values_may_be_anything(tmp_path: Path) -> None:
    """Black and white masks: 0 and 255 are two classes if the list says so."""
    legend = read_legend(listed(tmp_path, "background 0\nroad 255\nvoid 128\n"))
    found = legend.read(saved(tmp_path, np.array([[0, 255, 128]], np.uint8)))
    assert found.tolist() == [[0, 1, VOID]]


@pytest.mark.parametrize("name", ["classes.txt", "class_dict.csv"])
def test_colours_are_read_by_name(tmp_path: Path, name: str) -> None:
    """A table with a head or without; what is called void is not labelled."""
    text = "name,r,g,b\nSky,128,128,128\nVoid,0,0,0\nCar,64,0,128\n"
    legend = read_legend(listed(tmp_path, text, name))
    assert [(each.name, each.color) for each in legend.classes] == [
        ("Sky", (128, 128, 128)),
        ("Car", (64, 0, 128)),
    ]
    pixels = np.array([[(64, 0, 128), (0, 0, 0), (128, 128, 128)]], np.uint8)
    assert legend.read(saved(tmp_path, pixels)).tolist() == [[1, VOID, 0]]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.booleans())
def test_colours_and_ids_say_the_same(tmp_path_factory: pytest.TempPathFactory, ids: list[int], alpha: bool) -> None:  # fmt: skip
    """Whatever the labels: drawn in colours, with or without alpha, or stored as ids."""
    folder = tmp_path_factory.mktemp("masks")
    legend = read_legend(listed(folder, "a 0 0 0\nb 255 255 255\nc 1 2 3\nd 3 2 1\n"))
    row = np.array([ids], np.uint8)
    colors = np.array([each.color for each in legend.classes], np.uint8)[row]
    if alpha:
        colors = np.concatenate([colors, np.full((*row.shape, 1), 255, np.uint8)], 2)
    assert legend.read(saved(folder, colors)).tolist() == legend.read(saved(folder, row)).tolist() == [ids]


def test_sixteen_bits_are_read(tmp_path: Path) -> None:
    """Some tools store ids in 16 bits; a value that is no class is told whole."""
    legend = read_legend(listed(tmp_path, "a\nb\n"))
    assert legend.read(saved(tmp_path, np.array([[0, 1]], np.uint16))).tolist() == [[0, 1]]
    with pytest.raises(
        DataError, match=r"holds the label 7000 at row 0, column 1 \(1 of 2 pixels .* are 0 to 1, and"
    ):
        legend.read(saved(tmp_path, np.array([[0, 7000]], np.uint16)))


def test_one_bit_is_two_classes(tmp_path: Path) -> None:
    """Black and white in one bit are 0 and 1."""
    legend = read_legend(listed(tmp_path, "a\nb\n"))
    assert legend.read(saved(tmp_path, np.array([[False, True]]))).tolist() == [[0, 1]]


def test_colours_without_colours_in_the_list_are_refused(tmp_path: Path) -> None:
    """Nothing says what they mean."""
    legend = read_legend(listed(tmp_path, "a\nb\n"))
    with pytest.raises(DataError, match="has mode RGB: labels are 8-bit class ids"):
        legend.read(saved(tmp_path, np.zeros((2, 2, 3), np.uint8)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names 0 classes"),
        ("a 0\nb\n", "lines with 0 and 1 numbers"),
        ("a 1 2\nb 1 2\n", "lines with 2 numbers"),
        ("a 0\nb 0\n", "one value to two classes"),
        ("a 1 1 1\nb 1 1 1\n", "one colour to two classes"),
        ("a\na\n", "names a class twice"),
        ("a 1 1 256\n", "colour 1 1 256 is none"),
    ],
)
def test_a_wrong_list_says_what_is_wrong(tmp_path: Path, text: str, words: str) -> None:
    """The file, the rule and the way out."""
    with pytest.raises(DataError, match=words):
        read_legend(listed(tmp_path, text))


def test_a_missing_list_says_how_to_write_one(tmp_path: Path) -> None:
    """The shortest way."""
    with pytest.raises(DataError, match=r'classes\.txt" with one class name a line'):
        read_legend(tmp_path)
