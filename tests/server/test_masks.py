"""Masks: what is encoded decodes to the same classes, in the size and the grid asked for."""

import io
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from interim.server.engine.arena import Maps
from interim.server.front.extras import Extras
from interim.server.front.masks import WantedMask, encode_mask
from interim.v1 import inference_pb2 as pb

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=33)
LABELS = hnp.arrays(np.uint8, SHAPES, elements=st.integers(0, 4))


def unpacked(mask: Any) -> Any:
    """The label map, decoded by the words of inference.proto alone."""
    if mask.encoding == pb.RAW:
        flat = np.frombuffer(mask.data, np.uint8)
    elif mask.encoding == pb.PNG:
        flat = np.asarray(Image.open(io.BytesIO(mask.data))).reshape(-1)
    else:
        data = zstandard.decompress(mask.data)
        runs = int.from_bytes(data[:4], "little")
        classes, lengths = np.frombuffer(data[4 : 4 + runs], "u1"), np.frombuffer(data[4 + runs :], "<u4")
        assert len(lengths) == runs
        flat = np.repeat(classes, lengths)
    return flat.reshape(mask.height, mask.width)


def encoded(
    labels: Any, *, encoding: Any = pb.RLE_ZSTD, size: Any = None, quarter: Any = False, extras: Any = False
) -> Any:
    cells = np.ones((-(-labels.shape[0] // 4), -(-labels.shape[1] // 4)), np.uint8)
    more = Extras(confidence=extras, active=extras)
    wanted = WantedMask(encoding=encoding, size=size or labels.shape, quarter=quarter, extras=more)
    return encode_mask(Maps(labels, cells * 200, cells), wanted).refinement


@given(LABELS, st.sampled_from([pb.RAW, pb.RLE_ZSTD, pb.PNG]))
def test_every_encoding_is_exact(labels: Any, encoding: Any) -> None:
    """Encoded and decoded, a map is the same."""
    mask = encoded(labels, encoding=encoding).mask
    assert mask.encoding == encoding
    assert (unpacked(mask) == labels).all()


@given(LABELS, st.tuples(st.integers(1, 50), st.integers(1, 50)))
def test_another_grid_takes_the_nearest_class(labels: Any, size: Any) -> None:
    """Each pixel of the answer bears the class of the working pixel its centre falls into."""
    height, width = size
    rows = [int(Fraction(2 * y + 1, 2 * height) * labels.shape[0]) for y in range(height)]
    columns = [int(Fraction(2 * x + 1, 2 * width) * labels.shape[1]) for x in range(width)]
    assert (unpacked(encoded(labels, size=size).mask) == labels[rows][:, columns]).all()


def test_a_map_that_is_a_view_is_encoded_as_well() -> None:
    """Padding is cut off by a view; its bytes are not in one piece."""
    labels = np.arange(64, dtype=np.uint8).reshape(8, 8)[:5, 1:6]
    for encoding in (pb.RAW, pb.RLE_ZSTD, pb.PNG):
        assert (unpacked(encoded(labels, encoding=encoding).mask) == labels).all()


def test_extras_come_only_when_asked_for() -> None:
    """Confidence and active are zstd frames of one byte a cell."""
    labels = np.zeros((9, 17), np.uint8)
    plain, rich = encoded(labels), encoded(labels, extras=True)
    assert not plain.HasField("confidence")
    assert not plain.HasField("active")
    assert (rich.confidence.height, rich.confidence.width) == (3, 5)
    assert zstandard.decompress(rich.confidence.zstd) == bytes([200]) * 15
    assert zstandard.decompress(rich.active.zstd) == bytes([1]) * 15


@pytest.mark.parametrize("encoding", [pb.RLE_ZSTD, pb.PNG])
def test_a_street_like_map_shrinks(encoding: Any) -> None:
    """Masks travel packed: a map of large regions takes a small part of its bytes."""
    labels = np.zeros((256, 512), np.uint8)
    labels[100:] = 1
    labels[150:220, 100:300] = 2
    assert len(encoded(labels, encoding=encoding).mask.data) < labels.size / 50
