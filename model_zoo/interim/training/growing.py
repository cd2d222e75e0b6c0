"""A wider, deeper HRNet that begins as a smaller trained one.

After Chen, Goodfellow and Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer" (ICLR 2016): the
large network first computes what the small one does. Here new channels begin at random, and nothing that is
old listens to them yet; new blocks begin as the identity, since the last normalisation of what they add is 0.
What new channels are normalised by is counted on images, while old ones keep what they were trained with.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from interim.model_zoo.networks.hrnet.blocks import BasicBlock, Bottleneck
from interim.model_zoo.networks.hrnet.fuse import Down, Up
from interim.model_zoo.networks.hrnet.widths import WIDTHS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.model_zoo.networks.hrnet.widths import Width

MERGING = re.compile(r"sections\.(\d)\.head\.(mix|down\.0)\.conv\.weight")
"""Convolutions that read the maps of all branches, one after the other."""


def fits_inside(small: str, large: str) -> bool:
    """Whether the network named `small` is no larger than `large` in anything, and not the same size."""
    one, other = _width(small), _width(large)
    if one is None or other is None or one == other or _variant(small) != _variant(large):
        return False
    pairs = zip((*one.modules, *_sizes(one)), (*other.modules, *_sizes(other)), strict=True)
    return all(less <= more for less, more in pairs)


def grown(weights: Mapping[str, Tensor], small: str, network: AnytimeHrnet) -> dict[str, Tensor]:
    """Weights for `network` with which it computes what those of the network named `small` do.

    Parameters that the two have in no common form (a head of another task) are left out.
    """
    old, new = _width(small), _width(network.spec.name)
    assert old is not None
    assert new is not None
    found = {name: value.clone() for name, value in network.state_dict().items() if name not in weights}
    for name in _last_scales(network):
        if name in found:
            found[name].zero_()
    for name, value in network.state_dict().items():
        given = weights.get(name)
        if given is None or given.ndim == 0 or _narrower(value, given):
            continue
        merging = MERGING.fullmatch(name)
        branches = int(merging[1]) + 1 if merging else 1
        found[name] = _inside(given, value, _places(given, old, new, branches))
    return found


@torch.no_grad()
def count_new(network: AnytimeHrnet, weights: Mapping[str, Tensor], batches: Iterable[Tensor]) -> None:
    """Set the running statistics of all channels that `weights` of the smaller network do not have.

    They become the mean over batches of images (N, 3, H, W) uint8, with every position computed; a batch is
    normalised by what was counted up to it.
    """
    training, masking, network.masking = network.training, network.masking, False
    hooks = []
    for name, part in network.named_modules():
        old = len(weights.get(f"{name}.running_mean", ()))
        if isinstance(part, nn.BatchNorm2d) and old < part.num_features:
            hooks.append(part.register_forward_pre_hook(_Count(old)))
    network.eval()
    for images in batches:
        network(images)
    for hook in hooks:
        hook.remove()
    network.train(training).masking = masking


class _Count:
    """Sets a normalisation's statistics of the channels from `first` on to their mean over all batches so far."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._batches = 0

    def __call__(self, norm: nn.Module, given: tuple[Tensor]) -> None:
        """Before the normalisation of `given`, (N, C, h, w)."""
        assert isinstance(norm, nn.BatchNorm2d)
        self._batches += 1
        maps = given[0][:, self._first :].float()
        for kept, now in (
            (norm.running_mean, maps.mean((0, 2, 3))),
            (norm.running_var, maps.var((0, 2, 3))),
        ):
            assert kept is not None
            kept[self._first :].lerp_(now, 1 / self._batches)


def _narrower(value: Tensor, given: Tensor) -> bool:
    """Whether `value` reads less than `given` does."""
    return any(more < less for less, more in zip(given.shape[1:], value.shape[1:], strict=True))


def _inside(given: Tensor, value: Tensor, inputs: Tensor) -> Tensor:
    """`value` whose first outputs are `given`, reading the `inputs` alone."""
    result = (
        value.clone() if len(value) > len(given) else value[:1].expand(len(given), *value.shape[1:]).clone()
    )
    if given.ndim == 1:
        result[: len(given)] = given
    else:
        result[: len(given)] = 0
        result[: len(given), inputs] = given.to(result.dtype)
    return result


def _places(given: Tensor, old: Width, new: Width, branches: int) -> Tensor:
    """Where a small network's inputs lie among a large one's; those of several branches each in their own."""
    inputs = given.shape[1] if given.ndim > 1 else 0
    if inputs != sum(old.branches(branches)) or branches == 1:
        return torch.arange(inputs)
    first, places = 0, []
    for less, more in zip(old.branches(branches), new.branches(branches), strict=True):
        places.append(torch.arange(first, first + less))
        first += more
    return torch.cat(places)


def _last_scales(network: AnytimeHrnet) -> Iterator[str]:
    """The scales of the last normalisations of all that blocks and fuses add to their input."""
    for name, part in network.named_modules():
        if isinstance(part, BasicBlock):
            yield f"{name}.second.norm.weight"
        elif isinstance(part, Bottleneck):
            yield f"{name}.widen.norm.weight"
        elif isinstance(part, Up):
            yield f"{name}.project.norm.weight"
        elif isinstance(part, Down):
            yield f"{name}.steps.{len(part.steps) - 1}.norm.weight"


def _width(network: str) -> Width | None:
    parts = network.split("-")
    return WIDTHS.get(parts[1]) if len(parts) > 1 else None


def _variant(network: str) -> list[str]:
    return [part for part in network.split("-")[2:] if part != "pose"]


def _sizes(width: Width) -> tuple[int, ...]:
    return width.channels, width.bottlenecks, width.blocks, width.head
