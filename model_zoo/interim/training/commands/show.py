"""`interim-zoo show MODEL IMAGE…`: every exit's classes or joints, confidence and computed positions on one sheet."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from interim.model_zoo.anytime import Task
from interim.model_zoo.checkpoint import load
from interim.training.arguments import add_mask_rule, output_file, share
from interim.training.data.folder import open_folder
from interim.training.data.pixels import read_pixels
from interim.training.data.sample import VOID, Sample
from interim.training.output import many
from interim.training.pose_showing import annotated_figure, pose_panels, whole_figure
from interim.training.sheet import sheet
from interim.training.showing import panels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.sheet import Panel


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a shipped model, or a checkpoint's folder")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="files; with --data: names in it")
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        help="a data folder, whose labels or people are drawn and scored against",
    )
    parser.add_argument(
        "--threshold",
        metavar="T",
        type=share,
        help="confidence above which nothing is refined (default: the model's)",
    )
    add_mask_rule(parser)
    parser.add_argument(
        "--masking",
        choices=("on", "off"),
        default="on",
        help="skip confident pixels, or compute all (default: on)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=_picture,
        default=Path("exits.png"),
        help="the picture to write (default: exits.png)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the model on each image and write the sheet."""
    model = load(arguments.model, masking=arguments.masking == "on", mask_rule=arguments.mask_rule)
    if arguments.threshold is not None:
        model.spec = dataclasses.replace(model.spec, threshold=arguments.threshold)
    drawn = _poses(model, arguments) if model.spec.task is Task.POSE else _masks(model, arguments)
    images = tqdm(drawn, "images", total=len(arguments.images), disable=None, leave=False)
    rows = [row for image in images for row in image]
    rule = model.spec.mask_rule or f"threshold {model.spec.threshold:g}"
    on = f"adaptivity on, {rule}" if model.masking else "adaptivity off"
    sheet(f"{model.spec.name}: {on}", rows, model.spec.classes).save(arguments.out)
    print(
        f"Wrote {arguments.out}: {many(len(arguments.images), 'image')}, {many(len(model.spec.exits), 'exit')}."
    )
    return 0


def _masks(model: AnytimeHrnet, arguments: argparse.Namespace) -> Iterator[list[list[Panel]]]:
    yield from (panels(model, sample) for sample in _samples(arguments))


def _poses(model: AnytimeHrnet, arguments: argparse.Namespace) -> Iterator[list[list[Panel]]]:
    for name in arguments.images:
        if arguments.data is None:
            figure = whole_figure(Path(name), model.spec)
        else:
            figure = annotated_figure(arguments.data, name, model.spec)
        yield pose_panels(model, figure)


def _picture(text: str) -> Path:
    """A file to write, of a kind that pictures are written in."""
    path = Path(output_file(text))
    if path.suffix.lower() not in Image.registered_extensions():
        raise argparse.ArgumentTypeError(f"{text!r} has no ending that pictures have: name a .png or .jpg")
    return path


def _samples(arguments: argparse.Namespace) -> Iterator[Sample]:
    """The images, with their labels where there are any."""
    if arguments.data is not None:
        folder = open_folder(arguments.data)
        yield from (folder.read(name) for name in arguments.images)
        return
    for name in arguments.images:
        image = read_pixels(Path(name))
        yield Sample(name=Path(name).name, image=image, labels=np.full(image.shape[:2], VOID, np.uint8))
