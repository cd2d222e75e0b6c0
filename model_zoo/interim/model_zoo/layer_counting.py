"""What a plain torch network costs: multiply-accumulates of its convolutions and linear layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCosts:
    """One run of a network on one input: `macs` of convolutions and linear layers; values normalised."""

    macs: int
    normalised: int

    @property
    def giga(self) -> float:
        """10^9 operations, a multiply-accumulate as one and a normalised value as two, as MESS counts."""
        return (self.macs + 2 * self.normalised) / 1e9


def layer_costs(network: nn.Module, shape: tuple[int, int, int]) -> LayerCosts:
    """Count a network built on the `meta` device (so nothing is computed) for one input (channels, h, w).

    Bias, activations, pooling and resizing are not counted; `normalised` are the values that pass a batch
    normalisation.
    """
    macs = normalised = 0

    def convolved(module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal macs
        weight = module.weight
        assert isinstance(weight, Tensor)
        macs += weight.numel() * (output.shape[-2] * output.shape[-1] if output.ndim == 4 else 1)

    def norm(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        nonlocal normalised
        normalised += output.numel()

    hooks: dict[type[nn.Module], Callable[[nn.Module, object, Tensor], None]] = {
        nn.Conv2d: convolved,
        nn.Linear: convolved,
        nn.BatchNorm2d: norm,
    }
    handles = [
        module.register_forward_hook(hooks[type(module)])
        for module in network.modules()
        if type(module) in hooks
    ]
    with torch.inference_mode():
        network.eval()(torch.empty((1, *shape), device="meta"))
    for handle in handles:
        handle.remove()
    return LayerCosts(macs=macs, normalised=normalised)
