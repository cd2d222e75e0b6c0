"""The frames of a clip: images as they lie on disk, and their labels."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from interim.client.errors import UnreadableImage
from interim.client.picture import read_pixels
from interim.loadtest.entries import ScenarioError, reason

if TYPE_CHECKING:
    from pathlib import Path

    from interim.loadtest.scenario import Clip

Labels = NDArray[np.uint8]
"""(H, W) class ids, 255 for void."""

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One frame: `image` is an encoded image, `labels` (H, W) uint8 class ids with 255 for void, or None."""

    name: str
    image: bytes
    labels: NDArray[np.uint8] | None


def read_frames(clip: Clip) -> tuple[Frame, ...]:
    """Every frame of a clip, in order; without labels where the clip names no folder of them.

    Raises:
        ScenarioError: the clip does not say where its frames lie, or a file is missing or unreadable.
    """
    if clip.frames is None or clip.images is None:
        raise ScenarioError(
            "A clip needs its frames: give --frames LIST and --images DIR (and --labels DIR)."
        )
    names = _names(clip.frames)
    return tuple(
        Frame(
            name=name,
            image=image,
            labels=None if clip.labels is None else read_labels(clip.labels / f"{name}.png", image),
        )
        for name, image in ((name, _image(clip.images, name)) for name in names)
    )


def _names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"The list of frames {path} cannot be read ({reason(error)}).") from error
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise ScenarioError(f"The list of frames {path} is empty: write one name (without suffix) a line.")
    return names


def _image(folder: Path, name: str) -> bytes:
    for suffix in _SUFFIXES:
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path.read_bytes()
    raise ScenarioError(f"There is no frame {name!r} in {folder} ({', '.join(_SUFFIXES)}).")


def read_labels(path: Path, picture: bytes) -> Labels:
    """The labels in a PNG file of class ids, for an encoded picture.

    Raises:
        ScenarioError: It cannot be read, holds colours, or is of another size than the picture.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in {"P", "L"}:
                raise ScenarioError(
                    f"{path} has mode {image.mode}: labels are 8-bit class ids (palette or grey)."
                )
            labels = np.array(image, dtype=np.uint8)
    except OSError as error:
        raise ScenarioError(f"The labels {path} cannot be read ({reason(error)}).") from error
    with suppress(UnreadableImage):  # a server says so too
        height, width = read_pixels(picture).shape[:2]
        if labels.shape != (height, width):
            raise ScenarioError(
                f"{path} is {labels.shape[1]} x {labels.shape[0]} pixels and its picture {width} x {height}: "
                "labels have the picture's own size."
            )
    return labels
