"""What a network does to maps besides convolving: images in, enlarging, halving, answers from small scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.gpu.answer import columns_of
from interim.model_zoo.gpu.arguments import coarse_arguments, list_arguments
from interim.model_zoo.gpu.kernels.answers import enlarge_scores
from interim.model_zoo.gpu.kernels.resizing import enlarge, halve, take_in
from interim.model_zoo.gpu.maps import padded
from interim.model_zoo.gpu.tape import Launch
from interim.model_zoo.gpu.target import power

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.gpu.answer import Answer
    from interim.model_zoo.gpu.maps import Map
    from interim.model_zoo.gpu.positions import Positions
    from interim.model_zoo.gpu.target import Target

TILE = 4096
"""Numbers a program works on; the interpreter is quickest where there are few programs."""

CHANNELS = 64
"""Channels a program works on, at most."""


class Passes:
    """Launches that go over maps. Each writes the positions it is given and nothing else."""

    def __init__(self, target: Target) -> None:
        self._interpreted = target.interpreted

    def pixels(self, images: Tensor, target: Map, used: Tensor) -> Launch:
        """The first `used` ((1,) int32) of images (N, H, W, 3) uint8 to red, green, blue and ones.

        Raises:
            BadInputError: the shapes do not fit.
        """
        shape = target.shape
        if tuple(images.shape) != (shape.images, shape.height, shape.width, 3) or shape.channels != 4:
            raise BadInputError(f"images of shape {tuple(images.shape)} do not fit {shape}")
        channels = padded(shape.channels)
        capacity = shape.images * shape.height * shape.width
        block = self._rows(channels, capacity)
        grid = (-(-capacity // block),)

        def run() -> None:
            take_in[grid](
                *(images, target.memory, used, shape.height, shape.width), CHANNELS=channels, BLOCK=block
            )

        return Launch(run=run, reads=frozenset({images.data_ptr()}), writes=frozenset({target.key}))

    def enlarge(
        self, coarse: Sequence[Map], target: Map, positions: Positions, *, onto: bool, relu: bool
    ) -> Launch:
        """Add up: target = [relu]([target +] the sum of coarser maps resized bilinearly, corners not aligned).

        Args:
            coarse: One to three maps, 2, 4 or 8 times smaller than the target, with its channels.
            target: What is added to, or written.
            positions: Of the target.
            onto: Add to what the target holds.
            relu: Replace negative results by 0.

        Raises:
            BadInputError: the maps do not fit.
        """
        maps, factors = coarse_arguments(coarse, target)
        channels = padded(target.shape.channels)
        grid, blocks = self._grid(positions, channels)

        def run() -> None:
            enlarge[grid](
                *(*maps, target.memory, *list_arguments(positions)),
                **(factors | blocks),
                CHANNELS=channels,
                LISTED=positions.entries is not None,
                ONTO=onto,
                RELU=relu,
            )

        kept = {target.key} if onto or positions.entries is not None else set()
        reads = {positions.key, *(x.key for x in coarse)} | kept
        return Launch(run=run, reads=frozenset(reads), writes=frozenset({target.key}))

    def halve(self, source: Map, target: Map, positions: Positions, *, relu: bool) -> Launch:
        """Pool: target = [relu](the mean of 2x2 positions of the source).

        Raises:
            BadInputError: the maps do not fit.
        """
        fine, half = source.shape, target.shape
        wanted = (fine.images, fine.channels, fine.height // 2, fine.width // 2)
        if wanted != (half.images, half.channels, half.height, half.width):
            raise BadInputError(f"{half} is not half of {fine}")
        channels = padded(half.channels)
        grid, blocks = self._grid(positions, channels)

        def run() -> None:
            halve[grid](
                *(source.memory, target.memory, *list_arguments(positions)),
                **blocks,
                CHANNELS=channels,
                LISTED=positions.entries is not None,
                RELU=relu,
            )

        reads = frozenset({positions.key, source.key})
        return Launch(run=run, reads=reads, writes=frozenset({target.key}))

    def answer(self, scores: Map, target: Answer, positions: Positions) -> Launch:
        """Logits that were made at half of the size, enlarged, and what follows of them.

        Raises:
            BadInputError: the map does not fit.
        """
        shape = scores.shape
        wanted = (target.images, 2 * shape.height, 2 * shape.width, shape.channels)
        if tuple(target.logits.shape) != wanted:
            raise BadInputError(f"{shape} is not half of logits {tuple(target.logits.shape)}")
        columns = columns_of(shape.channels)
        block = self._rows(2 * columns, positions.capacity)
        grid = (-(-positions.capacity // block),)

        def run() -> None:
            enlarge_scores[grid](
                *(scores.memory, *target.arguments, *list_arguments(positions)),
                CHANNELS=padded(shape.channels),
                CLASSES=shape.channels,
                COLUMNS=columns,
                LISTED=positions.entries is not None,
                SURETY=target.surety,
                BLOCK_M=block,
            )

        reads = frozenset({positions.key, scores.key, target.key})
        return Launch(run=run, reads=reads, writes=frozenset({target.key}))

    def _rows(self, columns: int, capacity: int) -> int:
        """Positions of a program with so many numbers each."""
        return power(capacity, 16) if self._interpreted else TILE // columns

    def _grid(self, positions: Positions, channels: int) -> tuple[tuple[int, int], dict[str, int]]:
        """How a pass over positions and channels is cut."""
        columns = min(CHANNELS, power(channels))
        rows = self._rows(columns, positions.capacity)
        grid = (-(-positions.capacity // rows), -(-channels // columns))
        return grid, {"BLOCK_M": rows, "BLOCK_N": columns}
