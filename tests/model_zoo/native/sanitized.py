"""Runs the kernels in a library made with sanitizers, in memory that ends where maps end.

    sanitized.py LIBRARY PATH DTYPE...

Started by test_native_sanitizers.py with the sanitizers' own library loaded first; the first access out of
bounds or undefined step ends it.
"""

import ctypes
import sys

import torch

from interim.model_zoo.native import maps, selftest
from interim.model_zoo.native.answers import Answers
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.passes import Passes
from interim.model_zoo.native.processor import SETS
from interim.model_zoo.native.runs import RunLists
from interim.model_zoo.native.strided import StridedConv, can_stride
from interim.model_zoo.native.winograd import TiledConv, can_tile


def odd_sizes(kernels: Kernels) -> None:
    """Widths about the length of a vector, single positions, masks with views."""
    lists, answers = RunLists(kernels), Answers(kernels, threads=2)
    for height, width in ((1, 1), (3, 15), (2, 16), (5, 17), (4, 33), (1, 130)):
        logits = torch.randn(2, 3, height, width)
        answers.label_map(logits, (4 * height, 4 * width))
        answers.label_map(logits, (8 * height - 3, 8 * width - 5), stride=8)
        answers.confidence(logits, 0.5, torch.ones(2, height, width, dtype=torch.bool))
        mask = torch.rand(2, height, width) < 0.5
        lists.pairs(mask)
        lists.halved(mask)
        lists.read_by_enlarging(mask, 1)
        lists.read_by_enlarging(torch.rand(2, 8 * height, 8 * width) < 0.1, 8)
        for name in kernels.dtypes:
            dtype = getattr(torch, name)
            shape = maps.MapShape(channels=4, height=height, width=width, dtype=dtype, images=2)
            images = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
            passes, target, runs = Passes(kernels, dtype, threads=2), maps.Map(shape), lists.listed(mask)
            passes.pixels(images, target)
            passes.unpack(target, torch.empty(2, 4, height, width), runs)
            weight = torch.randn(4, 4, 3, 3)
            if can_tile(kernels, weight, dtype):
                tiled = TiledConv(kernels, weight, dtype=dtype)
                bound = tiled.bind([target], maps.Map(shape))
                bound.run(tiled.work(runs).array, threads=2)
            if can_stride(kernels, weight, dtype):
                strided, (high, wide) = (
                    StridedConv(kernels, weight, dtype=dtype),
                    (-(-side // 2) for side in (height, width)),
                )
                half = maps.MapShape(channels=4, height=high, width=wide, dtype=dtype, images=2)
                bound = strided.bind([target], maps.Map(half))
                bound.run(strided.work(lists.listed(mask[:, ::2, ::2].contiguous())).array, threads=2)


def main(path: str, name: str) -> None:
    """Run everything once."""
    maps.memory_of = lambda cells: torch.zeros(
        cells, dtype=torch.int32
    )  # watched at its ends, as mmap's is not
    kernels = Kernels(next(each for each in SETS if each.name == name), ctypes.CDLL(path))
    wrong = selftest.fault(kernels)
    assert wrong is None, wrong
    odd_sizes(kernels)
    print("clean")


if __name__ == "__main__":
    main(*sys.argv[1:])
