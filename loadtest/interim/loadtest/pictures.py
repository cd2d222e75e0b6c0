"""What the sender sends: encoded images, read or drawn before the run."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from interim.loadtest.entries import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def picture_files(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Image files, and those in folders, by name.

    Raises:
        ScenarioError: a path does not exist, or a folder holds no image.
    """
    return tuple(file for path in paths for file in _files(path))


def draw_picture(width: int, height: int, *, seed: int = 0) -> bytes:
    """A JPEG of something like a street: sky over road, boxes between them, a little noise."""
    random = np.random.default_rng(seed)
    canvas = np.empty((height, width, 3), np.float32)
    horizon = height // 2
    canvas[:horizon] = (150, 180, 220)
    canvas[horizon:] = (90, 85, 90)
    for _ in range(24):
        left, top = int(random.integers(width)), int(random.integers(height // 4, height))
        right, bottom = (
            left + int(random.integers(4, width // 4 + 5)),
            top + int(random.integers(4, height // 3 + 5)),
        )
        canvas[top:bottom, left:right] = random.integers(20, 230, 3)
    canvas += random.normal(0, 8, canvas.shape)
    encoded = io.BytesIO()
    Image.fromarray(canvas.clip(0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=90)
    return encoded.getvalue()


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ScenarioError(f"There is no picture {path}: name an image file or a folder of them.")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in _SUFFIXES)
    if not files:
        raise ScenarioError(f"The folder {path} holds no image ({', '.join(sorted(_SUFFIXES))}).")
    return files
