"""Exits: classes, how sure they are, what the next stage refines, and label maps."""

import triton
import triton.language as tl

from interim.model_zoo.gpu.kernels.convolution import product
from interim.model_zoo.gpu.kernels.maps import at_position
from interim.model_zoo.gpu.kernels.positions import chosen, located
from interim.model_zoo.gpu.kernels.resizing import bilinear, enlarged


@triton.jit
def conclude(
    found,
    logits,
    confidence,
    active,
    threshold,
    index,
    inside,
    CLASSES: tl.constexpr,
    COLUMNS: tl.constexpr,
    SURETY: tl.constexpr,
):
    """Write the logits (positions, COLUMNS) of CLASSES, and, with SURETY, confidence and what is active.

    The confidence is `confidence.MaxProbability`'s: 1 / the sum of exp(logit - the largest).
    """
    column = tl.arange(0, COLUMNS)
    known = inside[:, None] & (column < CLASSES)[None, :]
    tl.store(logits + index.to(tl.int64)[:, None] * CLASSES + column[None, :], found, mask=known)
    if SURETY:
        real = tl.where((column < CLASSES)[None, :], found, float("-inf"))
        top = tl.max(real, 1)
        sure = 1.0 / tl.sum(tl.exp(real - top[:, None]), 1)
        tl.store(confidence + index, sure, mask=inside)
        tl.store(active + index, (sure <= tl.load(threshold)).to(tl.uint8), mask=inside)


