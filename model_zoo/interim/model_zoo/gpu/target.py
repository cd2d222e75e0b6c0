"""What kernels run on, and how they cut their work there."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

WIDE_TILE = 128 * 128
SPLIT_STEPS = 16
"""A sum over so many steps at least is worth splitting where positions are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """How a convolution is cut: positions and outputs of a program, inputs at a time, parts of the sum."""

    rows: int
    columns: int
    depth: int
    split: int = 1
    warps: int = 4
    stages: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A GPU, or Triton's interpreter on the CPU.

    `processors`: multiprocessors. `shared_bytes`: what a program may have of their shared memory.
    """

    device: torch.device
    processors: int
    shared_bytes: int

    @classmethod
    def of(cls, device: torch.device) -> Target:
        """What a CUDA device is, or the interpreter for a CPU."""
        if device.type != "cuda":
            return cls(device=device, processors=1, shared_bytes=1 << 20)
        properties = torch.cuda.get_device_properties(device)
        shared = getattr(properties, "shared_memory_per_block_optin", 96 << 10)
        return cls(device=device, processors=properties.multi_processor_count, shared_bytes=shared)

    @property
    def interpreted(self) -> bool:
        """Whether kernels run in the interpreter: one program after the other, each costing milliseconds."""
        return self.device.type == "cpu"

    def tiling(self, *, outputs: int, depth: int, positions: int, dtype: torch.dtype) -> Tiling:
        """How to convolve to so many outputs (in memory), summing `depth` products, at so many positions of an image.

        Nothing else decides, so that an image's numbers do not depend on the batch or the mask.
        """
        if self.interpreted:
            return Tiling(rows=power(positions, 16), columns=power(outputs, 16), depth=128)
        columns = min(128, power(outputs, 16))
        rows = 128 if -(-positions // 128) * -(-outputs // columns) >= self.processors else 64
        step = min(64 if dtype == torch.bfloat16 else 32, power(depth, 16))
        tiles, steps = -(-positions // rows) * -(-outputs // columns), -(-depth // step)
        split = 1
        while steps >= SPLIT_STEPS * split and 2 * tiles * split <= 4 * self.processors and split < 8:
            split *= 2
        stage_bytes = (rows + columns) * step * dtype.itemsize
        return Tiling(
            rows=rows,
            columns=columns,
            depth=step,
            split=split,
            warps=8 if rows * columns >= WIDE_TILE else 4,
            stages=max(2, min(4, self.shared_bytes // stage_bytes - 1)),
        )


def interpreting() -> bool:
    """Whether TRITON_INTERPRET asks for the interpreter."""
    return os.environ.get("TRITON_INTERPRET", "0").lower() in {"1", "true", "yes", "on"}


def power(number: int, least: int = 1) -> int:
    """The power of two that is not less than a number, nor than `least`."""
    return max(least, 1 << (number - 1).bit_length())
