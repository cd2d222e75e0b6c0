"""What a network does to maps besides convolving: images in, enlarging, halving, logits out."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native.interpolation import BoundInterpolation
from interim.model_zoo.native.maps import CMap
from interim.model_zoo.native.planes import planes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.native.interpolation import Interpolation
    from interim.model_zoo.native.kernels import Kernels
    from interim.model_zoo.native.maps import Map
    from interim.model_zoo.native.runs import Runs, Work

MAX_COARSE = 3
FACTORS = (2, 4, 8)
SUFFIXES = {torch.bfloat16: "bf16", torch.float32: "fp32"}


class CPixels(ctypes.Structure):
    """`Pixels` of c/pixels.c."""

    _fields_ = (
        ("bytes", ctypes.c_void_p),
        ("image_stride", ctypes.c_int64),
        ("channel_stride", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
        ("pixel_stride", ctypes.c_int64),
    )


class Passes:
    """Passes over maps of one kind of number. Each writes the listed positions and nothing else.

    Args:
        kernels: What runs them.
        dtype: Of all maps: torch.bfloat16 or torch.float32.
        threads: How many work; one takes no OpenMP at all.
    """

    def __init__(self, kernels: Kernels, dtype: torch.dtype, *, threads: int = 1) -> None:
        kernels.check(dtype)
        suffix, pointer, number, many = SUFFIXES[dtype], ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
        self._dtype = dtype
        self._threads = threads
        self._pixels = kernels.bind(f"pixels_{suffix}", pointer, pointer, many, many, number)
        self._enlarge = kernels.bind(
            f"enlarge_{suffix}", pointer, number, pointer, pointer, many, number, number, number
        )
        self._halve = kernels.bind(f"halve_{suffix}", pointer, pointer, pointer, many, number, number)
        self._interpolate = kernels.bind(f"interpolate_{suffix}", pointer, pointer, many, number)
        self._unpack = kernels.bind(f"unpack_{suffix}", pointer, pointer, pointer, many, number)

    def pixels(self, images: Tensor, target: Map, *, first: int = 0, count: int | None = None) -> None:
        """Images as bytes to red, green, blue and ones (`networks.hrnet.intake.WithOnes`).

        Args:
            images: (N, 3, H, W) uint8, of any strides; quickest where pixels are interleaved.
            target: A map of 4 channels of the same size.
            first: The row to begin with, counted through all images.
            count: How many rows; None: all that are left.

        Raises:
            BadInputError: the shapes do not fit.
        """
        shape = target.shape
        if images.dtype != torch.uint8 or tuple(images.shape) != (shape.images, 3, shape.height, shape.width):
            raise BadInputError(
                f"images of {images.dtype} and shape {tuple(images.shape)} do not fit {shape}"
            )
        if shape.channels != 4:
            raise BadInputError(f"{shape} does not take images: it needs 4 channels")
        self._check(target)
        rows = shape.images * shape.height - first if count is None else count
        c = CPixels(images.data_ptr(), *images.stride())
        self._pixels(ctypes.byref(c), ctypes.byref(target.c), first, rows, self._threads)

    def enlarge(
        self, coarse: Sequence[Map], target: Map, pairs: Work, *, onto: bool = True, relu: bool = False
    ) -> None:
        """Add up: target = [relu]([target +] the sum of coarser maps resized bilinearly, corners not aligned).

        Args:
            coarse: One to three maps, 2, 4 or 8 times smaller than the target, with its channels.
            target: What is added to, or written.
            pairs: Positions of the target (`Runs.pairs`).
            onto: Add to what the target holds.
            relu: Replace negative results by 0.

        Raises:
            BadInputError: the maps do not fit.
        """
        self._check(*coarse, target)
        shape = target.shape
        if not 1 <= len(coarse) <= MAX_COARSE:
            raise BadInputError(f"{len(coarse)} coarser maps: give 1 to {MAX_COARSE}")
        for each in (x.shape for x in coarse):
            factor = shape.height // each.height
            wanted = (each.images, each.channels, factor * each.height, factor * each.width)
            if factor not in FACTORS or wanted != (shape.images, shape.channels, shape.height, shape.width):
                raise BadInputError(
                    f"{each} cannot be enlarged to {shape}: it must be 2, 4 or 8 times smaller"
                )
        c = (CMap * len(coarse))(*(x.c for x in coarse))
        self._enlarge(
            *(ctypes.byref(c), len(coarse), ctypes.byref(target.c), pairs.address, len(pairs)),
            *(int(onto), int(relu), self._threads),
        )

    def halve(self, source: Map, target: Map, runs: Work, *, relu: bool = False) -> None:
        """Pool: target = [relu](the mean of 2x2 positions of the source).

        Raises:
            BadInputError: the maps do not fit.
        """
        self._check(source, target)
        fine, half = source.shape, target.shape
        wanted = (fine.images, fine.channels, fine.height // 2, fine.width // 2)
        if wanted != (half.images, half.channels, half.height, half.width):
            raise BadInputError(f"{half} is not half of {fine}")
        self._halve(
            *(ctypes.byref(source.c), ctypes.byref(target.c), runs.address, len(runs)),
            int(relu),
            self._threads,
        )

    def interpolation(
        self,
        interpolation: Interpolation,
        source: Map,
        known: Runs,
        target: Map,
        *,
        residual: Map | None = None,
        relu: bool = False,
    ) -> BoundInterpolation:
        """What writes target = [relu](what the known neighbours of a position count together + shift [+ residual]).

        Args:
            interpolation: What neighbours count, and the shift.
            source: A map of the target's shape.
            known: Its positions that count; elsewhere the source may be anything.
            target: What is written.
            residual: A map of the same shape, or the target.
            relu: Replace negative results by 0.

        Raises:
            BadInputError: the maps do not fit.
        """
        self._check(source, target)
        for each in (source, residual):
            if each is not None and each.shape != target.shape:
                raise BadInputError(f"{each.shape} is not shaped like the target {target.shape}")
        c = interpolation.bind(source, known, target, residual, relu=relu)
        keeps = (interpolation, source, known, target, residual)
        return BoundInterpolation(c=c, function=self._interpolate, threads=self._threads, keeps=keeps)

    def unpack(self, source: Map, target: Tensor, runs: Work) -> None:
        """The listed positions of a map to a tensor (N, C, h, w) float32, which keeps its others.

        Raises:
            BadInputError: the shapes do not fit.
        """
        self._check(source)
        shape, c = source.shape, planes(target)
        if tuple(target.shape) != (shape.images, shape.channels, shape.height, shape.width):
            raise BadInputError(f"a tensor of shape {tuple(target.shape)} does not fit {shape}")
        self._unpack(ctypes.byref(source.c), ctypes.byref(c), runs.address, len(runs), self._threads)

    def _check(self, *maps: Map) -> None:
        """Refuse maps of another kind of number."""
        for each in maps:
            if each.shape.dtype != self._dtype:
                raise BadInputError(f"{each.shape} is not of {self._dtype}")
