"""MESS's deployments: what a search finds for each use, chosen on one half of `dev` and measured on the other.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), tables 2 and 7 and figure 4.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from interim.model_zoo.deployment import write
from interim.training.deployment.field import FILE, Field, load_field
from interim.training.deployment.search import Chosen, Setting, best_under, cheapest, measured
from interim.training.distillation import LESSONS
from interim.training.experiments.mess import LENGTHS, prepared, read, taught_exits
from interim.training.experiments.mess_field import (
    PLAIN,
    all_weights,
    described,
    forms,
    overprovisioned,
    plain_exits,
    surveyed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import nn

    from interim.model_zoo.networks.multi_exit import MultiExit
    from interim.training.data.folder import LabelledFolder
    from interim.training.experiments.mess import Data
    from interim.training.experiments.mess_field import Form
    from interim.training.experiments.record import Results

SEED = 0
ASKED = 50 / 59.90
"""Table 7 asks for 50 % mIoU of an early exit where the last one has 59.90 %: this share of ours."""
NO_DROP = 0.001
"""Table 2's "error at most 0.1 %": points of mIoU that may be lost."""
CEILINGS = (0.6, 0.7, 0.8, 0.9)
"""Costs, as shares of the whole, at which figure 4's ways of judging an image are compared."""
JUDGES = ("edges", "plain", "mean")


def search_mess(folder: LabelledFolder, results: Results, work: Path) -> None:
    """Train exits of every form if `work` does not have them, and keep what searches find in `results`.

    Raises:
        DataError: the folder is not as it should be.
    """

    def exits(network: MultiExit, data: Data) -> list[nn.ModuleList]:
        return overprovisioned(network, forms(), data, work / "field.pt", seed=SEED)

    _search(folder, results, work, field="field", wanted=forms(), exits=exits)


def search_plain(folder: LabelledFolder, results: Results, work: Path) -> None:
    """The same with the five FCN heads that `experiment mess` taught by cross-entropy.

    Raises:
        DataError: the folder is not as it should be.
    """

    def exits(network: MultiExit, data: Data) -> list[nn.ModuleList]:
        length = LENGTHS[0]
        file = work / str(length) / f"{SEED}-lessons.pt"
        taught = taught_exits(network, LESSONS.values(), data, file, course=length.teaching, seed=SEED)
        return plain_exits(network, taught[list(LESSONS).index("ce")], data.classes)

    _search(folder, results, work, field="field-plain", wanted=(PLAIN,), exits=exits)


def _search(
    folder: LabelledFolder,
    results: Results,
    work: Path,
    *,
    field: str,
    wanted: Sequence[Form],
    exits: Callable[[MultiExit, Data], list[nn.ModuleList]],
) -> None:
    if results:
        return
    began = time.monotonic()
    place = work / field
    if not (place / FILE).is_file():
        data, length = read(folder), LENGTHS[0]
        network = prepared("exit-aware", data, work / str(length), course=length.preparing, seed=SEED)
        places = exits(network, data)
        write(place, described(network, wanted, folder.classes), all_weights(network, places))
        surveyed(network, wanted, places, data).save(place / FILE)
    trained = time.monotonic()
    for name, part in found_in(load_field(place / FILE)).items():
        results[name] = part
    results["seconds"] = {"training": trained - began, "search": time.monotonic() - trained}


def found_in(field: Field) -> dict[str, Any]:
    """Every deployment asked for, with its costs and scores on both halves."""
    images = np.arange(len(field.last.counts))
    here, there = field.on(images[::2]), field.on(images[1::2])
    asked, kept = ASKED * here.last.miou, here.last.miou - NO_DROP
    mixed, edges = Setting.INPUT_DEPENDENT, here.measured_by("edges")
    wanted = {
        "budgeted": cheapest(here, Setting.BUDGETED, least=asked),
        "anytime": cheapest(here, Setting.ANYTIME, least=asked),
        "input-dependent": cheapest(edges, mixed, least=asked),
        "no drop": cheapest(edges, mixed, least=kept),
        "no drop, two early": cheapest(edges, mixed, least=kept, early=2),
        "best": best_under(edges, mixed, most=field.whole),
    }
    parts: dict[str, Any] = {
        name: _told(chosen, there) for name, chosen in wanted.items() if chosen is not None
    }
    parts["final-only"] = {"giga": field.whole, "miou": here.last.miou, "miou_there": there.last.miou}
    parts["asked"] = asked
    parts["judges"] = {judge: _judged_by(judge, here, there) for judge in JUDGES}
    return parts


def _told(chosen: Chosen, there: Field) -> dict[str, Any]:
    """What a record keeps; `giga` and `miou` where it was chosen, the others on the other half."""
    other = measured(there, chosen)
    return {
        "exits": [each.name for each in chosen.exits],
        "rules": [[rule.measure, rule.least] for rule in chosen.rules],
        "heads": [each.giga for each in chosen.exits],
        "to_first": there.ways[chosen.exits[0].point] + chosen.exits[0].giga,
        "giga": chosen.giga,
        "miou": chosen.miou,
        "shares": chosen.shares,
        "giga_there": other.giga,
        "miou_there": other.miou,
    }


def _judged_by(judge: str, here: Field, there: Field) -> list[list[float] | None]:
    """The best mIoU at each ceiling by one way of judging: chosen here, then what it is and costs there."""
    found = [
        best_under(here.measured_by(judge), Setting.INPUT_DEPENDENT, most=share * here.whole)
        for share in CEILINGS
    ]
    others = [measured(there, each) if each else None for each in found]
    return [[each.miou, each.giga] if each else None for each in others]
