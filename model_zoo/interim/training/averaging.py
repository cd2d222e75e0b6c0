"""A running average of a network's weights: steadier than any single step, and what is shipped."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from interim.training.schedule import average_decay

if TYPE_CHECKING:
    from torch import nn


class Average:
    """An exponential moving average of a module's parameters and floating buffers."""

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(requires_grad=False)

    @torch.no_grad()
    def update(self, module: nn.Module, *, step: int, decay: float) -> None:
        """Take in the weights after one step (counted from 0); see `average_decay`."""
        share = 1 - average_decay(step, decay)
        mine, theirs = self.module.state_dict(), module.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[name] for name in floats], [theirs[name] for name in floats], share)
        for name in mine.keys() - set(floats):
            mine[name].copy_(theirs[name])
