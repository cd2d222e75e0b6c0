"""`interim-zoo evaluate NAME|FOLDER`: how good every exit is on labelled images."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.model_zoo.card import PCK
from interim.model_zoo.checkpoint import load
from interim.training.arguments import add_mask_rule
from interim.training.measuring import measure
from interim.training.output import add_json, table, write_json

if TYPE_CHECKING:
    import argparse

    from interim.model_zoo.card import Measured
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.evaluation import Evaluation


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "model", metavar="MODEL", help="a shipped model (interim-zoo list), or a checkpoint's folder"
    )
    parser.add_argument(
        "--data", metavar="DIR", type=Path, required=True, help="the data folder (docs/training.md)"
    )
    parser.add_argument("--split", metavar="NAME", default="val", help="which list of images (default: val)")
    parser.add_argument(
        "--masking",
        choices=("on", "off"),
        default="on",
        help="skip confident pixels, or compute all (default: on)",
    )
    add_mask_rule(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print a table, or JSON."""
    model = load(arguments.model, masking=arguments.masking == "on", mask_rule=arguments.mask_rule)
    found = measure(model, arguments.data, arguments.split)
    if arguments.json:
        write_json(arguments.json, _entries(model, found))
    if arguments.json != "-":
        print(_page(model, found))
    return 0


def _entries(model: AnytimeHrnet, found: Evaluation) -> dict[str, Any]:
    names = [each.name for each in model.spec.classes]
    return {
        "model": model.spec.name,
        **dataclasses.asdict(found.measured),
        "masking": model.masking,
        "threshold": model.spec.threshold,
        "mask_rule": model.spec.mask_rule,
        ("joint_pck" if found.measured.metric == PCK else "class_iou"): dict(
            zip(names, found.classes.T.tolist(), strict=True)
        ),
    }


def _masking(model: AnytimeHrnet, measured: Measured) -> str:
    side = "below" if measured.metric == PCK else "above"
    rule = f"by {model.spec.mask_rule}" if model.spec.mask_rule else f"{side} {model.spec.threshold}"
    return f"masking on {rule}" if model.masking else "masking off"


def _page(model: AnytimeHrnet, found: Evaluation) -> str:
    measured = found.measured
    exits = [each.name for each in model.spec.exits]
    rows = [
        [f"{measured.metric} %", *(f"{100 * value:.2f}" for value in measured.miou)],
        ["mean per image %", *(f"{100 * value:.2f}" for value in measured.quality)],
        *(
            [["calibration error %", *(f"{100 * value:.2f}" for value in measured.ece)]]
            if measured.ece
            else []
        ),
        ["active share %", *(f"{100 * value:.1f}" for value in measured.active_share)],
        ["GMAC to here", *(f"{value:.2f}" for value in measured.gmacs)],
    ]
    for each, scores in zip(model.spec.classes, found.classes.T, strict=True):
        rows.append([f"  {each.name}", *(f"{100 * value:.1f}" for value in scores)])
    return (
        f"{model.spec.name} on {measured.images} images of {measured.split}, {_masking(model, measured)}\n"
        + table(["", *exits], rows)
    )
