"""A deployment: a multi-exit network's folder, with the exits that were chosen for it and when images leave there.

`deployment.json` says what to build and how good it is, `model.safetensors` has the weights. A folder of all
exits that were trained (an overprovisioned network, MESS) has the same form.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.model_zoo.anytime import ClassSpec, ExitSpec, ModelSpec, Task
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.image_confidence import Rule
from interim.model_zoo.networks.dilated import EXPANSION, Backbone, MessExit, resnet_dilated
from interim.model_zoo.networks.multi_exit import MultiExit
from interim.model_zoo.networks.staged import StagedExits
from interim.model_zoo.tensor_file import read_tensors, write_tensors
from interim.model_zoo.whole_file import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

PLAN, WEIGHTS = "deployment.json", "model.safetensors"
STEM_STRIDE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitPlan:
    """One exit: after how many blocks, its form (`MessExit`), and what was measured of it."""

    name: str
    block: int
    reduction: int = 1
    blocks: int = 0
    widening: bool = False
    quality: float | None = None
    miou: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a deployment is made of.

    `layers`, `stem`: the backbone (`resnet_dilated`). `exits`: in order of their blocks. `rules`: when images
    leave at each exit before the last, or none. `long_side`: the longest side served, in pixels.
    """

    name: str
    layers: tuple[tuple[int, int, int, int], ...]
    stem: int
    classes: tuple[ClassSpec, ...]
    exits: tuple[ExitPlan, ...]
    rules: tuple[Rule, ...] = ()
    long_side: int = 1024

    def only(self, chosen: Sequence[ExitPlan], rules: Sequence[Rule], *, name: str) -> Plan:
        """The same backbone with some of the exits, in order."""
        return replace(self, name=name, exits=tuple(chosen), rules=tuple(rules))

    def exit(self, index: int) -> MessExit:
        """One exit, with random weights."""
        each = self.exits[index]
        channels = [planes * EXPANSION for planes, count, *_ in self.layers for _ in range(count)][
            each.block - 1
        ]
        return MessExit(
            channels,
            len(self.classes),
            reduction=each.reduction,
            blocks=each.blocks,
            widening=each.widening,
        )

    def network(self) -> MultiExit:
        """Backbone and exits with random weights; it ends at the last exit."""
        points = [each.block for each in self.exits]
        whole = resnet_dilated(self.layers, stem=self.stem)
        last = points[-1]
        backbone = Backbone(whole.stem, list(whole.blocks)[:last], whole.channels[:last])
        return MultiExit(backbone, points, [self.exit(index) for index in range(len(points))])

    def strides(self) -> list[int]:
        """How many times smaller than the image each exit's maps are."""
        of_layers = accumulate((layer[2] for layer in self.layers), mul, initial=STEM_STRIDE)
        found = [
            stride
            for layer, stride in zip(self.layers, list(of_layers)[1:], strict=True)
            for _ in range(layer[1])
        ]
        return [found[each.block - 1] for each in self.exits]

    def spec(self) -> ModelSpec:
        """What a server is told."""
        return ModelSpec(
            name=self.name,
            task=Task.SEGMENTATION,
            classes=self.classes,
            exits=tuple(ExitSpec(each.name, each.quality, each.miou) for each in self.exits),
            stride=min(self.strides()),
            long_side=self.long_side,
        )


def is_deployment(path: str | Path) -> bool:
    """Whether a path is such a folder."""
    return (Path(path) / PLAN).is_file()


def write(folder: Path, plan: Plan, weights: Mapping[str, Tensor]) -> None:
    """Write a deployment; each file is replaced as a whole, the plan last.

    Raises:
        CheckpointError: the weights cannot be written, for instance because the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: each.detach().clone().contiguous() for name, each in weights.items()}
    write_tensors(folder / WEIGHTS, kept)
    text = json.dumps(dataclasses.asdict(plan), indent=1, ensure_ascii=False)
    with replaced(folder / PLAN) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> tuple[Plan, dict[str, Tensor]]:
    """What `write` wrote.

    Raises:
        CheckpointError: the folder has no deployment, or one that cannot be read.
    """
    try:
        entries = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return _plan(entries), read_tensors(folder / WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"The deployment in {folder} cannot be read: {error}") from error


def load(folder: str | Path) -> StagedExits:
    """A deployment's model, ready to run.

    Raises:
        CheckpointError: there is none, or its weights do not fit its plan.
    """
    plan, weights = read(Path(folder))
    network = plan.network()
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"The weights in {folder} do not fit its {PLAN}: {error}") from error
    return (
        StagedExits(plan.spec(), network, plan.strides(), plan.rules)
        .requires_grad_(requires_grad=False)
        .eval()
    )


def weights_of(chosen: Plan, whole: Plan, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of the weights of `whole`, those that a plan with some of its exits needs, under its own names."""
    names = [each.name for each in whole.exits]
    index_of = {str(names.index(each.name)): str(index) for index, each in enumerate(chosen.exits)}
    blocks = chosen.exits[-1].block
    kept = {}
    for name, value in weights.items():
        part, inner, *rest = name.split(".")
        if part == "exits":
            if inner in index_of:
                kept[".".join((part, index_of[inner], *rest))] = value
        elif inner != "blocks" or int(rest[0]) < blocks:
            kept[name] = value
    return kept


def _plan(entries: dict[str, Any]) -> Plan:
    return Plan(
        name=str(entries["name"]),
        layers=tuple(tuple(layer) for layer in entries["layers"]),
        stem=entries["stem"],
        classes=tuple(ClassSpec(each["name"], tuple(each["color"])) for each in entries["classes"]),
        exits=tuple(ExitPlan(**each) for each in entries["exits"]),
        rules=tuple(Rule(**each) for each in entries["rules"]),
        long_side=entries["long_side"],
    )