@triton.jit(do_not_specialize=["slot", "height", "width"])
def classify(
    mixed,
    first,
    second,
    third,
    weight,
    bias,
    logits,
    confidence,
    active,
    threshold,
    entries,
    count,
    slot,
    height,
    width,
    CHANNELS: tl.constexpr,
    FIRST: tl.constexpr,
    SECOND: tl.constexpr,
    THIRD: tl.constexpr,
    CLASSES: tl.constexpr,
    COLUMNS: tl.constexpr,
    LISTED: tl.constexpr,
    RELU: tl.constexpr,
    SURETY: tl.constexpr,
    WIDE: tl.constexpr,
    BLOCK_M: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """The last 1x1 convolution of an exit, of [relu](mixed + the sum of smaller maps, enlarged), and `conclude`.

    Lists as in `convolution.convolve`, smaller maps as in `resizing.enlarged`.

    Args:
        weight: (CHANNELS rounded up to a multiple of 128, COLUMNS), zeros beyond CHANNELS and CLASSES.
        bias: (COLUMNS,) float32.
        logits: (images, height, width, CLASSES) float32.
        confidence: (images, height, width) float32.
        active: (images, height, width) uint8.
        threshold: (1,) float32: above it a position is sure.
    """
    total = tl.load(count) * slot
    if tl.program_id(0) * BLOCK_M >= total:
        return
    index = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = index < total
    at = chosen(entries, index, total, height, width, LISTED)
    image, y, x = located(at, height, width)
    column = tl.arange(0, COLUMNS)
    acc = tl.zeros((BLOCK_M, COLUMNS), tl.float32)
    for k0 in range(0, CHANNELS, BLOCK_K):
        k = k0 + tl.arange(0, BLOCK_K)
        within = inside[:, None] & (k < CHANNELS)[None, :]
        a = at_position(mixed, at, k, within, CHANNELS)
        a = enlarged(
            a, first, second, third, image, y, x, k, within, height, width, CHANNELS, FIRST, SECOND, THIRD
        )
        if RELU:
            a = tl.maximum(a, 0.0)
        b = tl.load(weight + k[:, None] * COLUMNS + column[None, :])
        acc = product(acc, a.to(weight.dtype.element_ty), b, WIDE)
    acc += tl.load(bias + column)[None, :]
    plain = (image * height + y) * width + x
    conclude(acc, logits, confidence, active, threshold, plain, inside, CLASSES, COLUMNS, SURETY)


@triton.jit(do_not_specialize=["slot", "height", "width"])
def enlarge_scores(
    scores,
    logits,
    confidence,
    active,
    threshold,
    entries,
    count,
    slot,
    height,
    width,
    CHANNELS: tl.constexpr,
    CLASSES: tl.constexpr,
    COLUMNS: tl.constexpr,
    LISTED: tl.constexpr,
    SURETY: tl.constexpr,
    BLOCK_M: tl.constexpr,
):
    """Logits that were made at half of the size, enlarged, and `conclude`; the rest as in `classify`."""
    total = tl.load(count) * slot
    if tl.program_id(0) * BLOCK_M >= total:
        return
    index = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    inside = index < total
    at = chosen(entries, index, total, height, width, LISTED)
    image, y, x = located(at, height, width)
    column = tl.arange(0, COLUMNS)
    within = inside[:, None] & (column < CLASSES)[None, :]
    found = bilinear(scores, image, y, x, column, within, height, width, 2, CHANNELS)
    plain = (image * height + y) * width + x
    conclude(found, logits, confidence, active, threshold, plain, inside, CLASSES, COLUMNS, SURETY)


@triton.jit
def corner(logits, image, y, x, height, width, column, within, image_step, y_step, x_step, class_step):
    """Logits (cells, COLUMNS) at positions moved into the map; -inf beyond the classes."""
    y = tl.minimum(tl.maximum(y, 0), height - 1)
    x = tl.minimum(tl.maximum(x, 0), width - 1)
    offset = image.to(tl.int64) * image_step + y * y_step + x * x_step
    return tl.load(logits + offset[:, None] + column[None, :] * class_step, mask=within, other=float("-inf"))


@triton.jit(do_not_specialize=["images", "height", "width", "rows", "columns"])
def label_cells(
    logits,
    labels,
    images,
    height,
    width,
    rows,
    columns,
    image_step,
    y_step,
    x_step,
    class_step,
    CLASSES: tl.constexpr,
    COLUMNS: tl.constexpr,
    STRIDE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Label maps (images, rows, columns) uint8 as `interim.model_zoo.label_map` makes them, a cell at a time.

    A cell lies between four neighbouring logits (images, height, width, CLASSES), whose steps in memory are given.
    """
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    line = index // (width + 1)
    image = line // (height + 1)
    y = line - image * (height + 1) - 1
    x = index - line * (width + 1) - 1
    inside = image < images
    column = tl.arange(0, COLUMNS)
    known = inside[:, None] & (column < CLASSES)[None, :]
    a = corner(logits, image, y, x, height, width, column, known, image_step, y_step, x_step, class_step)
    b = corner(logits, image, y, x + 1, height, width, column, known, image_step, y_step, x_step, class_step)
    c = corner(logits, image, y + 1, x, height, width, column, known, image_step, y_step, x_step, class_step)
    d = corner(
        logits, image, y + 1, x + 1, height, width, column, known, image_step, y_step, x_step, class_step
    )
    label = tl.argmax(a, 1)
    agreed = (label == tl.argmax(b, 1)) & (label == tl.argmax(c, 1)) & (label == tl.argmax(d, 1))
    for pixel in tl.static_range(STRIDE * STRIDE):
        down = (2 * (pixel // STRIDE) + 1) / (2.0 * STRIDE)
        right = (2 * (pixel % STRIDE) + 1) / (2.0 * STRIDE)
        mixed = (
            (1 - down) * (1 - right) * a + (1 - down) * right * b + down * (1 - right) * c + down * right * d
        )
        row = STRIDE * y + STRIDE // 2 + pixel // STRIDE
        place = STRIDE * x + STRIDE // 2 + pixel % STRIDE
        within = inside & (row >= 0) & (row < rows) & (place >= 0) & (place < columns)
        best = tl.where(agreed, label, tl.argmax(mixed, 1))
        tl.store(labels + (image.to(tl.int64) * rows + row) * columns + place, best.to(tl.uint8), mask=within)
