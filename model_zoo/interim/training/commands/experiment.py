"""`interim-zoo experiment NAME`: hold a paper's training method against its claim, and keep what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interim.training.data.folder import open_folder
from interim.training.experiments.eann import compare_eann
from interim.training.experiments.heads import compare_heads
from interim.training.experiments.masks import compare_masks
from interim.training.experiments.mdeq import train_mdeq
from interim.training.experiments.mess import compare_mess
from interim.training.experiments.mess_search import search_mess, search_plain
from interim.training.experiments.record import Results
from interim.training.experiments.schemes import compare_schemes
from interim.training.training import commit, hardware

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from interim.training.data.folder import LabelledFolder

EXPERIMENTS: dict[str, Callable[[LabelledFolder, Results, Path], None]] = {
    "schemes": lambda folder, results, _work: compare_schemes(folder, results),
    "eann": lambda folder, results, _work: compare_eann(folder, results),
    "heads": lambda folder, results, work: compare_heads(folder, results, work / "heads"),
    "masks": lambda folder, results, _work: compare_masks(folder, results),
    "mdeq": lambda folder, results, work: train_mdeq(folder, results, work / "mdeq"),
    "mess": lambda folder, results, work: compare_mess(folder, results, work / "mess"),
    "mess-plain-search": lambda folder, results, work: search_plain(folder, results, work / "mess"),
    "mess-search": lambda folder, results, work: search_mess(folder, results, work / "mess"),
}
RECORDS = Path("docs/records/methods")
WORK = Path("runs")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", choices=sorted(EXPERIMENTS), help="which one (docs/methods.md)")
    parser.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        required=True,
        help="CamVid with the splits train_core and dev, or its like",
    )
    parser.add_argument(
        "--records",
        metavar="DIR",
        type=Path,
        default=RECORDS,
        help=f"where NAME.json goes (default: {RECORDS})",
    )
    parser.add_argument(
        "--work",
        metavar="DIR",
        type=Path,
        default=WORK,
        help=f"trained weights go into folders of it (default: {WORK})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the parts that the record lacks; interrupted, the same command goes on."""
    path = arguments.records / f"{arguments.name}.json"
    facts = {"data": arguments.data.name, "hardware": hardware(), "commit": commit()}
    results = Results(path, facts)
    EXPERIMENTS[arguments.name](open_folder(arguments.data), results, arguments.work)
    print(f"{len(results)} parts in {path}. Next: interim-zoo methods")
    return 0
