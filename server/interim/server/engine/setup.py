"""From `Start` to `Ready`: the model loaded and warm, its stages measured."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from interim.scheduling.costs import CostModel
from interim.scheduling.policy import named
from interim.scheduling.scheduler import Scheduler
from interim.server.engine.compute import Compute
from interim.server.engine.device import Device
from interim.server.engine.loading import load, plain
from interim.server.engine.messages import Ready, StageCost
from interim.server.engine.pulse import Pulse
from interim.server.engine.warm import CROWD, WarmUp, WarmUpError
from interim.server.engine.worth import worth

if TYPE_CHECKING:
    from interim.server.engine.arena import Arena, Shape
    from interim.server.engine.compute import Listener
    from interim.server.engine.messages import Start

CPU_BATCH, CUDA_BATCH = 1, 8
"""The most requests in a step. One processor gains 3 % from a batch of 4 at 512x1024 (W18-small-v2, bf16), and
each waits for all; a GPU is not filled by one."""

MOST_JOBS = 256


class Setup:
    """What one engine runs; made by the compute thread, which torch then knows as its own."""

    def __init__(self, start: Start) -> None:
        """Load, warm and measure; with `start.learned`, only load and warm.

        Raises:
            DeviceError: there is no such device.
            LoadError: the model cannot be made.
            UnknownPolicyError: there is no such policy.
            WarmUpError: the model raises on an ordinary image, or does not yield as often as it must.
        """
        torch.set_num_threads(start.threads)
        self._start = start
        self._device = Device(start.device)
        self._device.enter()
        self._loaded = load(start, self._device.device)
        self.spec = self._loaded.model.spec
        side = self.spec.long_side  # nothing larger is ever computed
        self._sizes = tuple((min(height, side), min(width, side)) for height, width in start.warm_sizes)
        self.pulse = Pulse()
        self.costs = CostModel() if start.learned is None else CostModel.from_dict(start.learned)
        self._max_batch = start.max_batch or (CUDA_BATCH if self._device.device.type == "cuda" else CPU_BATCH)
        self._worth = worth(self.spec.exits)
        self._policy = named(start.policy, costs=self.costs, max_batch=self._max_batch, utility=self._worth)
        self.warm_up = WarmUp(self.compute, exits=len(self.spec.exits))
        self._warm()

    def compute(self, listener: Listener, arena: Arena) -> Compute:
        """What runs steps for a listener, on images in an arena."""
        return Compute(
            self._loaded.model,
            device=self._device,
            arena=arena,
            pulse=self.pulse,
            label_map=self._loaded.label_map,
            listener=listener,
            clock=time.monotonic,
        )

    def scheduler(self) -> Scheduler:
        """A scheduler that shares this setup's costs."""
        jobs = max(MOST_JOBS, self._start.slots)
        return Scheduler(
            exits=len(self.spec.exits),
            costs=self.costs,
            policy=self._policy,
            max_jobs=jobs,
            utility=self._worth,
        )

    def ready(self) -> Ready:
        """What the front is told."""
        height, width = self._sizes[0]
        return Ready(
            spec=plain(self.spec),
            device=str(self._device.device),
            dtype=self._loaded.dtype,
            execution=self._loaded.execution,
            note=self._loaded.note,
            masking=self._loaded.masking,
            threads=self._start.threads,
            longest_slice_s=self.pulse.longest_slice_s,
            height=height,
            width=width,
            costs=tuple(self._stage_cost(exit_) for exit_ in range(1, len(self.spec.exits) + 1)),
        )

    def _warm(self) -> None:
        sizes = self._sizes
        for size in sizes[:1] if self._start.learned else sizes:
            self.warm_up.once(size)
            self.warm_up.crowd(size, min(CROWD, self._start.slots))
        # The first pass chooses kernels and touches memory: its slices say nothing.
        self.pulse.reset(self._start.longest_slice_s)
        if self._start.learned is None:
            for size in sizes:
                self.warm_up.measure(size, self.costs, padded=self._padded(size), max_batch=self._max_batch)
                self._check_slices(size)

    def _check_slices(self, size: Shape) -> None:
        """Refuse a model whose slices are longer than configured, not one that the machine held up once.

        Raises:
            WarmUpError: another pass was as slow.
        """
        most_s = self._start.most_slice_s
        if not 0.0 < most_s < self.pulse.longest_slice_s:
            return
        self.pulse.reset()
        self.warm_up.once(size)
        if self.pulse.longest_slice_s > most_s:
            raise WarmUpError(
                f"The longest slice of {self._start.model} takes {1e3 * self.pulse.longest_slice_s:.1f} ms on an image of "
                f"{size[0]}x{size[1]}, longer than slice_ms = {1e3 * most_s:g}: raise it, name smaller warm sizes, or "
                "serve a model that yields more often."
            )

    def _stage_cost(self, exit_: int) -> StageCost:
        size = self._padded(self._sizes[0])
        return StageCost(
            name=self.spec.exits[exit_ - 1].name,
            mean_s=self.costs.mean(exit_, size),
            p99_s=self.costs.predict(exit_, size, 0.99),
        )

    def _padded(self, size: Shape) -> Shape:
        multiple = self.spec.multiple
        return -(-size[0] // multiple) * multiple, -(-size[1] // multiple) * multiple
