"""Size, format and orientation of an image file from its first bytes: no pixel is decoded, no library trusted.

Admission needs the size at once, on the event loop, so every walk here is bounded. Sources: JPEG (ITU-T
T.81, B.2), PNG (W3C, chunk layout), WebP container (RFC 9649), EXIF 2.32 (tag 0x0112 in the first IFD).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from interim.server.errors import BadInputError

_PARTS = 2000  # segments, chunks and fill bytes looked at before we give up: real files have a few dozen
_STANDALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of any coding
_SCAN_BEGINS = 0xDA


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a file says of itself: `height` and `width` as stored, before `orientation` (EXIF, 1 to 8)."""

    format: str
    height: int
    width: int
    orientation: int = 1

    @property
    def upright(self) -> tuple[int, int]:
        """(height, width) in pixels as a person sees the image, after EXIF orientation."""
        return (self.width, self.height) if self.orientation >= 5 else (self.height, self.width)


def read_header(data: bytes) -> Header:
    """Tell JPEG, PNG and WebP apart by their first bytes and read the size.

    Raises:
        BadInputError: the bytes are none of the three, or end before the size.
    """
    if data[:3] == b"\xff\xd8\xff":
        name, read = "JPEG", _jpeg
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        name, read = "PNG", _png
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        name, read = "WEBP", _webp
    else:
        what = "this is not a JPEG, PNG or WebP image" if data else "the image is empty"
        raise BadInputError(
            f"{what}: send a JPEG, PNG or WebP file in image.encoded, or raw RGB in image.raw"
        )
    try:
        return read(data)
    except (struct.error, IndexError, KeyError):
        raise BadInputError(
            f"the {name} image is damaged or ends before its size: send the whole file"
        ) from None


def _jpeg(data: bytes) -> Header:
    orientation: int | None = None
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 1)
            return Header(format="JPEG", height=height, width=width, orientation=orientation or 1)
        if orientation is None and marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            orientation = _orientation(data[start + 6 : end])
    raise KeyError


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, first byte, end) of each JPEG segment before the first scan."""
    at = 2
    for _ in range(_PARTS):
        if data[at] != 0xFF or data[at + 1] == _SCAN_BEGINS:
            return
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        marker, at = data[at + 1], at + 2
        if marker in _STANDALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        yield marker, at + 2, at + length
        at += max(length, 2)


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    return Header(format="PNG", height=height, width=width, orientation=_png_orientation(data))


def _png_orientation(data: bytes) -> int:
    at = 8
    for _ in range(_PARTS):
        if at + 8 > len(data):
            break
        (length,) = struct.unpack_from(">I", data, at)
        if data[at + 4 : at + 8] == b"eXIf":
            return _orientation(data[at + 8 : at + 8 + length])
        at += length + 12
    return 1


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
        return Header(format="WEBP", height=height, width=width)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header(format="WEBP", height=(bits >> 14 & 0x3FFF) + 1, width=(bits & 0x3FFF) + 1)
    if kind != b"VP8X":
        raise KeyError
    width = int.from_bytes(data[24:27], "little") + 1
    height = int.from_bytes(data[27:30], "little") + 1
    data[29]  # a file that ends inside the size is no file
    return Header(format="WEBP", height=height, width=width, orientation=_webp_orientation(data))


def _webp_orientation(data: bytes) -> int:
    at = 12
    for _ in range(_PARTS):
        if at + 8 > len(data):
            break
        (length,) = struct.unpack_from("<I", data, at + 4)
        if data[at : at + 4] == b"EXIF":
            return _orientation(data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0"))
        at += 8 + length + (length & 1)
    return 1


def _orientation(exif: bytes) -> int:
    """EXIF orientation, 1 (upright) where the block has none or is damaged: a picture is worth more."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, first)
        for index in range(min(count, _PARTS)):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, first + 2 + 12 * index)
            if tag == 0x0112 and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        pass
    return 1
