"""Writes what docs/performance.md shows: `masks` records those of the shipped model, `page` fills the tables.

scripts/performance masks --data ../shared/data/camvid
scripts/bench kernels --model default --json runs/kernels.json     (on an idle machine; likewise answers)
scripts/performance page runs/kernels.json runs/answers.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from interim.model_zoo.checkpoint import load
from interim.training.bench.masks import RECORDED
from interim.training.bench.tables import answer_table, compiled_table, exit_table, picture, speed_table
from interim.training.data.errors import DataError
from interim.training.data.folder import open_folder
from interim.training.evaluation import run_exits
from interim.training.page import filled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

DOCS = Path(__file__).resolve().parent.parent / "docs"
FRAMES = 6
SIZE = (768, 1024)
"""Of the images that masks are recorded on: CamVid's shape, as wide as what is measured."""

SHOWN = ("default", (512, 1024), "bf16", "recorded", 1)
"""The setting that is drawn: model, size, numbers, masks, threads."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; its exit status."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="scripts/performance", description=__doc__, formatter_class=form)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    recording = commands.add_parser("masks", help="record masks of the shipped model")
    recording.add_argument("--data", type=Path, required=True, help="a labelled folder with a split `val`")
    writing = commands.add_parser("page", help="fill the tables")
    writing.add_argument("reports", nargs="+", metavar="JSON", type=Path)
    asked = parser.parse_args(arguments)
    try:
        written = record(asked.data) if asked.command == "masks" else write(_read(asked.reports))
    except (OSError, ValueError, KeyError, DataError) as error:
        print(f"scripts/performance: {error}", file=sys.stderr)
        return 1
    print(f"{written} is written.")
    return 0


def record(data: Path) -> Path:
    """Masks of the shipped model on frames spread over `val`; the one nearest to their mean shares first."""
    folder, model = open_folder(data), load("default")
    names = folder.names("val")
    frames = [_masks(model, folder.read(names[k * len(names) // FRAMES]).image) for k in range(FRAMES)]
    shares = np.array([frame.mean((1, 2)) for frame in frames])
    order = np.abs(shares - shares.mean(0)).sum(1).argsort()
    packed = np.packbits(np.stack(frames)[order], axis=-1)
    np.savez_compressed(RECORDED, masks=packed, width=frames[0].shape[-1])
    return RECORDED


def _masks(model: Any, image: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What each exit but the last leaves active (stages, h, w), of an enlarged image."""
    given = torch.tensor(image).permute(2, 0, 1)[None].float()
    large = F.interpolate(given, SIZE, mode="bilinear", antialias=True).round().to(torch.uint8)
    return torch.cat([each.active for each in run_exits(model, large)[:-1]]).numpy()


def write(reports: Sequence[Mapping[str, Any]]) -> Path:
    """The tables and the picture of the page; a later report's setting replaces an earlier one's."""
    page = DOCS / "performance.md"
    rows = {_setting(row): row for report in reports for row in report.get("rows", ())}
    answers = [row for report in reports for row in report.get("answers", ())]
    hosts = {report["host"]["commit"]: report["host"] for report in reports}
    tables = {
        "speed": speed_table(list(rows.values())),
        "compiled": compiled_table(list(rows.values())),
        "exits": exit_table(list(rows.values())),
        "answers": answer_table(answers),
        "measured": "\n".join(f"- {_host(host)}" for host in hosts.values()),
    }
    page.write_text(filled(page.read_text("utf-8"), tables), "utf-8")
    (DOCS / "images/exits-and-kernels.svg").write_text(picture(rows[SHOWN]), "utf-8")
    return page


def _setting(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["model"], tuple(row["size"]), row["dtype"], row["masks"], row["threads"])


def _host(host: Mapping[str, Any]) -> str:
    versions = f"Python {host['python']}, torch {host['torch']}, commit {host['commit']}"
    return f"{host['machine']}, {host['cores']} cores (one thread at work unless said), {versions}"


def _read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in paths]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
