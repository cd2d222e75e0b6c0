"""What a caller asks for, as the message that asks it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

import numpy as np
import numpy.typing as npt

from interim.client import errors
from interim.v1 import inference_pb2 as pb

ImageSource = str | os.PathLike[str] | bytes | npt.NDArray[np.uint8]
"""A file's path, the bytes of a JPEG, PNG or WebP, or (H, W, 3) uint8 RGB (sent raw)."""

_ENCODINGS: Final = {"rle": pb.RLE_ZSTD, "raw": pb.RAW, "png": pb.PNG}
_RESOLUTIONS: Final = {"full": pb.FULL, "quarter": pb.QUARTER}
_GRIDS: Final = {"input": pb.INPUT, "working": pb.WORKING}


class Options(TypedDict, total=False):
    """What may be asked of one image; every one may be left out."""

    budget_ms: float | None
    """From the image's arrival at the server to the last byte of its answer, in ms; None: the deadline
    of the call less a guard band, or the server's default."""
    model: str
    """Its name; "": the server's default model."""
    min_exit: int
    """Exits below this are neither streamed nor enough for admission; 0: exit 1."""
    max_exit: int
    """The request ends at this exit even if time remains; 0: the model's last."""
    stop_below: float
    """The request ends when at most this share of its pixels (0 to 1) is left to refine."""
    long_side: int
    """Scale the image down to at most this many pixels on its long side; 0: the model's own limit."""
    request_class: str
    """For budget policies and metrics: "interactive", "batch", …."""
    encoding: Literal["rle", "raw", "png"]
    """How masks travel; the array is the same. Default "rle": runs, compressed."""
    resolution: Literal["full", "quarter"]
    """The mask's resolution: the grid's own (default), or a quarter of it, as the logits are."""
    grid: Literal["input", "working"]
    """The mask's grid: the image as sent (default), or as the network saw it (after `long_side`)."""
    confidence: bool
    """Send the confidence map with each mask."""
    active: bool
    """Send the map of what is still being refined with each mask."""


def infer_request(
    image: ImageSource,
    *,
    request_id: str = "",
    newest_wins: bool = False,
    budget_ms: float | None = None,
    model: str = "",
    min_exit: int = 0,
    max_exit: int = 0,
    stop_below: float = 0.0,
    long_side: int = 0,
    request_class: str = "",
    encoding: str = "rle",
    resolution: str = "full",
    grid: str = "input",
    confidence: bool = False,
    active: bool = False,
) -> pb.InferRequest:
    """The message for one image; the arguments are those of `Options`.

    Only what the wire cannot carry is refused here; whether the values make sense is the server's word.

    Raises:
        UnreadableImage: No such file, or an array that is not (H, W, 3) uint8.
        InvalidArgument: An unknown choice, or a number the wire cannot carry.
    """
    mask = pb.MaskFormat(
        encoding=_choice("encoding", encoding, _ENCODINGS),
        resolution=_choice("resolution", resolution, _RESOLUTIONS),
        grid=_choice("grid", grid, _GRIDS),
    )
    source = _image(image)
    with carried():
        return pb.InferRequest(
            request_id=request_id,
            model=model,
            image=source,
            budget_ms=budget_ms,
            min_exit=min_exit,
            max_exit=max_exit,
            stop_below=stop_below,
            long_side=long_side,
            request_class=request_class,
            mask=mask,
            want_confidence=confidence,
            want_active=active,
            newest_wins=newest_wins,
        )


@contextmanager
def carried() -> Iterator[None]:
    """While a message is made: what protobuf does not take is refused.

    Raises:
        InvalidArgument: A negative exit, a word for a number, a name that is no text.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        raise errors.InvalidArgument(f"a value that the request cannot carry: {error}") from error


def _choice(name: str, value: str, known: dict[str, Any]) -> Any:
    if value not in known:
        raise errors.InvalidArgument(f"{name}={value!r} is unknown; choose from {', '.join(known)}")
    return known[value]


def _image(image: ImageSource) -> pb.Image:
    if isinstance(image, np.ndarray):
        return pb.Image(raw=_raw(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return pb.Image(encoded=bytes(image))
    if not isinstance(image, (str, os.PathLike)):
        what = f"a {type(image).__name__}"
        raise errors.UnreadableImage(f"the image is {what}; give a path, bytes or an (H, W, 3) uint8 array")
    try:
        return pb.Image(encoded=Path(image).read_bytes())
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        why = getattr(error, "strerror", None) or error
        raise errors.UnreadableImage(f"cannot read {os.fspath(image)}: {why}") from error


def _raw(image: npt.NDArray[np.uint8]) -> pb.RawImage:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        shape = "x".join(map(str, image.shape))
        raise errors.UnreadableImage(f"an array of {shape} {image.dtype}; give (H, W, 3) uint8, RGB")
    return pb.RawImage(height=image.shape[0], width=image.shape[1], rgb=image.tobytes())
