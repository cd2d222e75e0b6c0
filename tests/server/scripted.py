"""A tiny anytime model that does what a test says: takes given times, raises, hangs, or kills its process.

Engines load it as `tests.server.scripted:quick`. What it does to one request is written in the first pixel
of the image: (command, exit at which it happens, class of exit 1).
"""

import dataclasses
import os
import signal
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from interim.model_zoo.anytime import ClassSpec, ExitSpec, ModelSpec, Prediction, Slices, State, Task

CLASSES = 5
EXITS = 4
STRIDE = 4

OBEY, RAISE, CRASH, HANG, STALL, NO_PREDICTION = range(6)


def picture(
    height: int = 64, width: int = 96, *, command: int = OBEY, at: int = 0, first_class: int = 0
) -> npt.NDArray[np.uint8]:
    """An image that makes the model do something at one exit; exit k predicts class first_class + k - 1."""
    pixels = np.full((height, width, 3), 100, np.uint8)
    pixels[0, 0] = (command, at, first_class)
    return pixels


class ScriptedModel:
    """Exit k says class `first_class + k - 1` everywhere, and leaves the upper 1 - k/4 of the rows active.

    A stage has `slices` slices of `slice_s` seconds each, passed with `sleep`; `between` is called at every
    slice border. `stages` lists what was run: (exit, batch).
    """

    def __init__(
        self, *, slices: int = 3, slice_s: float = 0.01, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.spec = ModelSpec(
            "scripted",
            Task.SEGMENTATION,
            tuple(ClassSpec(f"class {index}", (index, index, index)) for index in range(CLASSES)),
            tuple(ExitSpec(f"exit {exit_}", quality=exit_ / 10) for exit_ in range(1, EXITS + 1)),
        )
        self.slices = slices
        self.slice_s = slice_s
        self.sleep = sleep
        self.between: Callable[[], None] = lambda: None
        self.stages: list[tuple[int, int]] = []
        self.closed = 0

    def start(self, images: Tensor) -> State:
        """The image itself."""
        return State((images.float(),))

    def stage(self, exit_: int, state: State) -> Slices:
        """Pass the time, obey the commands, predict."""
        (images,) = state.maps
        assert state.exit == exit_ - 1
        self.stages.append((exit_, len(images)))
        try:
            for _ in range(self.slices):
                self.sleep(self.slice_s)
                self.between()
                yield
        except GeneratorExit:
            self.closed += 1
            raise
        commands = [int(image[0, 0, 0]) for image in images if int(image[1, 0, 0]) == exit_]
        self._obey(commands)
        prediction = None if NO_PREDICTION in commands else self._predict(exit_, images)
        return State(state.maps, prediction, exit_)

    def _obey(self, commands: list[int]) -> None:
        if RAISE in commands:
            raise RuntimeError("it says so\nin two lines")
        if CRASH in commands:
            os.kill(os.getpid(), signal.SIGKILL)
        while HANG in commands:
            pass
        if STALL in commands:
            time.sleep(3600)

    def _predict(self, exit_: int, images: Tensor) -> Prediction:
        count, _, height, width = images.shape
        rows, columns = height // STRIDE, width // STRIDE
        classes = (images[:, 2, 0, 0].long() + exit_ - 1) % CLASSES
        logits = torch.zeros(count, CLASSES, rows, columns)
        logits[torch.arange(count), classes] = 1.0
        active = torch.zeros(count, rows, columns, dtype=torch.bool)
        active[:, : rows * (EXITS - exit_) // EXITS] = True
        return Prediction(logits, torch.full((count, rows, columns), exit_ / EXITS), active)


def quick() -> ScriptedModel:
    """For processes: 3 slices of 1 ms a stage."""
    return ScriptedModel(slice_s=0.001)


def small() -> ScriptedModel:
    """For processes: as `quick`, of images of at most 48 pixels."""
    model = quick()
    model.spec = dataclasses.replace(model.spec, long_side=48)
    return model


def steady() -> ScriptedModel:
    """For processes: 5 slices of 20 ms a stage, time enough to interfere."""
    return ScriptedModel(slices=5, slice_s=0.02)


def slow() -> ScriptedModel:
    """For processes: 10 slices of 20 ms a stage, time for an operator to type."""
    return ScriptedModel(slices=10, slice_s=0.02)


def broken() -> ScriptedModel:
    """A factory that cannot deliver."""
    raise RuntimeError("no weights today")
