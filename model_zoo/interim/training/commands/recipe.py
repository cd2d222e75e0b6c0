"""`interim-zoo recipe DATA`: look through a folder of images and masks, and write a recipe that fits it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.model_zoo.checkpoint import read
from interim.training.data.folder import open_folder
from interim.training.data.survey import survey, warnings
from interim.training.output import add_json, table, write_json
from interim.training.recipe import RecipeError
from interim.training.tuning import tuning_recipe

if TYPE_CHECKING:
    import argparse

    from interim.training.data.folder import LabelledFolder
    from interim.training.data.survey import SplitSurvey


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "data", metavar="DIR", type=Path, help="the data folder: images/, masks/ and classes.txt, or others"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="the recipe to write (default: NAME.toml)")
    parser.add_argument("--name", metavar="NAME", help="the model's name (default: the folder's)")
    parser.add_argument(
        "--init",
        metavar="MODEL",
        default="default",
        help="the weights to start from: a shipped model or a folder (default: %(default)s)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check every file, print what there is, write the recipe."""
    start = read(arguments.init).card
    name = arguments.name or arguments.data.resolve().name
    out = arguments.out or Path(f"{name}.toml")
    if out.exists():
        raise RecipeError(f"{out} is there already: remove it, or name another file with --out.")
    folder = open_folder(arguments.data)
    train, val = survey(folder, "train"), survey(folder, "val")
    text = tuning_recipe(train, arguments.data, start, name=name, start=arguments.init, file=str(out))
    out.write_text(text, encoding="utf-8")
    said = warnings(folder, train, val)
    if arguments.json:
        write_json(arguments.json, _entries(folder, (train, val), said) | {"recipe": str(out)})
    if arguments.json != "-":
        print(_page(folder, (train, val)))
        print(f"\nWrote {out}. Next: interim-zoo train {out} --init {arguments.init}")
    for sentence in said:
        print(f"interim-zoo: {sentence}", file=sys.stderr)
    return 0


def _entries(folder: LabelledFolder, splits: tuple[SplitSurvey, ...], said: list[str]) -> dict[str, Any]:
    names = [*(each.name for each in folder.classes), "not labelled"]
    found = {
        each.split: {
            "images": each.count,
            "size": each.size,
            "pixels": dict(zip(names, each.pixels.tolist(), strict=True)),
        }
        for each in splits
    }
    return {"data": str(folder.root), "splits": found, "warnings": said}


def _page(folder: LabelledFolder, splits: tuple[SplitSurvey, ...]) -> str:
    head = [str(folder.root)]
    head += [f"{each.split}: {each.count} images, {each.size[1]}x{each.size[0]}" for each in splits]
    names = [*(each.name for each in folder.classes), "not labelled"]
    rows = [[name, *(_cell(each, place) for each in splits)] for place, name in enumerate(names)]
    return table(head, rows)


def _cell(each: SplitSurvey, place: int) -> str:
    share = 100 * each.pixels[place] / max(1, each.pixels.sum())
    return f"{share:.1f} % of pixels, in {each.images[place]}"
