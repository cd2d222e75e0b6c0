"""Training from a recipe to a folder of weights: data in, steps, logs, exports; ends early when told."""

from __future__ import annotations

import dataclasses
import json
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import read, write
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.registry import build
from interim.training.data.people.folder import PeopleFolder
from interim.training.growing import fits_inside
from interim.training.lock import locked
from interim.training.material import lessons_of
from interim.training.run import Run
from interim.training.starting import start_from

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from interim.training.lessons import Lessons
    from interim.training.material import Data
    from interim.training.recipe import Recipe
    from interim.training.run import StepReport


LONG_SIDE = 1024
"""Pixels that a segmentation model is served at most; a pose model is served the crops it was trained on."""


UNDER_WAY = "training under way"
"""How the note of weights begins that are not the recipe's last."""


def train(
    recipe: Recipe,
    data: Data,
    folder: Path,
    *,
    stop: threading.Event,
    init: str | None = None,
    begins: Callable[[], object] = lambda: None,
) -> bool:
    """Train `recipe` on `data`, keeping state, log and newest weights in `folder`; go on where it left off.

    Args:
        recipe: What is trained, and how.
        data: The labelled images, or people.
        folder: Where state, log and weights go; what lies there is gone on with.
        stop: Set it, and the run saves its state and ends after the step under way.
        init: The checkpoint (name or folder) that a new run starts from, of the same network or a smaller
            one, its classes as far as their names agree with the data's; None: random weights.
        begins: Called when all data is read: from then on there are steps to end after.

    Returns:
        Whether the recipe is finished; False means that `stop` was set, and the state is saved.

    Raises:
        CheckpointError: `init` is no checkpoint of the recipe's network or of a smaller one.
        DataError: the data folder is not as it should be.
        RecipeError: `folder` holds a run of another network, classes or fill, or another training is at work there.
    """
    with locked(folder):
        lessons = lessons_of(recipe, data)
        begins()
        run = _begun(recipe, data, lessons, folder, init)
        if run.step >= run.steps and not _has_weights(folder):  # it was killed before they were written
            write(folder / "latest", run.average.module.state_dict(), _card(run, data))
        return _steps(run, data, folder, stop)


def _begun(recipe: Recipe, data: Data, lessons: Lessons, folder: Path, init: str | None) -> Run:
    """The run as `folder` left it, or a new one."""
    torch.manual_seed(recipe.seed)
    network = build(recipe.network, classes=len(data.classes), fill=recipe.fill)
    network.spec = dataclasses.replace(network.spec, classes=data.classes)
    checkpoint = None if init is None else read(init)
    if checkpoint is not None:
        start_from(network, checkpoint, data.classes)
    run = Run(recipe, network, lessons, folder)
    if checkpoint is not None and run.step == 0 and fits_inside(checkpoint.card.network, recipe.network):
        run.begin_grown(checkpoint.weights)
    return run


def _steps(run: Run, data: Data, folder: Path, stop: threading.Event) -> bool:
    reports: list[StepReport] = []
    with tqdm(total=run.steps, initial=run.step, desc=run.recipe.name, disable=None) as bar:
        began = time.monotonic()
        while run.step < run.steps and not stop.is_set():
            report = run.advance()
            reports.append(report)
            bar.update()
            bar.set_postfix_str(" ".join(f"{loss:.3f}" for loss in report.losses))
            if run.step == run.steps or run.place.epoch != report.place.epoch:
                now = time.monotonic()
                run.wall_s += now - began
                _end_epoch(run, data, folder, reports, now - began)
                reports, began = [], time.monotonic()
    if reports:
        run.wall_s += time.monotonic() - began
        run.save()
    return run.step >= run.steps


def _end_epoch(run: Run, data: Data, folder: Path, reports: list[StepReport], took_s: float) -> None:
    """Save the state, export the averaged weights, and write one line of log."""
    if run.step == run.steps:
        run.settle()
    run.save()
    write(folder / "latest", run.average.module.state_dict(), _card(run, data))
    place = reports[-1].place
    columns = zip(*(report.losses for report in reports), strict=True)
    entry = {
        "epoch": place.epoch + 1,
        "phase": place.phase.name,
        "step": run.step,
        "losses": [round(sum(column) / len(reports), 4) for column in columns],
        "learning_rate": round(place.learning_rate, 7),
        "step_s": round(took_s / len(reports), 3),
        "wall_s": round(run.wall_s),
    }
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
    if not sys.stderr.isatty():
        print(json.dumps(entry), flush=True)


def _has_weights(folder: Path) -> bool:
    """Whether a finished recipe's weights are there, whole, and not those of an epoch before."""
    try:
        return not read(folder / "latest").card.note.startswith(UNDER_WAY)
    except CheckpointError:
        return False


def _card(run: Run, data: Data) -> Card:
    recipe = run.recipe
    return Card(
        name=recipe.name,
        network=recipe.network,
        classes=data.classes,
        threshold=run.network.spec.threshold,
        temperatures=recipe.temperatures,
        fill=recipe.fill,
        bones=data.skeleton.bones if isinstance(data, PeopleFolder) else (),
        long_side=LONG_SIDE if recipe.task == "segmentation" else max(recipe.crop),
        data=_sources(recipe, data),
        licence=recipe.licence,
        recipe=recipe.name,
        seed=recipe.seed,
        epochs=run.step // max(1, run.steps // sum(phase.epochs for phase in recipe.phases)),
        wall_s=round(run.wall_s, 1),
        hardware=hardware(),
        commit=commit(),
        note="" if run.step >= run.steps else f"{UNDER_WAY}: step {run.step} of {run.steps}",
    )


def _sources(recipe: Recipe, data: Data) -> str:
    """What the weights were made from."""
    real = f"`{data.root.name}`, split `{recipe.split}`"
    return f"{real}; {recipe.scenes} procedural street scenes" if recipe.scenes else real


def hardware() -> str:
    """The processor in words, for cards and tables."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} cores of {models[0]}" if models else platform.processor() or platform.machine()


def commit() -> str:
    """The commit of the code that runs, or nothing where it is not a checkout or there is no git."""
    # an installed copy may lie in somebody's repository, whose commit says nothing of it
    return _git("rev-parse", "--short", "HEAD") if _git("ls-files", Path(__file__).name) else ""


def _git(*words: str) -> str:
    """What git says of the folder of this file; nothing where it fails or is not there."""
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
