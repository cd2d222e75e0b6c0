"""`interim-zoo train CONFIG`: train a recipe, or go on with it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from interim.training.material import open_data
from interim.training.recipe import read_recipe
from interim.training.training import train

if TYPE_CHECKING:
    import argparse


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("config", metavar="RECIPE", type=Path, help="the recipe, a TOML file")
    parser.add_argument("--data", metavar="DIR", type=Path, help="the data folder (default: the recipe's)")
    parser.add_argument(
        "--init", metavar="MODEL", help="the checkpoint a new run starts from (default: random weights)"
    )
    parser.add_argument(
        "--run", metavar="DIR", type=Path, help="where state, log and weights go (default: runs/NAME)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train until done, interrupted or terminated; the same command goes on where it left off."""
    recipe = read_recipe(arguments.config)
    folder = arguments.run or Path("runs") / recipe.name
    stop = threading.Event()

    def catch() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())

    data = open_data(recipe, arguments.data or Path(recipe.data))
    finished = train(recipe, data, folder, stop=stop, init=arguments.init, begins=catch)
    latest = folder / "latest"
    where = f"weights in {latest}" if latest.is_dir() else "no weights before the end of the first epoch"
    print(f"{'Finished' if finished else 'Stopped; the same command goes on'}: {where}.")
    return 0
