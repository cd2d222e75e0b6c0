"""Masks arrive as they were sent, and a server that lies about them is found out."""

import io
import struct
import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from interim.client.errors import ProtocolError
from interim.client.mask import MAX_PIXELS, decode_byte_map, decode_label_map
from interim.v1 import inference_pb2 as pb


@st.composite
def masks(draw: st.DrawFn) -> npt.NDArray[np.uint8]:
    """Small label maps, some in long runs and some in none."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    ids = draw(st.lists(st.integers(0, 255), min_size=1, max_size=3))
    flat = draw(st.lists(st.sampled_from(ids), min_size=height * width, max_size=height * width))
    return np.array(flat, np.uint8).reshape(height, width)


def runs_of(mask: npt.NDArray[np.uint8]) -> bytes:
    """The runs of a mask, one pixel after the other: slow, and nothing like the decoder."""
    runs: list[list[int]] = []
    for value in mask.ravel().tolist():
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    classes, lengths = zip(*runs, strict=True)
    return struct.pack(f"<I{len(runs)}B", len(runs), *classes) + struct.pack(f"<{len(runs)}I", *lengths)


def png_of(mask: npt.NDArray[np.uint8], mode: str = "L") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(mask).convert(mode).save(stream, "PNG")
    return stream.getvalue()


def encoded(mask: npt.NDArray[np.uint8], encoding: pb.Encoding) -> pb.LabelMap:
    height, width = mask.shape
    if encoding == pb.RAW:
        data = mask.tobytes()
    else:
        data = png_of(mask) if encoding == pb.PNG else zstandard.compress(runs_of(mask))
    return pb.LabelMap(encoding=encoding, height=height, width=width, data=data)


def runs(*pairs: tuple[int, int], count: int | None = None) -> bytes:
    """A zstd frame of runs that need not make sense."""
    number = len(pairs) if count is None else count
    classes = bytes(value for value, _ in pairs)
    return zstandard.compress(
        struct.pack("<I", number) + classes + b"".join(struct.pack("<I", length) for _, length in pairs)
    )


@pytest.mark.parametrize("encoding", [pb.RAW, pb.RLE_ZSTD, pb.PNG])
@given(mask=masks())
def test_a_mask_survives_every_encoding(encoding: pb.Encoding, mask: npt.NDArray[np.uint8]) -> None:
    """What was encoded is decoded, class by class, and cannot be written to."""
    decoded = decode_label_map(encoded(mask, encoding))
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, mask)
    with pytest.raises(ValueError, match="read-only"):
        decoded[0, 0] = 1


@given(mask=masks())
def test_a_byte_map_survives(mask: npt.NDArray[np.uint8]) -> None:
    """A confidence map arrives as it was sent, read-only."""
    message = pb.ByteMap(height=mask.shape[0], width=mask.shape[1], zstd=zstandard.compress(mask.tobytes()))
    decoded = decode_byte_map(message)
    assert np.array_equal(decoded, mask)
    assert not decoded.flags.writeable


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        pytest.param(runs((0, 5)), "cover 5 of 6", id="too short"),
        pytest.param(runs((0, 5), (1, 2)), "cover 7 of 6", id="too long"),
        pytest.param(runs((0, 2**32 - 1), (1, 7)), "cover 4294967302 of 6", id="wraps around 32 bits"),
        pytest.param(runs(*[(0, 1)] * 7), "7 runs over 6", id="more runs than pixels"),
        pytest.param(runs(), "0 runs", id="no runs"),
        pytest.param(runs((0, 6), count=2), "9 bytes where 14", id="runs announced and not sent"),
        pytest.param(runs((0, 6), (1, 0), count=1), "10 bytes where 9", id="runs sent and not announced"),
        pytest.param(zstandard.compress(b"ab"), "2 bytes where 4", id="no head"),
        pytest.param(runs((0, 6))[:-3], "zstd frame|bytes where", id="cut short"),
        pytest.param(b"not zstd at all", "cannot be read", id="not zstd"),
        pytest.param(b"", "0 bytes", id="empty"),
    ],
)
def test_runs_that_lie_are_found_out(data: bytes, rule: str) -> None:
    """Runs that do not make exactly 2 x 3 pixels are an error that says so."""
    with pytest.raises(ProtocolError, match=rule):
        decode_label_map(pb.LabelMap(encoding=pb.RLE_ZSTD, height=2, width=3, data=data))


@given(data=st.binary(max_size=64))
def test_any_bytes_give_a_mask_or_one_error(data: bytes) -> None:
    """Whatever a server sends, no other error escapes."""
    for encoding in (pb.RAW, pb.RLE_ZSTD, pb.PNG):
        message = pb.LabelMap(encoding=encoding, height=2, width=3, data=data)
        try:
            assert decode_label_map(message).shape == (2, 3)
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        pytest.param(
            pb.LabelMap(encoding=pb.RAW, height=2, width=3, data=b"12345"), "5 bytes", id="raw short"
        ),
        pytest.param(pb.LabelMap(encoding=pb.RAW, height=0, width=3), "0 x 3", id="no height"),
        pytest.param(pb.LabelMap(encoding=pb.RAW, height=2**31, width=2**31), "believable", id="absurd size"),
        pytest.param(pb.LabelMap(height=1, width=1, data=b"1"), "encoding 0", id="no encoding"),
        pytest.param(
            pb.LabelMap(encoding=pb.PNG, height=3, width=2, data=png_of(np.zeros((2, 3), np.uint8))),
            "L 2 x 3 where L 3 x 2",
            id="turned PNG",
        ),
        pytest.param(
            pb.LabelMap(encoding=pb.PNG, height=2, width=3, data=png_of(np.zeros((2, 3), np.uint8), "RGB")),
            "RGB 2 x 3",
            id="coloured PNG",
        ),
        pytest.param(pb.LabelMap(encoding=pb.PNG, height=2, width=3, data=b"GIF89a"), "PNG", id="no PNG"),
    ],
)
def test_a_mask_of_the_wrong_size_is_found_out(message: pb.LabelMap, rule: str) -> None:
    """Size and data must agree, in every encoding."""
    with pytest.raises(ProtocolError, match=rule):
        decode_label_map(message)


def test_a_decompression_bomb_is_not_inflated() -> None:
    """A frame that holds more than it may is read to one byte past its size and no further."""
    bomb = zstandard.compress(bytes(64 << 20))
    message = pb.ByteMap(height=2, width=3, zstd=bomb)
    tracemalloc.start()
    with pytest.raises(ProtocolError, match="7 bytes where 6"):
        decode_byte_map(message)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_the_largest_map_has_a_limit() -> None:
    """A byte map over the limit is refused before anything is allocated for it."""
    with pytest.raises(ProtocolError, match=str(MAX_PIXELS)):
        decode_byte_map(pb.ByteMap(height=MAX_PIXELS, width=2, zstd=b""))
