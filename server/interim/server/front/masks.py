"""From the maps of one exit to the bytes a client asked for. Runs off the event loop.

The three encodings and the two grids are those of interim.v1.MaskFormat; the layout of RLE_ZSTD is
defined there. Everything is bound by memory bandwidth: a 512 x 1024 map takes well under a millisecond.
"""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import zstandard
from PIL import Image

from interim.server.engine.arena import Bytes, Maps
from interim.v1 import inference_pb2 as pb

_LEVEL = 1  # of zstd and of deflate: more costs ten times the time for a tenth of the bytes
_local = threading.local()  # a compressor serves one thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What one request wants to see: `size` (height, width) is that of the label map in the answer."""

    encoding: pb.Encoding
    size: tuple[int, int]
    quarter: bool
    confidence: bool = False
    active: bool = False


@dataclass(frozen=True, slots=True)
class Encoded:
    """The ready parts of an answer; an extra nobody asked for is None."""

    mask: pb.LabelMap
    confidence: pb.ByteMap | None = None
    active: pb.ByteMap | None = None


def encode(maps: Maps, wanted: Wanted) -> Encoded:
    """Encode the label map in the size asked for (nearest class, no new ones), and the extras."""
    labels = _nearest(maps.labels, wanted.size)
    data = _ENCODINGS[wanted.encoding](labels)
    height, width = wanted.size
    return Encoded(
        pb.LabelMap(encoding=wanted.encoding, height=height, width=width, data=data),
        _byte_map(maps.confidence) if wanted.confidence else None,
        _byte_map(maps.active) if wanted.active else None,
    )


def _nearest(labels: Bytes, size: tuple[int, int]) -> Bytes:
    if labels.shape == size:
        return labels
    height, width = size
    resized = Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(resized)


def _raw(labels: Bytes) -> bytes:
    return labels.tobytes()


def _rle_zstd(labels: Bytes) -> bytes:
    flat = np.ascontiguousarray(labels).reshape(-1)
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    starts = np.concatenate(([0], ends + 1))
    lengths = np.diff(starts, append=flat.size).astype("<u4")
    runs = len(starts).to_bytes(4, "little")
    return _zstd(b"".join((runs, flat[starts].tobytes(), lengths.tobytes())))


def _png(labels: Bytes) -> bytes:
    out = io.BytesIO()
    Image.fromarray(labels).save(out, "PNG", compress_level=_LEVEL)
    return out.getvalue()


_ENCODINGS: dict[pb.Encoding, Callable[[Bytes], bytes]] = {
    pb.RAW: _raw,
    pb.RLE_ZSTD: _rle_zstd,
    pb.PNG: _png,
}


def _byte_map(cells: Bytes) -> pb.ByteMap:
    height, width = cells.shape
    return pb.ByteMap(height=height, width=width, zstd=_zstd(cells.tobytes()))


def _zstd(data: bytes) -> bytes:
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return compressor.compress(data)
