"""Which positions a program works on."""

import triton
import triton.language as tl


@triton.jit
def bordered(index, height, width):
    """The position of what is the index-th without borders."""
    row = index // width
    image = row // height
    return (row + 2 * image + 1) * (width + 2) + index - row * width + 1


@triton.jit
def located(at, height, width):
    """Image, row and column of a position."""
    line = at // (width + 2)
    image = line // (height + 2)
    return image, line - image * (height + 2) - 1, at - line * (width + 2) - 1


@triton.jit
def chosen(entries, index, total, height, width, LISTED: tl.constexpr):
    """The positions with these numbers on a list, or of all positions; beyond the end some that can be read."""
    if LISTED:  # noqa: SIM108 - only one side is compiled
        at = tl.load(entries + index, mask=index < total, other=0)
    else:
        at = bordered(index, height, width)
    return tl.where(index < total, at, width + 3)


@triton.jit(do_not_specialize=["images", "fine_height", "fine_width"])
def list_positions(
    active,
    table,
    entries,
    counts,
    images,
    fine_height,
    fine_width,
    COLUMNS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Compact masks to lists, all lists of a stage at once.

    A list's position is taken where any active one lies in its window: rows step·y + first to
    step·y + first + span - 1 of `active` (images, fine height, fine width) uint8, columns likewise.

    Args:
        active: The mask.
        table: (lists, 6) int32: height, width, step, first, span, where its entries begin.
        entries: Positions of the maps of each list's size, int32.
        counts: How many there are, (lists, 4) int32 of which the first is used, 0 before.
        images: How many.
        fine_height: Of the mask.
        fine_width: Of the mask.
        COLUMNS: At least the longest span, a power of two.
        BLOCK: Positions a program looks at.
    """
    row = table + tl.program_id(1) * 6
    height = tl.load(row)
    width = tl.load(row + 1)
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    total = images * height * width
    if tl.program_id(0) * BLOCK >= total:
        return
    step = tl.load(row + 2)
    first = tl.load(row + 3)
    span = tl.load(row + 4)
    line = index // width
    image = line // height
    top = (line - image * height) * step + first
    across = ((index - line * width) * step + first)[:, None] + tl.arange(0, COLUMNS)[None, :]
    inside = (index < total)[:, None] & (tl.arange(0, COLUMNS) < span)[None, :]
    inside = inside & (across >= 0) & (across < fine_width)
    taken = tl.zeros((BLOCK,), tl.int32)
    for down in range(span):
        y = top + down
        within = inside & ((y >= 0) & (y < fine_height))[:, None]
        offset = ((image * fine_height + y) * fine_width)[:, None] + across
        found = tl.load(active + offset, mask=within, other=0).to(tl.int32)
        taken = tl.maximum(taken, tl.max(found, 1))
    start = tl.atomic_add(counts + 4 * tl.program_id(1), tl.sum(taken, 0))
    place = tl.load(row + 5) + start + tl.cumsum(taken, 0) - 1
    tl.store(entries + place, bordered(index, height, width), mask=taken > 0)
