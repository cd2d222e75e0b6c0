"""Every network by name."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING

from interim.model_zoo.anytime import ClassSpec, ExitSpec, ModelSpec, Task
from interim.model_zoo.confidence import MaxProbability, PeakHeat
from interim.model_zoo.errors import BadInputError, UnknownModelError
from interim.model_zoo.masked.fill import NoFill, RbfFill, WholeFill
from interim.model_zoo.masked.hold import HoldFill
from interim.model_zoo.networks.hrnet.build import hrnet
from interim.model_zoo.networks.hrnet.heads import PlainHead, RedesignedHead, SingleConvHead
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.networks.hrnet.widths import WIDTHS

if TYPE_CHECKING:
    from torch import nn

    from interim.model_zoo.masked.conv import Filling

POSE_WIDTHS = ("w18s", "w32")
VARIANTS = ("", "-ee", "-ee-rh", "-adpc")
ALL_STAGES = (1, 2, 3, 4)
DEPTHS = {1: 3, 2: 2, 3: 1}
"""How often a redesigned head halves, by stage; after stage 4 the head is plain."""

FILLS: Mapping[str, Filling] = MappingProxyType({"rbf": RbfFill, "hold": HoldFill})
"""What may stand at the positions that confidence adaptivity skips: the paper's interpolation, or the last value."""

_ALL_FILLS: Mapping[str, Filling] = MappingProxyType({**FILLS, "whole": WholeFill})

CLASSES = 19
JOINTS = 16

Builder = Callable[[int, "Filling"], AnytimeHrnet]
"""Makes a network with random weights for a number of classes; adaptive ones fill as they are told."""


def _classes(count: int) -> tuple[ClassSpec, ...]:
    """Nameless classes in colours far apart."""
    hues = (index * 0.618034 % 1 for index in range(count))
    colors = (colorsys.hsv_to_rgb(hue, 0.6, 0.9) for hue in hues)
    return tuple(
        ClassSpec(f"class {index}", (int(255 * red), int(255 * green), int(255 * blue)))
        for index, (red, green, blue) in enumerate(colors)
    )


def _segmentation(name: str, width: str, variant: str, classes: int, fill: Filling) -> AnytimeHrnet:
    """HRNet for segmentation: heads over all branches."""
    size = WIDTHS[width]
    redesigned = DEPTHS if variant in {"-ee-rh", "-adpc"} else {}

    def head(stage: int, channels: Sequence[int], filling: Filling) -> nn.Module:
        if stage in redesigned:
            return RedesignedHead(sum(channels), size.head, redesigned[stage], classes, filling=filling)
        return PlainHead(sum(channels), classes, filling=filling)

    exits = ALL_STAGES if variant else (4,)
    return hrnet(
        ModelSpec(name, Task.SEGMENTATION, _classes(classes), _exits(exits)),
        size,
        exits=exits,
        head=head,
        filling=fill if variant == "-adpc" else NoFill,
        outputs=4,
        rule=MaxProbability(),
    )


def _pose(name: str, width: str, variant: str, joints: int, fill: Filling) -> AnytimeHrnet:
    """HRNet for pose: heat maps from the finest branch, redesigned early exits from all of them."""
    size = WIDTHS[width]
    redesigned = DEPTHS if variant in {"-ee-rh", "-adpc"} else {}

    def head(stage: int, channels: Sequence[int], filling: Filling) -> nn.Module:
        if stage in redesigned:
            return RedesignedHead(sum(channels), size.head, redesigned[stage], joints, filling=filling)
        return SingleConvHead(channels[0], joints, filling=filling)

    exits = ALL_STAGES if variant else (4,)
    return hrnet(
        ModelSpec(name, Task.POSE, _classes(joints), _exits(exits), threshold=0.002),
        size,
        exits=exits,
        head=head,
        filling=fill if variant == "-adpc" else NoFill,
        outputs=1,
        rule=PeakHeat(),
    )


def _exits(stages: Sequence[int]) -> tuple[ExitSpec, ...]:
    return tuple(ExitSpec(f"exit {index}") for index, _ in enumerate(stages, 1))


def _builders() -> dict[str, Builder]:
    """Every name and what builds it."""
    builders: dict[str, Builder] = {}
    for width in WIDTHS:
        for variant in VARIANTS:
            name = f"hrnet-{width}{variant}"
            builders[name] = partial(_segmentation, name, width, variant)
    for width, variant in product(POSE_WIDTHS, VARIANTS):
        name = f"hrnet-{width}-pose{variant}"
        builders[name] = partial(_pose, name, width, variant)
    return builders


_BUILDERS = _builders()


def names() -> tuple[str, ...]:
    """The names that `build` knows."""
    return tuple(_BUILDERS)


def build(name: str, classes: int | None = None, *, fill: str = "rbf") -> AnytimeHrnet:
    """A network with random weights.

    Args:
        name: One of `names()`: `hrnet-WIDTH` with one exit; `-ee` after it with four; `-ee-rh` with
            redesigned early ones; `-adpc` with confidence adaptivity too.
        classes: Classes (19 unless given) or, for pose, joints (16).
        fill: One of `FILLS`: what adaptive networks have at masked positions; the others have no masks. Or
            `whole`: nothing is masked, and sure positions keep their answers.

    Raises:
        UnknownModelError: no network has that name.
        BadInputError: `classes` is not a number from 1 to 255, or `fill` is unknown.
    """
    if name not in _BUILDERS:
        raise UnknownModelError(name, _BUILDERS)
    count = (JOINTS if "-pose" in name else CLASSES) if classes is None else classes
    if not 1 <= count <= 255:
        raise BadInputError(f"{count} classes do not fit: give a number from 1 to 255")
    if fill not in _ALL_FILLS:
        raise BadInputError(f"There is no fill {fill!r}: there are {', '.join(FILLS)}")
    return _BUILDERS[name](count, _ALL_FILLS[fill])
