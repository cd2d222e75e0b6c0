"""What a network costs: multiply-accumulates of its convolutions, exit by exit.

Counted as the ADP-C paper counts: convolutions only, 2^30 to a GMAC; a masked one counts its share
of active positions p, and its interpolation (1 - p)·p·C_out·49·h·w. Exact shortcuts (`MergedConv`)
count as what they replace. With `hold` (masked/hold.py) nothing is interpolated, and what is read
beyond the mask counts whole.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from interim.model_zoo.anytime import State, finish
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.conv import Conv

if TYPE_CHECKING:
    from interim.model_zoo.masked.masks import Masks
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

GIGA = 2**30

Shares = Mapping[tuple[int, int], Tensor]
"""By output size: each image's share of active positions (N,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvCost:
    """One convolution's work for one image.

    `exit_`: the exit it belongs to. `size`: of its output. `macs`: with every position active.
    `skips`: masked positions are not computed. `fill_macs`: those of interpolating every position.
    """

    exit_: int
    size: tuple[int, int]
    macs: int
    skips: bool
    fill_macs: int

    def at(self, shares: Shares | None) -> float:
        """Its multiply-accumulates at these shares, averaged over the images; None: all active."""
        if shares is None or not self.skips:
            return self.macs
        share = shares[self.size]
        return self.macs * share.mean().item() + self.fill_macs * (share * (1 - share)).mean().item()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitCost:
    """What it takes to reach an exit, from the image on, in 2^30 multiply-accumulates."""

    name: str
    gmacs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A network's cost at one image size (height, width)."""

    model: str
    size: tuple[int, int]
    parameters: int
    exits: tuple[ExitCost, ...]


def profile(model: AnytimeHrnet, size: tuple[int, int], active: Sequence[Tensor] | None = None) -> Profile:
    """Count a network.

    Args:
        model: The network; its weights are not touched.
        size: Height and width of the image.
        active: What each exit but the last left active (N, h, w) bool, in order; None: everything.

    Raises:
        BadInputError: the size is no multiple of what the network needs, or there are not as many
            masks as exits less one.
    """
    exits = model.spec.exits
    if active is not None and len(active) != len(exits) - 1:
        raise BadInputError(
            f"{len(active)} masks for {len(exits)} exits: give one for each exit but the last"
        )
    masked = (
        [None] * (len(exits) - 1)
        if active is None
        else [shares_of(model.filling.masks(mask)) for mask in active]
    )
    shares = [None, *masked]
    spent = [0.0] * len(exits)
    for cost in convolutions(model, size):
        spent[cost.exit_ - 1] += cost.at(shares[cost.exit_ - 1])
    totals = accumulate(spent)
    return Profile(
        model=model.spec.name,
        size=size,
        parameters=sum(p.numel() for p in model.parameters()),
        exits=tuple(
            ExitCost(name=e.name, gmacs=total / GIGA) for e, total in zip(exits, totals, strict=True)
        ),
    )


def shares_of(masks: Masks) -> Shares:
    """The share of positions that a stage's masks leave active, by output size and image."""
    return {size: mask.double().mean((1, 2, 3)) for size, mask in masks.levels.items()}


def convolutions(model: AnytimeHrnet, size: tuple[int, int]) -> list[ConvCost]:
    """Every convolution of the network, in the order they run, for one image of this size.

    The network runs densely on a batch of no images: every shape, and no arithmetic.
    """
    shapes = _same_weights(model)
    shapes.masking = False
    device = next(model.parameters()).device
    costs: list[ConvCost] = []
    exit_ = 0

    def count(module: nn.Module, _inputs: object, output: Tensor) -> None:
        assert isinstance(module, Conv)
        height, width = output.shape[-2:]
        costs.append(
            ConvCost(
                exit_=exit_,
                size=(height, width),
                macs=height * width * module.weight.numel(),
                skips=module.fill.skips,
                fill_macs=height * width * module.weight.shape[0] * module.fill.taps,
            )
        )

    for module in shapes.modules():
        if isinstance(module, Conv):
            module.register_forward_hook(count)
    with torch.inference_mode():
        started = shapes.start(torch.zeros((1, 3, *size), dtype=torch.uint8, device=device))
        state = State(tuple(map_[:0] for map_ in started.maps))
        for exit_ in range(1, len(model.spec.exits) + 1):
            state = finish(shapes.stage(exit_, state))
    return costs


def _same_weights(model: AnytimeHrnet) -> AnytimeHrnet:
    """A copy of the network, to hang hooks on, that shares its weights; nothing is copied in memory."""
    memo: dict[int, object] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, memo).eval()
