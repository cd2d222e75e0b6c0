"""Image files, opened with one sentence for everything that can be wrong with them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from interim.training.data.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
"""What an image's name may end with, lower or upper case."""


def read_pixels(path: Path) -> NDArray[np.uint8]:
    """An image, upright as its camera meant it: (H, W, 3) uint8 RGB.

    Raises:
        DataError: the file is missing or no image.
    """
    return np.asarray(ImageOps.exif_transpose(read_image(path)).convert("RGB"))


def read_image(path: Path) -> Image.Image:
    """An image as it is stored.

    Raises:
        DataError: the file is missing or no image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.load()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        SyntaxError,
        ValueError,
        Warning,
    ) as error:
        raise DataError(f"{path} cannot be read as an image ({error}).") from error
    return image


def stems(folder: Path) -> dict[str, Path]:
    """The images in a folder (not below it) by name without suffix, in order of their names.

    Raises:
        DataError: two images have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise DataError(
                f"{found[path.stem]} and {path.name} have one name: rename or remove one of them."
            )
        found[path.stem] = path
    return found
