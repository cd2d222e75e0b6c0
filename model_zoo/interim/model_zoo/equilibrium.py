"""MDEQs by name or checkpoint, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.anytime import ClassSpec, ExitSpec, ModelSpec, Task
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import CARD, fit, read, spec_of
from interim.model_zoo.counting import GIGA, ExitCost, Profile
from interim.model_zoo.layer_counting import layer_costs
from interim.model_zoo.networks.mdeq.network import AnytimeMdeq

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ITERATIONS = 10
CLASSES = tuple(ClassSpec(f"class {index}", (13 * index, 255 - 13 * index, 128)) for index in range(19))


@dataclass(frozen=True, slots=True)
class Width:
    """Channels of the finest maps, and how many times wider the blocks are inside."""

    channels: int
    expansion: int


WIDTHS: Mapping[str, Width] = MappingProxyType(
    {"mdeq-tiny": Width(8, 3), "mdeq-small": Width(32, 5), "mdeq-xl": Width(88, 6)}
)
"""`small` and `xl` are ADP-C's (Wang et al. 2022, table 3): its operations come out with these expansions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """2^30 multiply-accumulates of the parts of an MDEQ: once an image, once an iteration, once an answer."""

    stem: float
    cell: float
    head: float


def build(name: str, classes: Sequence[ClassSpec] = CLASSES, *, iterations: int = ITERATIONS) -> AnytimeMdeq:
    """One of `WIDTHS` with random weights, and an exit after each iteration."""
    exits = tuple(ExitSpec(f"iteration {index}") for index in range(1, iterations + 1))
    width = WIDTHS[name]
    return AnytimeMdeq(
        ModelSpec(name, Task.SEGMENTATION, tuple(classes), exits), width.channels, width.expansion
    )


def is_equilibrium(name: str) -> bool:
    """Whether this names an MDEQ, or is the folder of a checkpoint of one."""
    if name in WIDTHS:
        return True
    try:
        card = Card.from_json((Path(name) / CARD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return card.network in WIDTHS


def load(name: str) -> AnytimeMdeq:
    """One by its name, with random weights, or a checkpoint's, ready to run.

    Raises:
        CheckpointError: the checkpoint cannot be read or does not fit.
    """
    if name in WIDTHS:
        return build(name).eval()
    found = read(name)
    scores = found.card.dense
    iterations = len(scores.miou) if scores else ITERATIONS
    network = build(found.card.network, found.card.classes, iterations=iterations)
    fit(network, found.weights, name)
    network.spec = spec_of(network.spec, found.card, adaptive=False)
    return network.requires_grad_(requires_grad=False).eval()


def work(name: str, size: tuple[int, int]) -> Work:
    """What the parts of one of `WIDTHS` take for an image of this height and width and 19 classes."""
    with torch.device("meta"):
        network = build(name, iterations=1)
    height, width = size
    stem = layer_costs(network.stem, (3, height, width)).macs
    channels = sum(network.cell.channels)
    head = layer_costs(network.head, (channels, height // 4, width // 4)).macs
    whole = layer_costs(network, (3, height, width)).macs
    return Work(stem=stem / GIGA, cell=(whole - stem - head) / GIGA, head=head / GIGA)


def profile(name: str, size: tuple[int, int]) -> Profile:
    """As `counting.profile`: each exit's cost with every answer before it, all of which are decoded."""
    parts = work(name, size)
    with torch.device("meta"):
        network = build(name)
    exits = tuple(
        ExitCost(name=each.name, gmacs=parts.stem + index * (parts.cell + parts.head))
        for index, each in enumerate(network.spec.exits, 1)
    )
    parameters = sum(each.numel() for each in network.parameters())
    return Profile(model=name, size=size, parameters=parameters, exits=exits)
