"""Every path through the kernels that this machine has."""

import ctypes

import numpy as np
import pytest
from torch import Tensor

from interim.model_zoo.native.compiler import compiled, find
from interim.model_zoo.native.library import Kernels
from interim.model_zoo.native.processor import SETS, InstructionSet, words

RUN = np.dtype([("y", "<u2"), ("x", "<u2"), ("lanes", "<u2"), ("image", "<u2")])


@pytest.fixture(scope="session", params=SETS, ids=lambda each: each.name)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    """The kernels of one instruction set."""
    each: InstructionSet = request.param
    if not each.needs <= words():
        pytest.skip(f"this processor has no {each.name}")
    if find() is None:
        pytest.skip("no C compiler is installed")
    path = compiled(each.flags, processor=" ".join(sorted(words())))
    return Kernels(each.name, each.dtypes, ctypes.CDLL(str(path)))


def runs_of(mask: Tensor) -> "np.ndarray[tuple[int], np.dtype[np.void]]":
    """A mask (N, h, w) as runs, the plain way: each starts at the next position that is listed."""
    runs = []
    for image, y in np.ndindex(*mask.shape[:2]):
        row, x = mask[image, y].tolist(), 0
        while x < len(row):
            if row[x]:
                lanes = sum(1 << k for k, on in enumerate(row[x : x + 16]) if on)
                runs.append((y, x, lanes, image))
                x += 16
            else:
                x += 1
    return np.array(runs, dtype=RUN)
