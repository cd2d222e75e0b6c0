"""Convolution as a product of matrices over listed positions."""

import triton
import triton.language as tl

from interim.model_zoo.gpu.kernels.maps import at_position, put
from interim.model_zoo.gpu.kernels.positions import chosen, located


@triton.jit
def product(acc, a, b, WIDE: tl.constexpr):
    """Acc + a·b, summed in float32. WIDE: Triton's interpreter cannot multiply bfloat16 (exact either way)."""
    if WIDE:
        return tl.dot(a.to(tl.float32), b.to(tl.float32), acc, input_precision="ieee")
    return tl.dot(a, b, acc, input_precision="ieee")


@triton.jit
def finish(
    acc,
    bias,
    residual,
    target,
    at,
    inside,
    column,
    OUTPUTS: tl.constexpr,
    RESIDUAL: tl.constexpr,
    RELU: tl.constexpr,
):
    """Write [relu](acc + bias [+ residual]) to positions of the target."""
    within = inside[:, None] & (column < OUTPUTS)[None, :]
    acc += tl.load(bias + column, mask=column < OUTPUTS, other=0.0)[None, :]
    if RESIDUAL:
        acc += at_position(residual, at, column, within, OUTPUTS)
    if RELU:
        acc = tl.maximum(acc, 0.0)
    put(target, at, column, acc, within, OUTPUTS)


@triton.jit(do_not_specialize=["slot", "height", "width", "capacity"])
def convolve(
    source,
    second,
    weight,
    bias,
    residual,
    target,
    partial,
    entries,
    count,
    slot,
    height,
    width,
    capacity,
    INPUTS: tl.constexpr,
    SECOND: tl.constexpr,
    OUTPUTS: tl.constexpr,
    TAPS: tl.constexpr,
    STRIDE: tl.constexpr,
    LISTED: tl.constexpr,
    RESIDUAL: tl.constexpr,
    RELU: tl.constexpr,
    WIDE: tl.constexpr,
    SPLIT: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Convolve: `finish`, or with SPLIT > 1 a share of the sum to `partial` (SPLIT, capacity, OUTPUTS) float32.

    Args:
        source: Map of INPUTS channels.
        second: 1x1 alone: another map of SECOND channels, whose channels follow the first one's.
        weight: (tap, input, rounded up to a multiple of 128; then those of `second`; OUTPUTS).
        bias: (OUTPUTS,) float32.
        residual: Map like the target, or the target.
        target: Map of OUTPUTS channels.
        partial: See above.
        entries: Positions of the target, where LISTED.
        count: How many, or, not LISTED, how many images are computed.
        slot: 1, or, not LISTED, positions of an image.
        height: Of the target.
        width: Of the target.
        capacity: How many positions there can be.
        INPUTS: Channels, a multiple of 8.
        SECOND: Likewise; 0: none.
        OUTPUTS: Likewise.
        TAPS: 1 or 9.
        STRIDE: 1 or 2: the source is so many times larger.
        LISTED: Some positions, not all.
        RESIDUAL: Add it.
        RELU: Replace negative results by 0.
        WIDE: See `product`.
        SPLIT: In how many parts the sum over inputs is made.
        BLOCK_M: Positions of a program.
        BLOCK_N: Outputs of a program.
        BLOCK_K: Inputs at a time.
    """
    columns: tl.constexpr = (OUTPUTS + BLOCK_N - 1) // BLOCK_N
    depth: tl.constexpr = TAPS * INPUTS
    steps: tl.constexpr = (depth + BLOCK_K - 1) // BLOCK_K
    share: tl.constexpr = (steps + SPLIT - 1) // SPLIT * BLOCK_K
    block = tl.program_id(0) // columns
    total = tl.load(count) * slot
    if block * BLOCK_M >= total:
        return
    index = block * BLOCK_M + tl.arange(0, BLOCK_M)
    column = tl.program_id(0) % columns * BLOCK_N + tl.arange(0, BLOCK_N)
    at = chosen(entries, index, total, height, width, LISTED)
    pitch = STRIDE * width + 2
    begin = at
    if STRIDE == 2:
        image, y, x = located(at, height, width)
        begin = (image * (2 * height + 2) + 2 * y + 1) * pitch + 2 * x + 1
    rows = source + begin.to(tl.int64)[:, None] * INPUTS
    acc = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    first = tl.program_id(1) * share
    for k0 in range(first, tl.minimum(first + share, depth), BLOCK_K):
        k = k0 + tl.arange(0, BLOCK_K)
        if TAPS == 1:
            offset = k
        else:
            tap = k // INPUTS
            offset = ((tap // 3 - 1) * pitch + tap % 3 - 1) * INPUTS + k % INPUTS
        if depth % BLOCK_K == 0:
            a = tl.load(rows + offset[None, :])
        else:
            a = tl.load(rows + offset[None, :], mask=(k < depth)[None, :], other=0.0)
        b = tl.load(
            weight + k[:, None] * OUTPUTS + column[None, :], mask=(column < OUTPUTS)[None, :], other=0.0
        )
        acc = product(acc, a, b, WIDE)
    if SECOND > 0:
        rows = second + at.to(tl.int64)[:, None] * SECOND
        weight += (depth + 127) // 128 * 128 * OUTPUTS
        for k0 in range(0, SECOND, BLOCK_K):
            k = k0 + tl.arange(0, BLOCK_K)
            a = tl.load(rows + k[None, :], mask=(k < SECOND)[None, :], other=0.0)
            b = tl.load(
                weight + k[:, None] * OUTPUTS + column[None, :], mask=(column < OUTPUTS)[None, :], other=0.0
            )
            acc = product(acc, a, b, WIDE)
    if SPLIT == 1:
        finish(acc, bias, residual, target, at, index < total, column, OUTPUTS, RESIDUAL, RELU)
    else:
        within = (index < total)[:, None] & (column < OUTPUTS)[None, :]
        line = (tl.program_id(1) * capacity + index).to(tl.int64)
        tl.store(partial + line[:, None] * OUTPUTS + column[None, :], acc, mask=within)


@triton.jit(do_not_specialize=["slot", "height", "width", "capacity"])
def add_up(
    partial,
    bias,
    residual,
    target,
    entries,
    count,
    slot,
    height,
    width,
    capacity,
    OUTPUTS: tl.constexpr,
    LISTED: tl.constexpr,
    RESIDUAL: tl.constexpr,
    RELU: tl.constexpr,
    SPLIT: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    """Add the shares of `convolve`, in order, and `finish`; arguments as there."""
    columns: tl.constexpr = (OUTPUTS + BLOCK_N - 1) // BLOCK_N
    block = tl.program_id(0) // columns
    total = tl.load(count) * slot
    if block * BLOCK_M >= total:
        return
    index = block * BLOCK_M + tl.arange(0, BLOCK_M)
    column = tl.program_id(0) % columns * BLOCK_N + tl.arange(0, BLOCK_N)
    at = chosen(entries, index, total, height, width, LISTED)
    within = (index < total)[:, None] & (column < OUTPUTS)[None, :]
    acc = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for part in range(SPLIT):
        line = (part * capacity + index).to(tl.int64)
        acc += tl.load(partial + line[:, None] * OUTPUTS + column[None, :], mask=within, other=0.0)
    finish(acc, bias, residual, target, at, index < total, column, OUTPUTS, RESIDUAL, RELU)
