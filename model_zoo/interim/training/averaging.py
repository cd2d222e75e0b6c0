"""A running average of a network's weights: steadier than any single step, and what is shipped."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from interim.training.schedule import average_decay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet


class Average:
    """An exponential moving average of a module's parameters and floating buffers."""

    def __init__(self, module: AnytimeHrnet) -> None:
        self.module: AnytimeHrnet = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, module: AnytimeHrnet, *, step: int, decay: float) -> None:
        """Take in the weights after one step (counted from 0); see `average_decay`."""
        share = 1 - average_decay(step, decay)
        mine, theirs = self.module.state_dict(), module.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [theirs[name] for name in floats], share)
        for name in mine.keys() - set(floats):
            mine[name].copy_(theirs[name])

    @torch.no_grad()
    def settle(self, batches: Iterable[Tensor], *, masked: bool = False) -> None:
        """Replace the normalisations' running statistics by the mean over batches of images.

        Izmailov et al., "Averaging Weights Leads to Wider Optima" (2018), section 3.2. `masked`: what is
        filled in at sure positions counts too, as it is served; else all are computed.
        """
        norms = [part for part in self.module.modules() if isinstance(part, nn.BatchNorm2d)]
        momenta = [norm.momentum for norm in norms]
        masking, self.module.masking = self.module.masking, masked
        self.module.train()
        for index, images in enumerate(batches):
            for norm in norms:
                norm.momentum = 1 / (index + 1)  # the mean of all so far
            self.module(images)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        self.module.eval().masking = masking
