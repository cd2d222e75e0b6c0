"""EANN's bound on what an order of networks costs, beside what it costs on real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from interim.model_zoo.counting import profile
from interim.model_zoo.networks.resann import ResAnn
from interim.model_zoo.registry import build
from interim.training.deployment.sequence import Member, base_of, bound, ideal_inflation
from interim.training.experiments.schemes import exit_macs
from interim.training.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

WIDTHS = ("w18s", "w18", "w48")
SIZE = (512, 1024)


def bound_table(_records: Path) -> str:
    """Least growth, and the most and the mean inflation: by the proposition and on the real places of exits."""
    sequences = {
        "the paper's: ResANN n = 7, 13, 25, 32 channels": _resanns((7, 13, 25), 32),
        "ours: ResANN n = 1, 2, 4, 8 channels": _resanns((1, 2, 4), 8),
        "ours: HRNet W18-small-v2, W18, W48, four exits each": _hrnets(),
    }
    head = ["sequence", "grows by at least", "bound: most", "real: most", "bound: mean", "real: mean"]
    return markdown(head, [[name, *_figures(members)] for name, members in sequences.items()])


def _figures(members: Sequence[Member]) -> list[str]:
    base = base_of(members)
    limit, real = bound(base), ideal_inflation(members)
    return [f"{value:.2f}" for value in (base, limit.most, real.most, limit.mean, real.mean)]


def _resanns(units: Sequence[int], channels: int) -> list[Member]:
    with torch.device("meta"):
        networks = [ResAnn(each, channels, 100) for each in units]
    return [_member(exit_macs(network)) for network in networks]


def _hrnets() -> list[Member]:
    with torch.device("meta"):
        networks = [build(f"hrnet-{width}-ee") for width in WIDTHS]
    return [_member([exit_.gmacs for exit_ in profile(network, SIZE).exits]) for network in networks]


def _member(costs: Sequence[float]) -> Member:
    return Member(costs=tuple(costs), errors=(1.0,) * len(costs))


TABLES: dict[str, Callable[[Path], str]] = {"eann-bound": bound_table}
