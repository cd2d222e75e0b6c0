"""`interim-zoo profile NAME`: what a network costs, exit by exit, counted; for an image: as it is masked there."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from interim.model_zoo import equilibrium
from interim.model_zoo.checkpoint import load, shipped
from interim.model_zoo.counting import Profile, profile
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.mask_choice import MaskChoice
from interim.model_zoo.registry import build
from interim.training.arguments import add_mask_rule, count
from interim.training.data.pixels import read_pixels
from interim.training.data.sample import VOID, Sample, shrunk
from interim.training.evaluation import padded, run_exits
from interim.training.output import add_json, table, write_json

LONGEST_SIDE = 16384


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a network or a shipped model (interim-zoo list)")
    parser.add_argument(
        "--size", type=parse_size, default=(1024, 2048), metavar="HxW", help="image size (default: 1024x2048)"
    )
    parser.add_argument(
        "--classes", metavar="N", type=count, help="number of classes (default: 19; pose: 16 joints)"
    )
    parser.add_argument(
        "--image", metavar="FILE", type=Path, help="count what trained weights compute on it, masked"
    )
    add_mask_rule(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Count and print a table, or JSON."""
    rule: MaskChoice = arguments.mask_rule
    if arguments.image is not None:
        counted = _on_image(arguments.model, arguments.image, rule)
    elif rule != MaskChoice():
        raise BadInputError(f"what {rule.text} computes depends on the image: name one with --image")
    else:
        counted = _counted(arguments.model, arguments.size, arguments.classes)
    if arguments.json:
        write_json(arguments.json, dataclasses.asdict(counted))
    if arguments.json != "-":
        print(
            f"{counted.model}, {counted.parameters:,} parameters, one image {'x'.join(map(str, counted.size))}"
        )
        print(table(["exit", "GMAC"], [[exit_.name, f"{exit_.gmacs:.2f}"] for exit_ in counted.exits]))
    return 0


def _on_image(name: str, path: Path, rule: MaskChoice) -> Profile:
    """What a trained network computes on one image, as it is served: scaled down where it is too large, padded."""
    model = load(name, mask_rule=rule)
    pixels = read_pixels(path)
    whole = Sample(name=path.name, image=pixels, labels=np.full(pixels.shape[:2], VOID, np.uint8))
    images = padded(shrunk(whole, model.spec.long_side).image, model.spec.multiple)
    active = [each.active for each in run_exits(model, images)[:-1]]
    return profile(model, (images.shape[2], images.shape[3]), active if model.masking else None)


def _counted(name: str, size: tuple[int, int], classes: int | None) -> Profile:
    if name in equilibrium.WIDTHS:
        return equilibrium.profile(name, size)
    return profile(load(name) if name in shipped() else build(name, classes), size)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from `HxW`.

    Raises:
        argparse.ArgumentTypeError: it is no such text.
    """
    try:
        height, width = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write HEIGHTxWIDTH, say 512x1024") from None
    if height < 1 or width < 1:
        raise argparse.ArgumentTypeError(f"{text!r} has no pixels: both sides must be at least 1")
    if max(height, width) > LONGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is too large: sides are at most {LONGEST_SIDE} pixels")
    return height, width
