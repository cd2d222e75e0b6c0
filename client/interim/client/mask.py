"""From the bytes of an answer to arrays; a server that lies about sizes is found out here."""

import io
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

from interim.client.errors import ProtocolError
from interim.v1 import inference_pb2 as pb

MAX_PIXELS: Final = 1 << 27
"""The largest map a server may claim (16384 x 8192), so that a false claim cannot fill the memory."""

_WINDOW_BYTES: Final = 1 << 27  # what a decompressor may be made to allocate; zstd's own default

Map = npt.NDArray[np.uint8]


def decode_label_map(message: pb.LabelMap) -> Map:
    """The class ids of a mask.

    Args:
        message: RAW (height * width bytes), RLE_ZSTD (a zstd frame of: runs n as uint32, n class ids
            as uint8, n lengths as uint32, little-endian) or PNG (8-bit greyscale).

    Returns:
        (height, width) uint8, read-only.

    Raises:
        ProtocolError: The data does not hold exactly height * width class ids.
    """
    pixels = _pixels(message.height, message.width)
    if message.encoding == pb.RAW:
        flat = np.frombuffer(_exactly(message.data, pixels, "raw mask"), np.uint8)
    elif message.encoding == pb.RLE_ZSTD:
        flat = _expand(message.data, pixels)
    elif message.encoding == pb.PNG:
        flat = _open_png(message.data, message.height, message.width)
    else:
        raise ProtocolError(f"a mask in encoding {message.encoding}, which this client does not know")
    return _sealed(flat, message.height, message.width)


def decode_byte_map(message: pb.ByteMap) -> Map:
    """One byte a position: (height, width) uint8, read-only.

    Raises:
        ProtocolError: The zstd frame does not hold exactly height * width bytes.
    """
    pixels = _pixels(message.height, message.width)
    flat = np.frombuffer(_inflate(message.zstd, pixels), np.uint8)
    return _sealed(flat, message.height, message.width)


def _pixels(height: int, width: int) -> int:
    pixels = height * width
    if not 0 < pixels <= MAX_PIXELS:
        raise ProtocolError(f"a map of {height} x {width} positions; from 1 to {MAX_PIXELS} are believable")
    return pixels


def _sealed(flat: Map, height: int, width: int) -> Map:
    flat.flags.writeable = False
    return flat.reshape(height, width)


def _exactly(data: bytes, size: int, what: str) -> bytes:
    if len(data) != size:
        raise ProtocolError(f"a {what} of {len(data)} bytes where {size} were due")
    return data


def _inflate(frame: bytes, size: int) -> bytes:
    """What a zstd frame holds, which must be `size` bytes; never allocates more than that and one."""
    return _exactly(_read(frame, size + 1), size, "zstd frame")


def _read(frame: bytes, limit: int) -> bytes:
    try:
        with zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).stream_reader(frame) as reader:
            return reader.read(limit)
    except zstandard.ZstdError as error:
        raise ProtocolError(f"a zstd frame that cannot be read: {error}") from error


def _expand(frame: bytes, pixels: int) -> Map:
    runs = int.from_bytes(_exactly(_read(frame, 4), 4, "head of runs"), "little")
    if not 0 < runs <= pixels:
        raise ProtocolError(f"a mask of {runs} runs over {pixels} pixels")
    data = _inflate(frame, 4 + 5 * runs)
    classes = np.frombuffer(data, np.uint8, runs, offset=4)
    lengths = np.frombuffer(data, "<u4", runs, offset=4 + runs)
    covered = int(lengths.sum(dtype=np.uint64))  # at most pixels * 2**32 < 2**64
    if covered != pixels:
        raise ProtocolError(f"a mask whose runs cover {covered} of {pixels} pixels")
    return np.repeat(classes, lengths)


def _open_png(data: bytes, height: int, width: int) -> Map:
    from PIL import Image  # noqa: PLC0415 - 30 ms of start-up that only PNG masks need

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.mode != "L" or image.size != (width, height):
                claim = f"{image.mode} {image.height} x {image.width}"
                raise ProtocolError(f"a PNG mask of {claim} where L {height} x {width} was due")
            return np.array(image).reshape(-1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # what pillow raises
        raise ProtocolError(f"a PNG mask that cannot be read: {error}") from error
