"""The anytime interface: a model is a list of stages; each turns a state into a state and a prediction.

A *stage* ends at an *exit*: a full answer for every pixel. Exits count from 1, as they do on the wire;
exit 0 means "no exit yet". A stage runs in *slices*: it is a generator that yields wherever it may be
interrupted, so that nobody waits longer than one slice for the device (docs/design.md, Who owns what).
"""

from __future__ import annotations

import enum
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor


class Task(enum.Enum):
    """What a model predicts."""

    SEGMENTATION = "segmentation"
    POSE = "pose"
    CLASSIFICATION = "classification"


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """One class: its name and the colour people draw it in (RGB, 0 to 255)."""

    name: str
    color: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ExitSpec:
    """One exit: its name, and what a validation set says of stopping there (None: not measured).

    `quality` is the mean per-image score, which adds up over requests and so serves the scheduler;
    `miou` is the data-set score, which does not. `active_share` is the mean share of positions that the
    stage ending here refines.
    """

    name: str
    quality: float | None = None
    miou: float | None = None
    active_share: float | None = None


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """What a model is, as far as a server or a client needs to know.

    `multiple`: height and width must be divisible by it (pad, then crop). `stride`: logits are this
    many times smaller than the image. `long_side`: the longest side served, in pixels. `threshold`: a
    pixel whose confidence is above it is sure, and is not refined further (pose: below it). The classes
    of a pose model are its joints; `bones`: pairs of them that a drawing joins. `mask_rule`: what chooses
    the pixels to refine in place of the threshold (mask_choice.py); empty: nothing does.
    """

    name: str
    task: Task
    classes: tuple[ClassSpec, ...]
    exits: tuple[ExitSpec, ...]
    multiple: int = 32
    stride: int = 4
    long_side: int = 1024
    threshold: float = 0.998
    bones: tuple[tuple[int, int], ...] = ()
    mask_rule: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer of one exit for a batch, at the logits' resolution (h = H / stride, w = W / stride).

    `logits` (N, C, h, w), of a pose model heat; `confidence` (N, h, w) float32 in 0 to 1; `active` (N, h, w) bool: the
    positions that are not sure yet. With confidence adaptivity they are those that the next stage
    refines, and never grow; without it the next stage refines all, and they only inform.
    """

    logits: Tensor
    confidence: Tensor
    active: Tensor


@dataclass(frozen=True, slots=True)
class State:
    """Everything the next stage needs: feature maps, each (N, …), and the last prediction, if any."""

    maps: tuple[Tensor, ...]
    prediction: Prediction | None = None
    exit: int = field(default=0)

    @classmethod
    def join(cls, states: Sequence[State]) -> State:
        """One batch of several requests that stand before the same stage, at one size."""
        if len(states) == 1:
            return states[0]
        predictions = [state.prediction for state in states if state.prediction is not None]
        joined = (
            Prediction(
                torch.cat([p.logits for p in predictions]),
                torch.cat([p.confidence for p in predictions]),
                torch.cat([p.active for p in predictions]),
            )
            if predictions
            else None
        )
        columns = zip(*(state.maps for state in states), strict=True)
        return cls(tuple(torch.cat(column) for column in columns), joined, states[0].exit)

    def split(self) -> list[State]:
        """The requests of the batch, one state each, in order (views, no copies)."""
        return [self._row(index) for index in range(self.maps[0].shape[0])]

    def _row(self, index: int) -> State:
        rows = slice(index, index + 1)
        p = self.prediction
        row = p and Prediction(p.logits[rows], p.confidence[rows], p.active[rows])
        return State(tuple(part[rows] for part in self.maps), row, self.exit)


Slices = Generator[None, None, State]
"""A stage under way: yields at every point where it may be given up, returns the next state."""


class AnytimeModel(Protocol):
    """What a server runs: `start` once per image, then stage after stage."""

    @property
    def spec(self) -> ModelSpec:
        """What the model is."""
        ...

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB, H and W multiples of `multiple`."""
        ...

    def stage(self, exit_: int, state: State) -> Slices:
        """Run the stage that ends at `exit_` (from 1) on a state whose exit is one less.

        Where confidence adaptivity is on, only positions that `state.prediction.active` marks are
        refined; the others keep the previous exit's logits.
        """
        ...


def finish(slices: Slices) -> State:
    """Run a stage to its end without stopping between slices."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            state: State = end.value
            return state
