"""MDEQ in small: trained with its iterations unrolled, measured iteration by iteration, kept so that it can be served.

Bai et al., "Multiscale Deep Equilibrium Models" (NeurIPS 2020) train through the equilibrium after a start with
few unrolled iterations; only that start is made here, with a loss at every iteration, as for exits.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from interim.model_zoo.anytime import finish
from interim.model_zoo.card import Card, Measured
from interim.model_zoo.checkpoint import write
from interim.model_zoo.equilibrium import build, work
from interim.model_zoo.metrics import mean_iou
from interim.training.data.sample import VOID
from interim.training.experiments.course import Course, follow
from interim.training.experiments.mess import at_quarter, enlarged
from interim.training.experiments.views import HEIGHT, WIDTH, confusions, views, windows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from interim.model_zoo.networks.mdeq.network import AnytimeMdeq
    from interim.training.data.folder import LabelledFolder
    from interim.training.experiments.record import Results
    from interim.training.experiments.views import Views

NAME = "mdeq-tiny"
COURSE = Course(steps=300)
BATCH = 4
UNROLLED, MEASURED = 6, 10
SPLITS = ("train_core", "dev")
SEED = 0


def train_mdeq(folder: LabelledFolder, results: Results, work_: Path) -> None:
    """Train if `results` is empty; keep every iteration's mIoU there and the model in `work_`.

    Raises:
        DataError: the folder is not as it should be.
    """
    if results:
        return
    began = time.monotonic()
    train, test = (views(folder, split) for split in SPLITS)
    torch.manual_seed(SEED)
    network = build(NAME, folder.classes, iterations=UNROLLED).train()
    follow(COURSE, network, _loss(network, train), work_ / "state.pt")
    measured = _measured(network.state_dict(), folder, test)
    card = Card(
        name="mdeq",
        network=NAME,
        classes=folder.classes,
        threshold=0.998,
        long_side=WIDTH,
        data=folder.root.name,
        seed=SEED,
        dense=measured,
        note=f"{COURSE.steps} steps of {BATCH} windows of 96x128, {UNROLLED} iterations unrolled",
    )
    write(work_ / "latest", network.state_dict(), card)
    results["miou"] = measured.miou
    results["gmacs"] = measured.gmacs
    results["course"] = {"steps": COURSE.steps, "unrolled": UNROLLED, "images": len(train.labels)}
    results["seconds"] = time.monotonic() - began


def _loss(network: AnytimeMdeq, train: Views) -> Callable[[int], Tensor]:
    def loss(step: int) -> Tensor:
        images, labels = windows(train, step, batch=BATCH, seed=SEED)
        target = at_quarter(labels, step)
        answers = network(images)
        return torch.stack(
            [F.cross_entropy(enlarged(each, target), target, ignore_index=VOID) for each in answers]
        ).mean()

    return loss


def _measured(weights: dict[str, Tensor], folder: LabelledFolder, test: Views) -> Measured:
    """Every iteration's scores, more of them than were unrolled; statistics of batches as training left them."""
    network = build(NAME, folder.classes, iterations=MEASURED)
    network.load_state_dict(weights)
    network.eval()

    def answers(images: Tensor) -> list[Tensor]:
        state, found = network.start(images), []
        for exit_ in range(1, MEASURED + 1):
            state = finish(network.stage(exit_, state))
            assert state.prediction is not None
            found.append(state.prediction.logits)
        return found

    counts = confusions(answers, test, len(folder.classes))
    parts = work(NAME, (HEIGHT, WIDTH))
    return Measured(
        split=SPLITS[1],
        images=len(test.labels),
        miou=tuple(mean_iou(each.sum(0)) for each in counts),
        quality=tuple(float(np.nanmean([mean_iou(image) for image in each])) for each in counts),
        ece=(),
        active_share=(1.0,) * MEASURED,
        gmacs=tuple(parts.stem + index * (parts.cell + parts.head) for index in range(1, MEASURED + 1)),
    )
