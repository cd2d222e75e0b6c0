"""MDEQ as an anytime model: each stage is one iteration towards the equilibrium, and its decoding.

Bai et al., "Multiscale Deep Equilibrium Models" (NeurIPS 2020); as an anytime model in Wang et al. (ADP-C,
ICLR 2022), section 4 and appendix C. The solver is Anderson's here; theirs is Broyden's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.anytime import ModelSpec, Prediction, Slices, State, finish
from interim.model_zoo.confidence import MaxProbability, Seen
from interim.model_zoo.networks.dilated import conv_norm
from interim.model_zoo.networks.mdeq.anderson import mixed
from interim.model_zoo.networks.mdeq.cell import Cell
from interim.model_zoo.networks.staged import begun

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = 4
"""How many iterates the solver mixes."""


class AnytimeMdeq(nn.Module):
    """Four resolutions that are solved for together (`anytime.AnytimeModel`); weights are shared by all stages.

    Args:
        spec: What it is; an exit for each iteration.
        channels: Of the finest maps (`Cell`).
        expansion: Of the cell's blocks.
    """

    def __init__(self, spec: ModelSpec, channels: int, expansion: int) -> None:
        super().__init__()
        self.spec = spec
        self.stem = nn.Sequential(
            conv_norm(3, channels, 3, stride=2),
            nn.ReLU(),
            conv_norm(channels, channels, 3, stride=2),
            nn.ReLU(),
            conv_norm(channels, channels, 1),
            nn.ReLU(),
        )
        self.cell = Cell(channels, expansion)
        width = sum(self.cell.channels)
        self.head = nn.Sequential(
            conv_norm(width, width, 1), nn.ReLU(), nn.Conv2d(width, len(spec.classes), 1)
        )
        self._pixels = MaxProbability()

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB, H and W multiples of `multiple`.

        Raises:
            BadInputError: the shape or the size does not fit.
        """
        return begun(images, self.spec.multiple)

    def stage(self, exit_: int, state: State) -> Slices:
        """One iteration from the last iterate (from zero at first), and what the new one says.

        A state's maps are what is injected, the iterate (N, D), and the solver's last iterates and what the
        cell made of them (N, m, D).
        """
        if exit_ == 1:
            injected = self.stem(state.maps[0])
            yield
            z = injected.new_zeros((len(injected), self._length(injected)))
            inputs = outputs = z.new_zeros((len(z), 0, z.shape[1]))
        else:
            injected, z, inputs, outputs = state.maps
        found = yield from self.cell.slices(self._maps(z, injected), injected)
        inputs = torch.cat([inputs, z[:, None]], 1)[:, -MEMORY:]
        outputs = torch.cat([outputs, _flat(found)[:, None]], 1)[:, -MEMORY:]
        z = mixed(inputs, outputs)
        yield
        logits = self.decode(self._maps(z, injected))
        yield
        confidence = self._pixels.confidence(logits)
        seen = Seen(logits=logits, confidence=confidence, exit_=exit_)
        active = self._pixels.active(seen, self.spec.threshold)
        return State((injected, z, inputs, outputs), Prediction(logits, confidence, active), exit_)

    def decode(self, maps: Sequence[Tensor]) -> Tensor:
        """Logits (N, classes, h, w) of maps of four resolutions."""
        size = maps[0].shape[2:]
        fine = [F.interpolate(each, size=size, mode="bilinear", align_corners=False) for each in maps[1:]]
        logits: Tensor = self.head(torch.cat([maps[0], *fine], 1))
        return logits

    def forward(self, images: Tensor) -> list[Tensor]:
        """Logits of every exit from images (N, 3, H, W), normalised, for training: the iterations unrolled."""
        state, logits = State((images,)), []
        for exit_ in range(1, len(self.spec.exits) + 1):
            state = finish(self.stage(exit_, state))
            assert state.prediction is not None
            logits.append(state.prediction.logits)
        return logits

    def _length(self, injected: Tensor) -> int:
        """D: how many values the iterate has."""
        height, width = injected.shape[2:]
        return sum(
            count * (height >> level) * (width >> level) for level, count in enumerate(self.cell.channels)
        )

    def _maps(self, z: Tensor, injected: Tensor) -> list[Tensor]:
        """The iterate as maps of four resolutions."""
        height, width = injected.shape[2:]
        shapes = [(count, height >> level, width >> level) for level, count in enumerate(self.cell.channels)]
        parts = torch.split(z, [count * rows * columns for count, rows, columns in shapes], 1)
        return [part.reshape(len(z), *shape) for part, shape in zip(parts, shapes, strict=True)]


def _flat(maps: Sequence[Tensor]) -> Tensor:
    return torch.cat([each.flatten(1) for each in maps], 1)
