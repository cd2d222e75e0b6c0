"""MESS's overprovisioned network: many exits on one frozen backbone, and what they answer, for a search.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), sections 4.2 and 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from interim.model_zoo.deployment import ExitPlan, Plan
from interim.model_zoo.image_confidence import MEASURES, image_confidence
from interim.model_zoo.networks.dilated import MessExit
from interim.model_zoo.networks.multi_exit import head_cost, way_costs
from interim.model_zoo.networks.staged import normalised
from interim.training.deployment.field import Candidate, Field
from interim.training.distillation import LESSONS, lesson_loss
from interim.training.experiments.course import Course, follow
from interim.training.experiments.mess import (
    BATCH,
    LAYERS,
    SHAPE,
    STEM,
    at_quarter,
    enlarged,
    frozen,
    small_network,
)
from interim.training.experiments.views import WIDTH, confusions, windows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from interim.model_zoo.anytime import ClassSpec
    from interim.model_zoo.networks.multi_exit import MultiExit
    from interim.training.experiments.mess import Data

REDUCTIONS, BLOCKS = (1, 2, 4, 8), (0, 1, 2)
LAST = "last"
COURSE = Course(steps=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One exit's architecture, of MESS's space with FCN heads (`MessExit`)."""

    reduction: int
    blocks: int
    widening: bool

    def __str__(self) -> str:
        """/reduction, blocks, and w where they widen."""
        return f"/{self.reduction} b{self.blocks}{'w' if self.widening else ''}"


PLAIN = Form(reduction=1, blocks=0, widening=False)


def forms() -> tuple[Form, ...]:
    """Those that differ: without blocks nothing widens."""
    every = product(REDUCTIONS, BLOCKS, (False, True))
    return tuple(
        Form(reduction=reduction, blocks=blocks, widening=widening)
        for reduction, blocks, widening in every
        if blocks or not widening
    )


def plain_exits(network: MultiExit, heads: nn.ModuleList, classes: int) -> list[nn.ModuleList]:
    """Trained FCN heads, one a place, in the form of `PLAIN`."""
    places = [_exits(network, place, classes, [PLAIN]) for place in range(len(heads))]
    for exits, head in zip(places, heads, strict=True):
        exits[0].head.load_state_dict(head.state_dict())  # type: ignore[union-attr]
    return [exits.eval() for exits in places]


def overprovisioned(
    network: MultiExit, forms: Sequence[Form], data: Data, file: Path, *, seed: int
) -> list[nn.ModuleList]:
    """Every form at every early place, trained together by PFD on the frozen network; kept in `file`."""
    torch.manual_seed(seed)
    places = [_exits(network, place, data.classes, forms).train() for place in range(len(network.points) - 1)]

    def loss(step: int) -> Tensor:
        images, labels = windows(data.train, step, batch=BATCH, seed=seed + 2000)
        target = at_quarter(labels, step)
        with torch.autocast("cpu", torch.bfloat16):
            features, teacher = frozen(network, images, target)
            answers = [
                exit_(maps) for exits, maps in zip(places, features[:-1], strict=True) for exit_ in exits
            ]
        parts = [lesson_loss(LESSONS["pfd"], enlarged(each, target), teacher, target) for each in answers]
        return torch.stack(parts).sum()

    follow(COURSE, nn.ModuleList(places), loss, file)
    return [exits.eval() for exits in places]


def surveyed(network: MultiExit, forms: Sequence[Form], places: Sequence[nn.ModuleList], data: Data) -> Field:
    """Every exit's cost and its answers to `dev`, computed once."""
    every = [(place, exit_) for place, exits in enumerate(places) for exit_ in exits]
    every.append((len(places), network.exits[-1]))
    sure: list[NDArray[np.float64]] = []

    def answers(images: Tensor) -> list[Tensor]:
        features = network.features(normalised(images))
        found = [exit_(features[place]) for place, exit_ in every]
        sure.append(np.stack([_sureness(logits) for logits in found]))
        return found

    counts = confusions(answers, data.test, data.classes)
    confidence = np.stack(sure, 2)
    ways, costs = _costs(data.classes, forms)
    names = [*(_name(place, form) for place in range(len(places)) for form in forms), LAST]
    made = [
        Candidate(name=name, point=place, giga=giga, counts=count, sure=rows)
        for name, (place, _), giga, count, rows in zip(names, every, costs, counts, confidence, strict=True)
    ]
    return Field(ways=ways, exits=tuple(made[:-1]), last=made[-1], measures=MEASURES)


def described(network: MultiExit, forms: Sequence[Form], classes: Sequence[ClassSpec]) -> Plan:
    """All exits, in the order of `surveyed`, as a deployment is written."""
    early = [
        ExitPlan(
            name=_name(place, form),
            block=block,
            reduction=form.reduction,
            blocks=form.blocks,
            widening=form.widening,
        )
        for place, block in enumerate(network.points[:-1])
        for form in forms
    ]
    last = ExitPlan(name=LAST, block=network.points[-1])
    return Plan(
        name="all exits",
        layers=LAYERS,
        stem=STEM,
        classes=tuple(classes),
        exits=(*early, last),
        long_side=WIDTH,
    )


def all_weights(network: MultiExit, places: Sequence[nn.ModuleList]) -> dict[str, Tensor]:
    """The weights of all that `described` says, by its names: the last exit is a plain head (`MessExit`)."""
    exits = nn.ModuleList([exit_ for exits in places for exit_ in exits])
    parts = {"backbone": network.backbone, "exits": exits, f"exits.{len(exits)}.head": network.exits[-1]}
    return {
        f"{part}.{name}": value
        for part, module in parts.items()
        for name, value in module.state_dict().items()
    }


def _name(place: int, form: Form) -> str:
    return f"{place + 1} {form}"


def _costs(classes: int, forms: Sequence[Form]) -> tuple[tuple[float, ...], list[float]]:
    """10^9 operations to each place, and of every exit in the order of `surveyed`."""
    with torch.device("meta"):
        shapes = small_network(classes).eval()
        maps = [tuple(each.shape[1:]) for each in shapes.features(torch.empty((1, *SHAPE)))]
        heads = [head for place in range(len(maps) - 1) for head in _exits(shapes, place, classes, forms)]
        ways = way_costs(shapes.backbone, SHAPE)
        costs = [head_cost(head, maps[index // len(forms)]) for index, head in enumerate(heads)]
        costs.append(head_cost(shapes.exits[-1], maps[-1]))
    return tuple(ways[point - 1] for point in shapes.points), costs


def _exits(network: MultiExit, place: int, classes: int, forms: Sequence[Form]) -> nn.ModuleList:
    channels = network.backbone.channels[network.points[place] - 1]
    made = nn.ModuleList(
        MessExit(channels, classes, reduction=form.reduction, blocks=form.blocks, widening=form.widening)
        for form in forms
    )
    made.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return made


def _sureness(logits: Tensor) -> NDArray[np.float64]:
    """Every measure of one image's answer (1, C, h, w), in the order of `MEASURES`."""
    confidence, labels = logits.softmax(1).max(1)
    return np.array([image_confidence(measure, confidence, labels).item() for measure in MEASURES])
