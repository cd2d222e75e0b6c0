"""What a network on GPU kernels must get right before anybody relies on it: its own answers in torch, masked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from interim.model_zoo.anytime import finish
from interim.model_zoo.label_map import label_map
from interim.model_zoo.prepare import prepare

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.anytime import AnytimeModel
    from interim.model_zoo.label_map import LabelMap
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

LEAST = 1e-3
"""Of the norm of logits: so far off may kernels always be."""

LOOSE = 3
"""Or so many times as far as torch is in the same kind of number; what is wrong is off by more."""

AGREEMENT = 0.999
"""Of labels, which may differ where two classes are equal."""

ROUNDS = 3
"""The first compiles, the second captures a graph, the third replays it."""


@torch.inference_mode()
def fault(
    network: AnytimeHrnet, model: AnytimeModel, labels: LabelMap, *, dtype: torch.dtype, device: torch.device
) -> str | None:
    """What is wrong with a model that should do what the network does, in a few words; None when all is well.

    Args:
        network: In torch, on the CPU.
        model: On the device, with masking on or off.
        labels: What makes label maps of its logits.
        dtype: Of the model.
        device: Where it runs.
    """
    side = network.spec.multiple
    images = (255 * _smooth((1, 3, 2 * side, 3 * side))).byte()
    size = (2 * side // network.spec.stride, 3 * side // network.spec.stride)
    masks = [_smooth((1, *size)) > level for level in (0.3, 0.5, 0.7)]
    masking = getattr(model, "masking", False)
    expected = _logits(prepare(network, dtype=torch.float32, masking=masking), images, masks)
    rough = _logits(prepare(network, dtype=dtype, masking=masking), images, masks)
    allowed = [max(LEAST, LOOSE * _off(a, b)) for a, b in zip(rough, expected, strict=True)]
    for _ in range(ROUNDS):
        found = _logits(model, images.to(device), [mask.to(device) for mask in masks])
        for exit_, (ours, theirs, most) in enumerate(zip(found, expected, allowed, strict=True), 1):
            off = _off(ours, theirs)
            if not off <= most:
                return f"exit {exit_} is off by {off:.1%}"
    whole = (2 * side, 3 * side)
    same = labels(found[-1], whole, stride=network.spec.stride).cpu() == label_map(
        found[-1].cpu(), whole, stride=network.spec.stride
    )
    return None if same.float().mean() >= AGREEMENT else "label maps"


def _off(found: Tensor, expected: Tensor) -> float:
    """How far from what is expected, as a share of that."""
    return float((found.cpu().float() - expected).norm() / expected.norm())


def _logits(model: AnytimeModel, images: Tensor, masks: list[Tensor]) -> list[Tensor]:
    """The logits of every exit, each under the mask given."""
    state, found = model.start(images), []
    for exit_ in range(1, len(model.spec.exits) + 1):
        if state.prediction is not None:
            injected = replace(state.prediction, active=masks[(exit_ - 2) % len(masks)])
            state = replace(state, prediction=injected)
        state = finish(model.stage(exit_, state))
        assert state.prediction is not None
        found.append(state.prediction.logits)
    return found


def _smooth(shape: tuple[int, ...]) -> Tensor:
    """Smooth noise from 0 to 1, the same every time."""
    height, width = shape[-2:]
    count = shape[1] if len(shape) == 4 else shape[0]
    coarse = torch.rand(1, count, 4, 6, generator=torch.Generator().manual_seed(0))
    return F.interpolate(coarse, (height, width), mode="bilinear").view(shape)
