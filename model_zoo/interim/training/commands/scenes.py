"""`interim-zoo scenes`: draw procedural street scenes with their labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from tqdm import tqdm

from interim.training.commands.profile import parse_size
from interim.training.output import many
from interim.training.scenes.labels import CLASSES
from interim.training.scenes.scene import draw

if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="the data folder to write")
    parser.add_argument("--count", metavar="N", type=int, default=10, help="how many scenes (default: 10)")
    parser.add_argument(
        "--size", type=parse_size, default=(360, 480), metavar="HxW", help="size of each (default: 360x480)"
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=int,
        default=0,
        help="seed of the first; the others count on from it (default: %(default)s)",
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="the list to write (default: none, so that a fifth is held out as val)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write images/, labels/, classes.json and, where it is asked for, the split's list."""
    if arguments.count < 1 or arguments.seed < 0:
        raise ValueError(f"{arguments.count} scenes from seed {arguments.seed}: give at least 1 and 0.")
    for part in ("images", "labels"):
        (arguments.out / part).mkdir(parents=True, exist_ok=True)
    names = [f"scene_{arguments.seed + index:06}" for index in range(arguments.count)]
    for index, name in enumerate(tqdm(names, "scenes", disable=None)):
        _write(arguments.out, name, arguments.seed + index, arguments.size)
    write_classes(arguments.out)
    listed = ""
    if arguments.split:
        listed = f", listed in {arguments.split}.txt"
        (arguments.out / f"{arguments.split}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    print(f"{many(len(names), 'scene')} in {arguments.out}{listed}.")
    return 0


def write_classes(folder: Path) -> None:
    """Write the scenes' classes.json."""
    entries = [{"id": index, "name": each.name, "color": each.color} for index, each in enumerate(CLASSES)]
    text = json.dumps({"classes": entries, "void": 255}, indent=1)
    (folder / "classes.json").write_text(text + "\n", encoding="utf-8")


def _write(folder: Path, name: str, seed: int, size: tuple[int, int]) -> None:
    image, labels = draw(seed, *size)
    Image.fromarray(image).save(folder / "images" / f"{name}.jpg", quality=92)
    ids = Image.fromarray(labels)
    ids.putpalette([level for each in CLASSES for level in each.color])
    ids.save(folder / "labels" / f"{name}.png")
