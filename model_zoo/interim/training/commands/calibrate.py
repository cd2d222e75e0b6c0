"""`interim-zoo calibrate CHECKPOINT`: temperatures, threshold and gains, measured on a split of its own."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from interim.model_zoo.anytime import Task
from interim.model_zoo.checkpoint import load, read, write
from interim.training.arguments import numbers, points
from interim.training.calibrating import calibrate, entries, reliability_plot, threshold_plot
from interim.training.card_page import card_page
from interim.training.measuring import data_of
from interim.training.output import add_json, plain, table, write_json
from interim.training.thresholds import HEATS, THRESHOLDS

if TYPE_CHECKING:
    from interim.training.calibrating import Calibrated


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a shipped model, or a checkpoint's folder")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, required=True, help="the data folder to calibrate on"
    )
    parser.add_argument(
        "--split", metavar="NAME", default="val", help="images the model was not trained on (default: val)"
    )
    parser.add_argument(
        "--temperatures", type=_temperatures, default=(), metavar="T,T,…",
        help="what divides each exit's logits (default: what fits best)",
    )  # fmt: skip
    parser.add_argument(
        "--thresholds", type=_thresholds, metavar="T,T,…",
        help=f"what to choose from (default: {_listed(THRESHOLDS)}; of a pose model {_listed(HEATS)})",
    )  # fmt: skip
    parser.add_argument(
        "--within", type=points, default=0.3, metavar="POINTS",
        help="points of the last exit's mIoU or PCK that skipping confident pixels may cost (default: 0.3)",
    )  # fmt: skip
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        required=True,
        help="the folder for weights, card, plots (may be the model's own)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Calibrate, then write the checkpoint with its new card, the plots and all that was measured."""
    model = load(arguments.model)
    usual = HEATS if model.spec.task is Task.POSE else THRESHOLDS
    found = calibrate(
        arguments.model, data_of(model, arguments.data, arguments.split), arguments.split,
        thresholds=arguments.thresholds or usual, within=arguments.within / 100,
        temperatures=arguments.temperatures,
    )  # fmt: skip
    out: Path = arguments.out
    write(out, read(arguments.model).weights, found.card)
    (out / "card.md").write_text(card_page(found.card), encoding="utf-8")
    (out / "calibration.json").write_text(
        json.dumps(plain(entries(found)), indent=1) + "\n", encoding="utf-8"
    )
    if found.after.bins:
        (out / "reliability.svg").write_text(reliability_plot(found).svg(), encoding="utf-8")
    if found.points:
        (out / "threshold.svg").write_text(threshold_plot(found).svg(), encoding="utf-8")
    if arguments.json:
        write_json(arguments.json, entries(found))
    if arguments.json != "-":
        print(_page(found))
        print(f"\nWrote {out}: weights, card, calibration.json, plots.")
    return 0


def _page(found: Calibrated) -> str:
    exits = [f"exit {index}" for index in range(1, len(found.card.temperatures) + 1)]
    metric = found.dense.measured.metric
    rows = [["temperature", *(f"{value:.3f}" for value in found.card.temperatures)]]
    if found.after.bins:
        rows += [
            ["calibration error % before", *(f"{100 * value:.2f}" for value in found.before.measured.ece)],
            ["calibration error % after", *(f"{100 * value:.2f}" for value in found.after.measured.ece)],
        ]
    rows.append([f"{metric} %, all computed", *(f"{100 * value:.2f}" for value in found.dense.measured.miou)])
    for point in found.points:
        chosen = " (chosen)" if point.threshold == found.card.threshold else ""
        rows.append(
            [
                f"{metric} % at {point.threshold:g}{chosen}",
                *(f"{100 * v:.2f}" for v in point.found.measured.miou),
            ]
        )
        rows.append(["  active share %", *(f"{100 * v:.1f}" for v in point.found.measured.active_share)])
    lines = [
        f"exit {gain.exit} to {gain.exit + 1} adds {100 * gain.intercept:.1f} {100 * gain.slope:+.1f} x active "
        f"share points to an image (correlation {gain.correlation:.2f})"
        for gain in found.card.gains
    ]
    title = f"{found.card.name} on {found.dense.measured.images} images of {found.dense.measured.split}"
    return "\n".join([title, table(["", *exits], rows), *lines])


def _listed(thresholds: tuple[float, ...]) -> str:
    return ",".join(map(str, thresholds))


def _temperatures(text: str) -> tuple[float, ...]:
    values = numbers(text, "write numbers above 0, one for each exit, say 0.5,1,1,1")
    if not all(0 < value < math.inf for value in values):
        raise argparse.ArgumentTypeError(f"{text!r}: temperatures are above 0")
    return values


def _thresholds(text: str) -> tuple[float, ...]:
    values = numbers(text, "write numbers from 0 to 1, say 0.9,0.95")
    if not all(0 <= value <= 1 for value in values):
        raise argparse.ArgumentTypeError(f"{text!r}: confidence thresholds lie in 0 to 1")
    return values
