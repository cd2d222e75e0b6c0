"""EANN: ResANNs of doubling depth in a row, against one network, other members and networks for one exit alone.

Hu et al., "Learning Anytime Predictions in Neural Networks via Adaptive Loss Balancing" (AAAI 2019), sections 4
and 5.3, on squares of street scenes (patches.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from interim.model_zoo.networks.resann import BLOCKS
from interim.training.deployment.sequence import (
    Inflation,
    Member,
    answers,
    base_of,
    bound,
    ideal_inflation,
    measured_inflation,
    useful,
)
from interim.training.experiments.patches import Patches, patches
from interim.training.experiments.schemes import (
    TEST_CAP,
    TRAIN_CAP,
    Contestant,
    errors,
    macs,
    trained,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from interim.training.data.folder import LabelledFolder
    from interim.training.experiments.record import Results

UNITS = (1, 2, 4)
"""n of the members: twice as deep each (the paper's have 7, 13 and 25, and 32 channels)."""
OPTIMA = (1, 2, 4)
STEPS = 300
SPLITS = ("train_core", "dev")
KINDS = {"adaloss": "adaloss", "const": "const", "plain": "opt"}
"""Members by what they are trained with; plain ones answer at their end alone."""


def contestants() -> tuple[Contestant, ...]:
    """Members with AdaLoss and with CONST, and networks trained for their last exit alone."""
    made = [
        Contestant(name=f"{scheme} {units}", units=units, depth=BLOCKS * units, scheme=scheme)
        for scheme in ("adaloss", "const")
        for units in UNITS
    ]
    alone = [
        Contestant(name=f"opt {units}", units=units, depth=BLOCKS * units, scheme="opt") for units in OPTIMA
    ]
    return (*made, *alone)


def compare_eann(folder: LabelledFolder, results: Results, *, seed: int = 0) -> None:
    """Train what `results` lacks; keep every exit's error on both halves of `dev`'s squares.

    Raises:
        DataError: the folder is not as it should be.
    """
    missing = [each for each in contestants() if each.name not in results]
    if not missing:
        return
    train = patches(folder, SPLITS[0], per_class=TRAIN_CAP, seed=seed)
    test = patches(folder, SPLITS[1], per_class=TEST_CAP, seed=seed + 1)
    for each in missing:
        began = time.monotonic()
        network = trained(each, train, len(folder.classes), seed=seed, steps=STEPS)
        results[each.name] = {
            "here": errors(network, _half(test, 0)),
            "there": errors(network, _half(test, 1)),
            "macs": macs(each, len(folder.classes)),
            "seconds": round(time.monotonic() - began, 1),
        }


def summed_up(parts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a table tells of each kind of sequence: useful exits chosen on one half, the rest from the other.

    "base", "bound", "ideal" and "measured" (`Inflation`), "useful" (cost and error of each), and the same of the
    largest member alone, under its name with "alone".
    """
    best = [(parts[f"opt {units}"]["macs"][-1], parts[f"opt {units}"]["there"][-1]) for units in OPTIMA]
    found = {}
    for kind, scheme in KINDS.items():
        rows = [parts[f"{scheme} {units}"] for units in UNITS]
        ends = slice(-1, None) if kind == "plain" else slice(None)
        found[kind] = _told(rows, ends, best)
        if kind != "plain":
            found[f"{kind} alone"] = _told(rows[-1:], ends, best)
    return found


def _told(rows: list[dict[str, Any]], ends: slice, best: list[tuple[float, float]]) -> dict[str, Any]:
    here, there = (
        [Member(costs=tuple(row["macs"][ends]), errors=tuple(row[half][ends])) for row in rows]
        for half in ("here", "there")
    )
    chosen = {(answer.member, answer.exit_) for answer in useful(answers(here))}
    standing = [answer for answer in answers(there) if (answer.member, answer.exit_) in chosen]
    base = base_of(there) if len(there) > 1 else None
    limits: Inflation | None = bound(base) if base else None
    return {
        "base": base,
        "bound": limits,
        "ideal": ideal_inflation(there),
        "measured": measured_inflation(standing, best),
        "useful": [(answer.cost, answer.error) for answer in standing],
    }


def _half(data: Patches, first: int) -> Patches:
    return Patches(images=data.images[first::2], labels=data.labels[first::2])
