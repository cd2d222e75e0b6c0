"""What is compared: torch as a user gets it, torch at its best, and the native kernels."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.anytime import State, finish
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.execution import execution
from interim.model_zoo.label_map import label_map
from interim.model_zoo.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet


class Contestant(Protocol):
    """Runs one image to its last exit.

    `laps` hears after each stage that its exit is complete; the labels of the last exit come after all.
    """

    def run(self, images: Tensor, lap: Callable[[], None]) -> Tensor:
        """Labels (1, H, W) uint8 of the last exit."""
        ...


class Eager:
    """Torch as a user gets it: float32, channels first, nothing folded; a plain enlargement and argmax."""

    def __init__(self, network: AnytimeHrnet) -> None:
        self._network = network.float().eval()

    def run(self, images: Tensor, lap: Callable[[], None]) -> Tensor:
        """As `Contestant.run`."""
        state = self._network.start(images)
        for exit_ in range(1, len(self._network.spec.exits) + 1):
            state = finish(self._network.stage(exit_, state))
            lap()
        assert state.prediction is not None
        large = F.interpolate(state.prediction.logits, images.shape[2:], mode="bilinear")
        return large.argmax(1).to(torch.uint8)


class _Stage(nn.Module):
    """One stage with its exit, as torch can trace it."""

    def __init__(self, network: AnytimeHrnet, exit_: int) -> None:
        super().__init__()
        self._network = network
        self._exit = exit_

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """The stage's maps, then its logits and confidence."""
        state = finish(self._network.stage(self._exit, State(maps)))
        assert state.prediction is not None
        return (*state.maps, state.prediction.logits, state.prediction.confidence)


def frozen(stage: nn.Module, maps: tuple[Tensor, ...]) -> nn.Module:
    """A stage traced and frozen; torch warns that sizes are constants then, and of what will replace it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(stage.eval(), maps, check_trace=False)  # type: ignore[no-untyped-call]
        made: nn.Module = torch.jit.freeze(traced)
        return made


def compiled(stage: nn.Module, maps: tuple[Tensor, ...]) -> nn.Module:
    """A stage as torch.compile makes it for these sizes; takes minutes and a C++ compiler."""
    made = cast("nn.Module", torch.compile(stage.eval(), mode="max-autotune", dynamic=False))
    made(*maps)
    return made


class Best:
    """Torch at its best: folded, channels last, our dtype, each stage made quick by `made`."""

    def __init__(
        self,
        network: AnytimeHrnet,
        dtype: torch.dtype,
        images: Tensor,
        made: Callable[[nn.Module, tuple[Tensor, ...]], nn.Module] = frozen,
    ) -> None:
        self._network = prepare(network, dtype=dtype, masking=False)
        maps = self._network.start(images).maps
        self._stages = []
        for exit_ in range(1, len(network.spec.exits) + 1):
            self._stages.append(made(_Stage(self._network, exit_), maps))
            maps = self._stages[-1](*maps)[:-2]

    def run(self, images: Tensor, lap: Callable[[], None]) -> Tensor:
        """As `Contestant.run`."""
        maps = self._network.start(images).maps
        for stage in self._stages:
            *maps, logits, _ = stage(*maps)
            lap()
        return label_map(logits, (images.shape[2], images.shape[3]))


class Own:
    """The native kernels; `masks`: what each stage after the first refines, None: everything.

    `slices` gathers how long the longest slice of each run took, in seconds.
    """

    def __init__(
        self,
        network: AnytimeHrnet,
        dtype: torch.dtype,
        threads: int,
        clock: Callable[[], float],
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        made = execution(
            network,
            choice="native",
            dtype=dtype,
            masking=masks is not None,
            device=torch.device("cpu"),
            threads=threads,
        )
        self._model, self._label_map, self.path = made.model, made.label_map, made.path
        self._masks = masks
        self._clock = clock
        self.slices: list[float] = []

    def run(self, images: Tensor, lap: Callable[[], None]) -> Tensor:
        """As `Contestant.run`."""
        state = self._model.start(images)
        longest_s = 0.0
        for exit_ in range(1, len(self._model.spec.exits) + 1):
            if self._masks is not None and state.prediction is not None:
                injected = replace(state.prediction, active=self._masks[exit_ - 2])
                state = replace(state, prediction=injected)
            slices = self._model.stage(exit_, state)
            before_s = self._clock()
            while True:
                try:
                    next(slices)
                except StopIteration as end:
                    state = end.value
                    break
                now_s = self._clock()
                longest_s, before_s = max(longest_s, now_s - before_s), now_s
            lap()
        self.slices.append(longest_s)
        assert state.prediction is not None
        return self._label_map(state.prediction.logits, (images.shape[2], images.shape[3]))


def literal_labels(network: AnytimeHrnet, images: Tensor, masks: Sequence[Tensor]) -> Tensor:
    """Labels (1, H, W) of the float32 network in torch under the same masks."""
    if len(network.spec.exits) != len(masks) + 1:
        raise BadInputError(
            f"{len(masks)} active shares do not fit {len(network.spec.exits)} exits: give one less"
        )
    state = network.start(images)
    for exit_ in range(1, len(network.spec.exits) + 1):
        if state.prediction is not None:
            state = replace(state, prediction=replace(state.prediction, active=masks[exit_ - 2]))
        state = finish(network.stage(exit_, state))
    assert state.prediction is not None
    return label_map(state.prediction.logits, (images.shape[2], images.shape[3]))
