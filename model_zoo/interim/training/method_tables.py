"""The tables of docs/methods.md: what papers print beside what is counted or was measured here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from interim.model_zoo.counting import profile
from interim.model_zoo.equilibrium import work
from interim.model_zoo.layer_counting import layer_costs
from interim.model_zoo.networks.dilated import (
    Backbone,
    DeepLabHead,
    FcnHead,
    MessExit,
    mobilenet_v2_dilated,
    resnet50_dilated,
)
from interim.model_zoo.registry import build
from interim.training import eann_tables, head_tables, mask_tables, mess_tables
from interim.training.experiments.schemes import QUARTERS, SCHEMES, contestants, exit_at, relative
from interim.training.record_file import parts_of
from interim.training.tables import MISSING, markdown

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IMAGE, MIDDLE = (3, 512, 512), (1024, 64, 64)
COCO = 21
PAPER = {
    "const": (15.07, 16.40, 18.76, 18.90),
    "linear": (25.67, 13.02, 12.97, 12.65),
    "adaloss": (32.99, 9.97, 3.96, 2.73),
}
"""Relative error increase over OPT in %, at each quarter of the cost (Hu et al. 2019, table 1)."""
CROP = (256, 256)
MDEQ_SMALL = {1: 227.2, 4: 521.6, 10: 1110.5, 26: 2680.7}
MDEQ_XL = {1: 1983.0, 4: 4617.9, 10: 9887.8, 26: 23940.8}
"""GFLOPs at 1024x2048 by iteration (Wang et al. 2022, table 3)."""


@dataclass(frozen=True, slots=True)
class Count:
    """One network's cost: what the paper prints, and what is counted here, in its own unit."""

    name: str
    printed: float
    counted: float


def mess_counts() -> list[Count]:
    """MESS, tables 2 and 7: GFLOPs at 512x512 with 21 classes."""
    with torch.device("meta"):
        resnet, mobile = resnet50_dilated(), mobilenet_v2_dilated()
        whole = {
            ("DRN-50, FCN head", 138.63): nn.Sequential(resnet, FcnHead(2048, COCO)),
            ("DeepLabV3 on ResNet-50", 163.86): nn.Sequential(resnet, DeepLabHead(2048, COCO)),
            ("MobileNetV2 at 1/8, FCN head on 320 channels", 8.78): nn.Sequential(mobile, FcnHead(320, COCO)),
            ("DRN-50 to block 9 of 16", 28.34 - 8.01): _cut(resnet, 9),
            ("DRN-50 to block 13 of 16", 39.32 - 0.69): _cut(resnet, 13),
        }
        exits = {
            ("budgeted exit: channels /2, 3 blocks, FCN", 8.01): MessExit(1024, COCO, reduction=2, blocks=3),
            ("input-dependent exit: /4, 3 blocks, FCN", 2.54): MessExit(1024, COCO, reduction=4, blocks=3),
            ("anytime exit: /8, no block, FCN", 0.69): MessExit(1024, COCO, reduction=8),
        }
    found = [Count(*key, layer_costs(network, IMAGE).giga) for key, network in whole.items()]
    return found + [Count(*key, layer_costs(network, MIDDLE).giga) for key, network in exits.items()]


def pose_counts() -> list[Count]:
    """ADP-C's pose networks, last exit and mean of all: 2^30 multiply-accumulates for a 256x256 crop."""
    found = []
    for variant, last, mean in (("", 9.49, None), ("-ee", 9.51, 4.73), ("-ee-rh", 9.55, 4.76)):
        name = f"hrnet-w32-pose{variant}"
        with torch.device("meta"):
            counted = [exit_.gmacs for exit_ in profile(build(name), CROP).exits]
        found.append(Count(f"`{name}`, last exit", last, counted[-1]))
        if mean is not None:
            found.append(Count(f"`{name}`, mean", mean, sum(counted) / len(counted)))
    return found


def mdeq_counts() -> list[Count]:
    """ADP-C, table 3: the cell twice an iteration, one iteration before the first; stem and head once."""
    found = []
    for name, row, printed in (
        ("mdeq-small", "Small", (98.14, MDEQ_SMALL)),
        ("mdeq-xl", "XL", (878.31, MDEQ_XL)),
    ):
        parts = work(name, (1024, 2048))
        iteration, rows = printed
        found.append(Count(f"MDEQ-{row}, an iteration more", iteration, 2 * parts.cell))
        for index, value in rows.items():
            counted = parts.stem + parts.head + 2 * (index + 1) * parts.cell
            found.append(Count(f"MDEQ-{row} at iteration {index}", value, counted))
    return found


def counts_table(counts: list[Count]) -> str:
    """Printed beside counted."""
    rows = [[each.name, f"{each.printed:.2f}", f"{each.counted:.2f}"] for each in counts]
    return markdown(["network", "paper", "counted"], rows)


def schemes_table(records: Path) -> str:
    """Each scheme's error at the quarters of the cost, and its increase over OPT beside the paper's."""
    parts = parts_of(records / "schemes.json")
    head = ["scheme", *(f"error % at {quarter}/4" for quarter in QUARTERS), "over OPT, %", "the paper's, %"]
    rows = [[each, *_errors(parts, each), _increase(parts, each), _printed(each)] for each in SCHEMES]
    best = [f"{100 * parts[name]['errors'][-1]:.1f}" if name in parts else MISSING for name in _opt()]
    rows.append(["OPT", *best, MISSING, MISSING])
    done = sum(each.name in parts for each in contestants())
    return f"{markdown(head, rows)}\n\n{done} of {len(contestants())} networks are trained so far."


TABLES: dict[str, Callable[[Path], str]] = {
    "mess-counts": lambda _records: counts_table(mess_counts()),
    "pose-counts": lambda _records: counts_table(pose_counts()),
    "mdeq-counts": lambda _records: counts_table(mdeq_counts()),
    "schemes": schemes_table,
    **head_tables.TABLES,
    **mask_tables.TABLES,
    **mess_tables.TABLES,
    **eann_tables.TABLES,
}
"""Every table by the name that the page calls it, made from the folder of records."""


def _cut(backbone: Backbone, blocks: int) -> Backbone:
    return Backbone(backbone.stem, list(backbone.blocks)[:blocks], backbone.channels[:blocks])


def _opt() -> list[str]:
    return [f"opt {quarter}/4" for quarter in QUARTERS]


def _errors(parts: dict[str, Any], name: str) -> list[str]:
    if name not in parts:
        return [MISSING] * len(QUARTERS)
    found = parts[name]["errors"]
    return [f"{100 * found[exit_at(quarter, len(found)) - 1]:.1f}" for quarter in QUARTERS]


def _increase(parts: dict[str, Any], name: str) -> str:
    if name not in parts or not set(_opt()) <= parts.keys():
        return MISSING
    return " / ".join(f"{100 * value:.1f}" for value in relative(parts, name))


def _printed(name: str) -> str:
    return " / ".join(f"{value:.2f}" for value in PAPER[name]) if name in PAPER else MISSING
