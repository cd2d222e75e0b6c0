"""From what a client sent to upright RGB pixels at the working size, in an arena slot.

`measure` looks at the header only and costs microseconds, so that limits and admission come before any
work; `decode` does the work, off the event loop, for admitted requests only.
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from interim.server.errors import BadInputError
from interim.server.front.header import read_header

Image.MAX_IMAGE_PIXELS = None  # `Limits` stands before Pillow's own check, and refuses instead of warning

Pixels = npt.NDArray[np.uint8]

_UPRIGHT = {  # EXIF orientation: what turns the stored image into the one a person sees
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_SCAN = b"\xff\xda"  # never inside of a scan (T.81, B.1.1.5)
_SCANS = 100
"""Of a JPEG; a progressive one has about ten. Each is a pass over all pixels, in a few bytes if somebody wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one image may be: `max_pixels` before scaling down, `max_side` in pixels."""

    max_pixels: int = 50_000_000
    max_side: int = 16384


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image not decoded yet. `size` is upright (height, width); `working` what the network will see."""

    data: bytes
    format: str  # "JPEG", "PNG", "WEBP" or "RAW"
    orientation: int
    size: tuple[int, int]
    working: tuple[int, int]


def measure(data: bytes, raw_size: tuple[int, int] | None, *, long_side: int, limits: Limits) -> Picture:
    """Size and format of an image file, or of raw RGB where `raw_size` (height, width) is given.

    Raises:
        BadInputError: not an image, 0 pixels, over a limit, or raw bytes that do not fit the size.
    """
    if raw_size is None:
        header = read_header(data)
        size, kind, orientation = header.upright, header.format, header.orientation
    else:
        size, kind, orientation = raw_size, "RAW", 1
    _check_size(size, limits)
    if raw_size is not None and len(data) != size[0] * size[1] * 3:
        raise BadInputError(
            f"image.raw holds {len(data)} bytes, but {size[0]} x {size[1]} pixels of RGB are "
            f"{size[0] * size[1] * 3}: send height * width * 3 bytes"
        )
    working = _scaled(size, long_side)
    return Picture(data=data, format=kind, orientation=orientation, size=size, working=working)


def decode(picture: Picture, out: Pixels) -> None:
    """Write the picture's pixels, upright, 8-bit RGB, scaled down, to `out` (working height, width, 3).

    Raises:
        BadInputError: the file is truncated or damaged, or a JPEG of a hundred passes and more.
    """
    if picture.format == "RAW":
        pixels = np.frombuffer(picture.data, np.uint8).reshape(*picture.size, 3)
        if picture.size != picture.working:
            pixels = np.asarray(_resized(Image.fromarray(pixels), picture.working))
        out[...] = pixels
        return
    if picture.format == "JPEG" and (scans := picture.data.count(_SCAN)) > _SCANS:
        raise BadInputError(f"the JPEG image has {scans} scans, more than {_SCANS}: save it anew")
    try:
        out[...] = np.asarray(_opened(picture))
    except BadInputError:
        raise
    except Exception as error:
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError, zlib.error, …
        raise BadInputError(
            f"the {picture.format} image is truncated or damaged ({_sentence(error)}): send the whole file"
        ) from error


def _check_size(size: tuple[int, int], limits: Limits) -> None:
    height, width = size
    if height < 1 or width < 1:
        raise BadInputError(f"the image has 0 pixels ({width} x {height}): send at least one")
    if max(size) > limits.max_side:
        raise BadInputError(
            f"the image is {width} x {height} pixels, but no side may be longer than {limits.max_side}: "
            "scale it down"
        )
    if height * width > limits.max_pixels:
        raise BadInputError(
            f"the image has {height * width} pixels, more than the limit of {limits.max_pixels}: scale it down"
        )


def _scaled(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """The size whose long side is at most `long_side`; never enlarged, never below one pixel."""
    longest = max(size)
    if longest <= long_side:
        return size
    height, width = (max(1, round(side * long_side / longest)) for side in size)
    return height, width


def _opened(picture: Picture) -> Image.Image:
    with Image.open(io.BytesIO(picture.data), formats=[picture.format, "MPO"]) as image:
        turned = picture.orientation >= 5
        if image.size != (picture.size if turned else picture.size[::-1]):
            raise BadInputError(f"the {picture.format} image gives two different sizes: save it anew")
        # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size for a fraction of the time.
        image.draft(None, picture.working if turned else picture.working[::-1])
        upright: Image.Image = _rgb(image)
        if picture.orientation in _UPRIGHT:
            upright = upright.transpose(_UPRIGHT[picture.orientation])
        return _resized(upright, picture.working)


def _rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB from grey, palette, RGBA (alpha dropped), CMYK or 16-bit grey."""
    if image.mode.startswith("I"):  # Pillow would clip 16 bits at 255; we keep the upper eight
        grey = np.asarray(image) >> 8
        return Image.fromarray(grey.clip(0, 255, out=grey).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _resized(image: Image.Image, working: tuple[int, int]) -> Image.Image:
    height, width = working
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:120]
