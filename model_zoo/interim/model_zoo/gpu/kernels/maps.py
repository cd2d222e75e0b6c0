"""Values of maps at positions."""

import triton
import triton.language as tl


@triton.jit
def at_position(source, at, channel, within, CHANNELS: tl.constexpr):
    """Values of a map in float32, (positions, channels); 0 where not `within`."""
    offset = at.to(tl.int64)[:, None] * CHANNELS + channel[None, :]
    return tl.load(source + offset, mask=within, other=0.0).to(tl.float32)


@triton.jit
def put(target, at, channel, values, within, CHANNELS: tl.constexpr):
    """Write values (positions, channels) to a map, in its type."""
    offset = at.to(tl.int64)[:, None] * CHANNELS + channel[None, :]
    tl.store(target + offset, values.to(target.dtype.element_ty), mask=within)
