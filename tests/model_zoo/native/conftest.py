"""Every path through the kernels that this machine has."""

import ctypes
import dataclasses

import numpy as np
import pytest
from torch import Tensor

from interim.model_zoo.native.compiler import compiled, find
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.processor import AMX, AVX512, SETS, InstructionSet, words
from interim.model_zoo.native.runs import PAIR, WINDOW

EMULATED = dataclasses.replace(AMX, needs=AVX512.needs, flags=(*AVX512.flags, "-DEMULATED_MATRIX"))
"""The path of a matrix unit, with memory for its registers: any processor with AVX-512 BF16 can run it, slowly."""


@pytest.fixture(
    scope="session",
    params=(*SETS, EMULATED),
    ids=lambda each: "amx-emulated" if each is EMULATED else each.name,
)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """The kernels of one instruction set."""
    each: InstructionSet = request.param
    if not each.needs <= words():
        pytest.skip(f"this processor has no {each.name}")
    if find() is None:
        pytest.skip("no C compiler is installed")
    path = compiled(each.flags, processor=" ".join(sorted(words())))
    return Kernels(each, ctypes.CDLL(str(path)))


Row = tuple[int, int, int, int]


def runs_of(mask: Tensor, stride: int = 1) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """A mask (N, h, w) as pairs, the plain way: runs from multiples of 16, each with the next it shares no lane with.

    For a convolution of stride 2 each is alone, and starts at the next position that is listed.
    """
    pairs: list[tuple[Row, Row]] = []
    waiting: list[Row] = []
    for image, y in np.ndindex(*mask.shape[:2]):
        row, x = mask[image, y].tolist(), 0
        while x < len(row):
            if stride == 2 and not row[x]:
                x += 1
                continue
            lanes = sum(1 << k for k, on in enumerate(row[x : x + 16]) if on)
            run = (y, x, lanes, image)
            x += 16
            beside = next((other for other in waiting if not other[2] & lanes), None)
            if beside and lanes and stride == 1:
                waiting.remove(beside)
                pairs.append((beside, run))
            elif lanes:
                waiting.append(run)
    return np.array([*pairs, *((run, (0, 0, 0, 0)) for run in waiting)], dtype=PAIR)


def windows_of(mask: Tensor, side: int = 2) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """A mask (N, h, w) as windows of 16 tiles of `side` positions (2 or 1), vectors by themselves, the plain way."""
    found = []
    for image, y in np.ndindex(len(mask), -(-mask.shape[1] // side)):
        for x in range(0, mask.shape[2], 16 * side):
            part = mask[image, side * y : side * (y + 1), x : x + 16 * side].tolist()
            rows = [sum(1 << k * 2 // side for k, on in enumerate(row) if on) for row in part]
            if any(rows):
                found.append((y, x // side, image, 0xFFFF, *rows, *[0] * (2 - len(rows))))
    return np.array(found, dtype=WINDOW)


def scattered(mask: Tensor, side: int = 2, *, seed: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """The same with every tile by itself, in any order, 16 to a vector."""
    tiles = [
        (int(window["y"]), int(window["x"]) + lane, int(window["image"]), rows)
        for window in windows_of(mask, side)
        for lane in range(16)
        if any(rows := [int(window[part]) >> 2 * lane & 3 for part in ("above", "below")])
    ]
    found = []
    for place, which in enumerate(np.random.default_rng(seed).permutation(len(tiles))):
        y, x, image, rows = tiles[which]
        lane = place % 16
        found.append((y, x - lane, image, 1 << lane, *(row << 2 * lane for row in rows)))
    return np.array(found, dtype=WINDOW)
