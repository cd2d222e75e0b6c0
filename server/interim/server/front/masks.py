"""From the label map of one exit to the bytes a client asked for.

The three encodings and the two grids are those of interim.v1.MaskFormat; the layout of RLE_ZSTD is
defined there. Everything is bound by memory bandwidth: a 512 x 1024 map takes well under a millisecond.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from interim.server.engine.arena import Bytes, Maps
from interim.server.front.extras import LEVEL, NO_EXTRAS, Extras, add_extras, packed
from interim.v1 import inference_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedMask:
    """What one request wants to see of maps: `size` (height, width) is that of the label map in the answer."""

    encoding: pb.Encoding
    size: tuple[int, int]
    quarter: bool
    extras: Extras = NO_EXTRAS

    @property
    def positions(self) -> int:
        """How large an answer is."""
        return self.size[0] * self.size[1]

    @property
    def full_resolution(self) -> bool:
        """Whether labels are needed at the working size, not only at a quarter of it."""
        return not self.quarter


def encode_mask(maps: Maps, wanted: WantedMask) -> pb.SessionResponse:
    """The mask (nearest class, no new ones) and the extras as asked, in a message to be filled in."""
    response = pb.SessionResponse()
    message, (height, width) = response.refinement, wanted.size
    message.mask.encoding, message.mask.height, message.mask.width = wanted.encoding, height, width
    message.mask.data = _ENCODINGS[wanted.encoding](_nearest(maps.labels, wanted.size))
    add_extras(message, maps, wanted.extras)
    return response


def _nearest(labels: Bytes, size: tuple[int, int]) -> Bytes:
    if labels.shape == size:
        return labels
    rows, columns = (_nearest_of(old, new) for old, new in zip(labels.shape, size, strict=True))
    return labels.take(columns, axis=1).take(rows, axis=0)


def _nearest_of(old: int, new: int) -> npt.NDArray[np.intp]:
    """For each of `new` positions, the one of `old` its centre falls into; in whole numbers, so exactly."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _raw(labels: Bytes) -> bytes:
    return labels.tobytes()


def _rle_zstd(labels: Bytes) -> bytes:
    flat = np.ascontiguousarray(labels).reshape(-1)
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    starts = np.concatenate(([0], ends + 1))
    lengths = np.diff(starts, append=flat.size).astype("<u4")
    runs = len(starts).to_bytes(4, "little")
    return packed(b"".join((runs, flat[starts].tobytes(), lengths.tobytes())))


def _png(labels: Bytes) -> bytes:
    out = io.BytesIO()
    Image.fromarray(labels).save(out, "PNG", compress_level=LEVEL)
    return out.getvalue()


_ENCODINGS: dict[pb.Encoding, Callable[[Bytes], bytes]] = {
    pb.RAW: _raw,
    pb.RLE_ZSTD: _rle_zstd,
    pb.PNG: _png,
}
