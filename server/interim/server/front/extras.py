"""Maps of cells that go with an answer where they were asked for, and how bytes are packed."""

import threading
from dataclasses import dataclass

import zstandard

from interim.server.engine.arena import Bytes, Finding
from interim.v1 import inference_pb2 as pb

LEVEL = 1  # of zstd and of deflate: more costs ten times the time for a tenth of the bytes
_local = threading.local()  # a compressor serves one thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Which maps of cells a request wants."""

    confidence: bool = False
    active: bool = False


NO_EXTRAS = Extras()


def add_extras(message: pb.Refinement, finding: Finding, extras: Extras) -> None:
    """Put the maps that are wanted into an answer."""
    if extras.confidence:
        _fill(message.confidence, finding.confidence)
    if extras.active:
        _fill(message.active, finding.active)


def packed(data: bytes) -> bytes:
    """A zstd frame."""
    compressor: zstandard.ZstdCompressor | None = getattr(_local, "compressor", None)
    if compressor is None:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
    return compressor.compress(data)


def _fill(message: pb.ByteMap, cells: Bytes) -> None:
    message.height, message.width = cells.shape
    message.zstd = packed(cells.tobytes())
