"""From the pixels of a label file to class ids: by stored value, or by colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from interim.training.data.errors import DataError
from interim.training.data.pixels import read_image
from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from interim.model_zoo.anytime import ClassSpec

Color = tuple[int, int, int]

VALUES = ("1", "L", "P", "I", "I;16", "LA")
"""Modes of an image whose pixels are numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """What label files mean.

    `values`: stored numbers to class ids (or `VOID`), for grey and palette images. `colors`: RGB to
    class ids (or `VOID`), for colour images; empty where colours mean nothing. `home`: where a user
    would change this, for messages.
    """

    classes: tuple[ClassSpec, ...]
    values: Mapping[int, int]
    colors: Mapping[Color, int] = field(default_factory=dict)
    home: str = "classes.json"

    def read(self, path: Path) -> NDArray[np.uint8]:
        """The class ids (H, W) uint8 in one label file, `VOID` where a pixel is not labelled.

        Raises:
            DataError: the file is missing or no image, or a value or colour is no class.
        """
        image = read_image(path)
        if image.format == "JPEG":
            raise DataError(f"{path} is a JPEG, which changes values at every edge: save labels as PNG.")
        if image.mode in VALUES:
            if image.mode == "LA":
                image = image.convert("L")
            return self._by_value(path, np.asarray(image).astype(np.int64))
        if self.colors and image.mode in {"RGB", "RGBA"}:
            return self._by_color(path, np.asarray(image.convert("RGB")))
        rule = "labels are 8-bit class ids (a palette or grey PNG)"
        raise DataError(f"{path} has mode {image.mode}: {rule}{', or colours' if self.colors else ''}.")

    def _by_value(self, path: Path, stored: NDArray[np.int64]) -> NDArray[np.uint8]:
        beyond = max(self.values) + 1
        table = np.full(beyond + 1, -1, np.int16)
        table[list(self.values)] = list(self.values.values())
        ids = table[np.where(stored < 0, beyond, np.minimum(stored, beyond))]
        wrong = ids < 0
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise DataError(
                f"{path} holds the label {stored[row, column]} at row {row}, column {column} "
                f"({_share(wrong)} are no class): {self._rule()}."
            )
        found: NDArray[np.uint8] = ids.astype(np.uint8)
        return found

    def _by_color(self, path: Path, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        codes = _codes(pixels)
        known = np.array(sorted((_code(color), ids) for color, ids in self.colors.items()))
        place = np.minimum(np.searchsorted(known[:, 0], codes), len(known) - 1)
        wrong = known[place, 0] != codes
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            red, green, blue = pixels[row, column]
            raise DataError(
                f"{path} has the colour {red} {green} {blue} at row {row}, column {column} "
                f"({_share(wrong)} have no class's colour): "
                f"add it to {self.home}, or save the labels without smoothing."
            )
        ids: NDArray[np.uint8] = known[place, 1].astype(np.uint8)
        return ids

    def _rule(self) -> str:
        numbers = sorted(value for value, ids in self.values.items() if ids != VOID)
        even = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        told = f"{numbers[0]} to {numbers[-1]}" if even else ", ".join(map(str, numbers))
        voids = ", ".join(str(value) for value, ids in sorted(self.values.items()) if ids == VOID)
        return f"the classes are {told}{f', and {voids} is void' if voids else ''} (see {self.home})"


def _share(wrong: NDArray[np.bool_]) -> str:
    return f"{wrong.sum()} of {wrong.size} pixels"


def _codes(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Each pixel's colour as one number."""
    wide = pixels.astype(np.int64)
    codes: NDArray[np.int64] = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return codes


def _code(color: Color) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]
