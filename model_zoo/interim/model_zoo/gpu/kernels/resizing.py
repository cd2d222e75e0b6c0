"""Images in, maps enlarged and halved."""

import triton
import triton.language as tl

from interim.model_zoo.gpu.kernels.maps import at_position, put
from interim.model_zoo.gpu.kernels.positions import chosen, located


@triton.jit
def bilinear(
    source, image, y, x, channel, within, height, width, FACTOR: tl.constexpr, CHANNELS: tl.constexpr
):
    """A map enlarged FACTOR times, corners not aligned, at positions of the large map, in float32.

    Args:
        source: The small map.
        image: Of each position.
        y: Its row in the large map.
        x: Its column.
        channel: Which channels.
        within: (positions, channels): what is read.
        height: Of the large map.
        width: Of the large map.
        FACTOR: 2, 4 or 8.
        CHANNELS: Of the map.
    """
    rows, columns = height // FACTOR, width // FACTOR
    down = tl.maximum((y.to(tl.float32) + 0.5) / FACTOR - 0.5, 0.0)
    right = tl.maximum((x.to(tl.float32) + 0.5) / FACTOR - 0.5, 0.0)
    y0, x0 = down.to(tl.int32), right.to(tl.int32)
    y1, x1 = tl.minimum(y0 + 1, rows - 1), tl.minimum(x0 + 1, columns - 1)
    far_y, far_x = (down - y0)[:, None], (right - x0)[:, None]
    above = (image * (rows + 2) + y0 + 1) * (columns + 2) + 1
    below = (image * (rows + 2) + y1 + 1) * (columns + 2) + 1
    a = at_position(source, above + x0, channel, within, CHANNELS)
    b = at_position(source, above + x1, channel, within, CHANNELS)
    c = at_position(source, below + x0, channel, within, CHANNELS)
    d = at_position(source, below + x1, channel, within, CHANNELS)
    return (1 - far_y) * ((1 - far_x) * a + far_x * b) + far_y * ((1 - far_x) * c + far_x * d)


@triton.jit
def enlarged(
    total,
    first,
    second,
    third,
    image,
    y,
    x,
    channel,
    within,
    height,
    width,
    CHANNELS: tl.constexpr,
    FIRST: tl.constexpr,
    SECOND: tl.constexpr,
    THIRD: tl.constexpr,
):
    """Total + up to three maps enlarged by FIRST, SECOND and THIRD (0: there is none); see `bilinear`."""
    if FIRST > 0:
        total += bilinear(first, image, y, x, channel, within, height, width, FIRST, CHANNELS)
    if SECOND > 0:
        total += bilinear(second, image, y, x, channel, within, height, width, SECOND, CHANNELS)
    if THIRD > 0:
        total += bilinear(third, image, y, x, channel, within, height, width, THIRD, CHANNELS)
    return total


@triton.jit(do_not_specialize=["slot", "height", "width"])
def enlarge(
    first,
    second,
    third,
    target,
    entries,
    count,
    slot,
    height,
    width,
    CHANNELS: tl.constexpr,
    FIRST: tl.constexpr,
    SECOND: tl.constexpr,
    THIRD: tl.constexpr,
    LISTED: tl.constexpr,
    ONTO: tl.constexpr,
    RELU: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Target = [relu]([target +] the sum of smaller maps, enlarged).

    Lists as in `convolution.convolve`; maps as in `enlarged`. ONTO: add to what the target holds.
    """
    total = tl.load(count) * slot
    if tl.program_id(0) * BLOCK_M >= total:
        return
    index = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    channel = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    at = chosen(entries, index, total, height, width, LISTED)
    image, y, x = located(at, height, width)
    within = (index < total)[:, None] & (channel < CHANNELS)[None, :]
    made = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    if ONTO:
        made = at_position(target, at, channel, within, CHANNELS)
    made = enlarged(
        made,
        first,
        second,
        third,
        image,
        y,
        x,
        channel,
        within,
        height,
        width,
        CHANNELS,
        FIRST,
        SECOND,
        THIRD,
    )
    if RELU:
        made = tl.maximum(made, 0.0)
    put(target, at, channel, made, within, CHANNELS)


@triton.jit(do_not_specialize=["slot", "height", "width"])
def halve(
    source,
    target,
    entries,
    count,
    slot,
    height,
    width,
    CHANNELS: tl.constexpr,
    LISTED: tl.constexpr,
    RELU: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Target = [relu](the mean of 2x2 positions of the source); height and width are the target's."""
    total = tl.load(count) * slot
    if tl.program_id(0) * BLOCK_M >= total:
        return
    index = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    channel = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    at = chosen(entries, index, total, height, width, LISTED)
    image, y, x = located(at, height, width)
    within = (index < total)[:, None] & (channel < CHANNELS)[None, :]
    pitch = 2 * width + 2
    corner = (image * (2 * height + 2) + 2 * y + 1) * pitch + 2 * x + 1
    upper = at_position(source, corner, channel, within, CHANNELS)
    upper += at_position(source, corner + 1, channel, within, CHANNELS)
    lower = at_position(source, corner + pitch, channel, within, CHANNELS)
    lower += at_position(source, corner + pitch + 1, channel, within, CHANNELS)
    made = 0.25 * (upper + lower)
    if RELU:
        made = tl.maximum(made, 0.0)
    put(target, at, channel, made, within, CHANNELS)


@triton.jit(do_not_specialize=["height", "width"])
def take_in(images, target, count, height, width, CHANNELS: tl.constexpr, BLOCK: tl.constexpr):
    """Bytes (images, height, width, 3) to red, green, blue and ones (`networks.hrnet.intake.WithOnes`)."""
    total = tl.load(count) * height * width
    if tl.program_id(0) * BLOCK >= total:
        return
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    channel = tl.arange(0, CHANNELS)
    at = chosen(target, index, total, height, width, False)
    colour = (index < total)[:, None] & (channel < 3)[None, :]
    value = tl.load(images + index.to(tl.int64)[:, None] * 3 + channel[None, :], mask=colour, other=0)
    made = tl.where((channel == 3)[None, :], 1.0, value.to(tl.float32))
    put(target, at, channel, made, (index < total)[:, None], CHANNELS)
