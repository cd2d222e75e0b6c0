"""Puts HRNets together: which exits, which heads, masked or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from torch import nn

from interim.model_zoo.masked.conv import Filling
from interim.model_zoo.masked.fill import NoFill
from interim.model_zoo.networks.hrnet.blocks import Bottleneck
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet, Section
from interim.model_zoo.networks.hrnet.stage import BranchModule, BranchStage, FirstStage
from interim.model_zoo.networks.hrnet.stem import STEM_CHANNELS, Stem
from interim.model_zoo.networks.hrnet.transition import Transition

if TYPE_CHECKING:
    from interim.model_zoo.anytime import ModelSpec
    from interim.model_zoo.confidence import Rule
    from interim.model_zoo.networks.hrnet.widths import Width

STAGES = 4
PLANES = 64
FIRST_CHANNELS = PLANES * Bottleneck.EXPANSION

HeadFactory = Callable[[int, Sequence[int], Filling], nn.Module]
"""Makes an exit's head from the stage it follows (1 to 4), its maps' channels, and a filling."""


def hrnet(
    spec: ModelSpec,
    width: Width,
    *,
    exits: Sequence[int],
    head: HeadFactory,
    filling: Filling,
    outputs: int,
    rule: Rule,
) -> AnytimeHrnet:
    """An HRNet.

    Args:
        spec: What it says of itself.
        width: Its size.
        exits: The stages that end at an exit; the last one is 4.
        head: Makes the exits' heads.
        filling: What fills masked positions after the first exit.
        outputs: How many branches the very last module has to yield.
        rule: What confidence is.
    """
    sections: list[Section] = []
    first = 1
    for exit_ in exits:
        fill = filling if sections else NoFill
        stages = [_stage(number, width, outputs, fill) for number in range(first, exit_ + 1)]
        sections.append(Section(stages, head(exit_, _channels(exit_, width, outputs), fill)))
        first = exit_ + 1
    return AnytimeHrnet(spec, sections, rule=rule, filling=filling)


def _channels(stage: int, width: Width, outputs: int) -> tuple[int, ...]:
    """Channels of the maps that a stage ends with."""
    if stage == 1:
        return (FIRST_CHANNELS,)
    return width.branches(outputs if stage == STAGES else stage)


def _stage(number: int, width: Width, outputs: int, filling: Filling) -> FirstStage | BranchStage:
    """Stage `number`, from 1."""
    if number == 1:
        inputs = [STEM_CHANNELS] + [FIRST_CHANNELS] * (width.bottlenecks - 1)
        return FirstStage(Stem(), [Bottleneck(size, PLANES, filling=filling) for size in inputs])
    channels = width.branches(number)
    before = _channels(number - 1, width, outputs)
    kept = [number] * width.modules[number - 2]
    if number == STAGES:
        kept[-1] = outputs
    return BranchStage(
        Transition(before, channels, filling=filling),
        [BranchModule(channels, width.blocks, outputs=count, filling=filling) for count in kept],
    )
