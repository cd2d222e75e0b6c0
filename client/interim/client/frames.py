"""Frames to send: of a video file, or the pictures of a folder."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from interim.client.errors import UnreadableImage
from interim.client.request import ImageSource

_PICTURES: Final = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One frame: its name, and what to send."""

    name: str
    image: ImageSource


def frames_of(source: Path) -> Iterator[Frame]:
    """The frames of a folder of pictures, by name, or of a video file; read as they are asked for.

    Raises:
        UnreadableImage: Nothing there, no pictures in it, no video, or the package that reads videos
            is missing.
    """
    if source.is_dir():
        pictures = sorted(path for path in source.iterdir() if path.suffix.lower() in _PICTURES)
        if not pictures:
            raise UnreadableImage(f"{source} holds no pictures; they end in {', '.join(sorted(_PICTURES))}")
        names = names_of(pictures)
        return (Frame(name=name, image=path) for name, path in zip(names, pictures, strict=True))
    if not source.exists():
        raise UnreadableImage(f"{source} does not exist; give a video file or a folder of pictures")
    return _decoded(source, _video_package())


def rate_of(source: Path) -> float | None:
    """A video's own frames a second; None where it does not say, or there is none."""
    if not source.is_file():
        return None
    av = _video_package()
    try:
        with av.open(str(source)) as container:
            return float(container.streams.video[0].average_rate or 0.0) or None
    except (av.FFmpegError, IndexError):  # whoever reads the frames says what is wrong
        return None


def names_of(pictures: Iterable[Path]) -> list[str]:
    """What each picture is called: its own name, numbered where another has it already."""
    names: dict[str, None] = {}
    for picture in pictures:
        name, number = picture.stem, 1
        while name in names:
            number += 1
            name = f"{picture.stem}-{number}"
        names[name] = None
    return list(names)


def paced(
    frames: Iterable[Frame], fps: float, *, now: Callable[[], float], wait_s: Callable[[float], bool]
) -> Iterator[Frame]:
    """Gives each frame when its time has come, whether or not the one before was answered.

    Frame i is due i / fps after the first was asked for; one that could not be read in time comes at
    once, and the clock goes on.

    Args:
        frames: in order.
        fps: frames a second.
        now: a clock, in seconds.
        wait_s: waits for so many seconds; True ends the frames.
    """
    start_s = now()
    for index, frame in enumerate(frames):
        if wait_s(max(0.0, start_s + index / fps - now())):
            return
        yield frame


def _video_package() -> Any:
    try:
        return importlib.import_module("av")
    except ModuleNotFoundError:
        raise UnreadableImage(
            'reading a video file needs the extra "video": pip install "interim[video]"'
        ) from None


def _decoded(source: Path, av: Any) -> Iterator[Frame]:
    try:
        with av.open(str(source)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                yield Frame(name=f"{source.stem}-{index:06d}", image=np.ascontiguousarray(pixels))
    except (av.FFmpegError, IndexError) as error:  # IndexError: no video in it
        why = getattr(error, "strerror", None) or error
        raise UnreadableImage(
            f"{source} is not a video that can be read ({why}): give a video file or a folder of pictures"
        ) from error
