"""Images: what comes in as a file or as raw bytes leaves as upright RGB at the working size, or is refused."""

import contextlib
import io
import re
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from interim.server.errors import BadInputError
from interim.server.front.header import read_header
from interim.server.front.images import Limits, Picture, decode, measure

LIMITS = Limits()
ORIENTATION = 0x0112


def scene(height: Any = 48, width: Any = 64) -> Any:
    """A smooth picture whose four corners differ, so that a turn or a flip shows."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([y * 255 // height, x * 255 // width, (x + y) * 127 // (height + width)], -1).astype("u1")


def file(image: Any, kind: Any, **options: Any) -> Any:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: Any, *, long_side: Any = 1024, raw_size: Any = None) -> Any:
    picture = measure(data, raw_size, long_side=long_side, limits=LIMITS)
    out = np.zeros((*picture.working, 3), np.uint8)
    decode(picture, out)
    return out


def exif(orientation: Any) -> Any:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("JPEG", {"quality": 100, "subsampling": 0})],
)
def test_the_three_formats_arrive_as_rgb(kind: Any, options: Any) -> None:
    """PNG and lossless WebP to the bit, JPEG within its own noise."""
    pixels = scene()
    out = decoded(file(Image.fromarray(pixels), kind, **options))
    assert np.abs(out.astype(int) - pixels).max() <= (8 if kind == "JPEG" else 0)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16", "CMYK"])
def test_every_colour_mode_becomes_rgb(mode: Any) -> None:
    """Grey, palette, alpha, 16-bit and CMYK images are converted, not refused."""
    grey = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype("u1")
    if mode == "I;16":
        image = Image.fromarray(grey.astype("u2") * 257)
    else:
        image = Image.fromarray(grey).convert("RGB")
        image = image.quantize(256) if mode == "P" else image.convert(mode)
    data = file(image, "JPEG", quality=98) if mode == "CMYK" else file(image, "PNG")
    out = decoded(data)
    if mode != "1":
        assert np.abs(out.astype(int) - grey[..., None]).max() <= 6
    assert out.shape == (64, 64, 3)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: Any, orientation: Any) -> None:
    """The size that admission hears and the pixels that the network sees are those a person sees."""
    from PIL import ImageOps

    image = Image.fromarray(scene())
    data = file(image, kind, exif=exif(orientation), **({"lossless": True} if kind == "WEBP" else {}))
    with Image.open(io.BytesIO(data)) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    out = decoded(data)
    assert read_header(data).upright == expected.shape[:2]
    assert np.abs(out.astype(int) - expected).max() <= (4 if kind == "JPEG" else 0)


def test_a_large_image_is_scaled_down_to_the_long_side() -> None:
    """The long side becomes the limit, the other keeps the proportion; nothing is ever enlarged."""
    data = file(Image.fromarray(scene(300, 1200)), "JPEG")
    assert decoded(data, long_side=400).shape == (100, 400, 3)
    assert decoded(data, long_side=1300).shape == (300, 1200, 3)


@pytest.mark.parametrize("orientation", [1, 6])
def test_scaling_down_keeps_the_picture(orientation: Any) -> None:
    """The shortcut that decodes a JPEG small gives the same picture as the long way."""
    image = Image.fromarray(scene(800, 1600))
    out = decoded(file(image, "JPEG", quality=95, exif=exif(orientation)), long_side=200)
    direct = np.asarray(image.resize((200, 100), Image.Resampling.BOX))
    expected = direct if orientation == 1 else np.rot90(direct, -1)
    assert out.shape == expected.shape
    assert np.abs(out.astype(int) - expected).mean() < 4


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.data())
def test_raw_pixels_arrive_as_they_are(height: Any, width: Any, long_side: Any, data: Any) -> None:
    """Raw RGB is copied to the byte, unless it is too large; then its proportions are kept."""
    raw = data.draw(st.binary(min_size=height * width * 3, max_size=height * width * 3))
    out = decoded(raw, raw_size=(height, width), long_side=long_side)
    assert max(out.shape[:2]) == min(max(height, width), long_side)
    if max(height, width) <= long_side:
        assert out.tobytes() == raw


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 300))
def test_raw_bytes_that_do_not_fit_are_refused(height: Any, width: Any, size: Any) -> None:
    """Only height * width * 3 bytes are an image."""
    if height * width and size == height * width * 3:
        return
    with pytest.raises(BadInputError, match=r"0 pixels|height \* width \* 3 bytes"):
        measure(bytes(size), (height, width), long_side=64, limits=LIMITS)


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF89a" + bytes(40), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF"]
)
def test_what_is_no_image_is_refused_by_its_first_bytes(data: Any) -> None:
    """One sentence, and what to send instead."""
    with pytest.raises(BadInputError, match="send"):
        measure(data, None, long_side=64, limits=LIMITS)


@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_a_truncated_file_is_refused(kind: Any, data: Any) -> None:
    """Wherever the file ends too early, header or pixels say so; only a tail without pixels may be missing."""
    whole = file(Image.fromarray(scene()), kind)
    cut = whole[: data.draw(st.integers(1, len(whole) - 20))]
    said = ""
    try:
        pixels = decoded(cut)
    except BadInputError as error:
        said, pixels = str(error), decoded(whole)
    assert np.array_equal(pixels, decoded(whole))
    assert not said or re.search(r"whole file|send a JPEG", said)


@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_a_damaged_file_raises_nothing_but_bad_input(kind: Any, data: Any) -> None:
    """Any bytes may be wrong: the picture may be spoilt, the server is not."""
    damaged = bytearray(file(Image.fromarray(scene()), kind))
    for at in data.draw(st.lists(st.integers(12, len(damaged) - 1), min_size=1, max_size=8)):
        damaged[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInputError):
        assert decoded(bytes(damaged)).size


@given(
    st.binary(max_size=400), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X"])
)
def test_any_bytes_after_a_magic_number_are_read_or_refused(rest: Any, magic: Any) -> None:
    """The header is read without trust."""
    try:
        header = read_header(magic + rest)
    except BadInputError:
        return
    assert 1 <= header.orientation <= 8


def bomb(height: Any, width: Any) -> Any:
    """A PNG of a few kilobytes that claims to be large."""

    def chunk(kind: Any, body: Any) -> Any:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("size", "rule"),
    [
        ((10, 20000), "16384"),
        ((16000, 16000), "limit of 50000000"),
        ((0, 10), "0 pixels"),
        ((10, 0), "0 pixels"),
    ],
)
def test_sizes_beyond_the_limits_are_refused_from_the_header(size: Any, rule: Any) -> None:
    """A bomb is not unpacked to be measured."""
    with pytest.raises(BadInputError, match=rule):
        measure(bomb(*size), None, long_side=1024, limits=LIMITS)


def test_a_header_that_lies_is_found_out() -> None:
    """The decoder never writes another size than admission was told."""
    picture = measure(file(Image.fromarray(scene()), "PNG"), None, long_side=1024, limits=LIMITS)
    liar = Picture(data=picture.data, format="PNG", orientation=1, size=(10, 10), working=(10, 10))
    with pytest.raises(BadInputError, match="two different sizes"):
        decode(liar, np.zeros((10, 10, 3), np.uint8))


def test_a_file_of_endless_segments_is_given_up() -> None:
    """Reading a header costs a bounded walk, whatever the file says."""
    exif_block = exif(6).tobytes()
    exif_segment = b"\xff\xe1" + struct.pack(">H", len(exif_block) + 2) + exif_block
    for endless in (b"\xff\xe2\x00\x02" * 100_000, b"\xff" * 100_000, exif_segment * 10_000):
        with pytest.raises(BadInputError, match="damaged"):
            read_header(b"\xff\xd8\xff" + endless[1:])


def test_a_few_fill_bytes_are_passed_over() -> None:
    """Any number may stand before a marker (T.81, B.1.1.2); files that have some have few."""
    data = file(Image.fromarray(scene()), "JPEG")
    assert read_header(data[:2] + b"\xff" * 7 + data[2:]).upright == (48, 64)


def test_the_first_orientation_counts() -> None:
    """A file may repeat its EXIF block, and need not be read for ever."""
    first, second = (file(Image.fromarray(scene()), "JPEG", exif=exif(each))[2:] for each in (6, 3))
    assert read_header(b"\xff\xd8" + first[: first.index(b"\xff\xdb")] + second).orientation == 6


def test_a_jpeg_of_a_hundred_passes_is_refused() -> None:
    """A pass costs its sender some bytes and a decoder all pixels; progressive files have about ten."""
    data = file(Image.fromarray(scene()), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert decoded(data[:-2] + last * 20 + data[-2:]).shape == (48, 64, 3)
    with pytest.raises(BadInputError, match="scans, more than 100"):
        decoded(data[:-2] + last * 100 + data[-2:])
