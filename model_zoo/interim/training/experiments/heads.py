"""ADP-C's exits side by side: plain and redesigned heads of several depths, with and without skipping sure pixels.

Wang et al., "Confidence Adaptive Anytime Pixel-Level Recognition" (ADP-C, ICLR 2022), sections 3.2, 3.3 and 4.3.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from interim.model_zoo.anytime import ClassSpec, ExitSpec, ModelSpec, Task
from interim.model_zoo.confidence import MaxProbability
from interim.model_zoo.masked.fill import NoFill
from interim.model_zoo.masked.hold import HoldFill
from interim.model_zoo.metrics import mean_iou
from interim.model_zoo.networks.hrnet.build import hrnet
from interim.model_zoo.networks.hrnet.heads import PlainHead, RedesignedHead
from interim.model_zoo.networks.hrnet.widths import WIDTHS
from interim.training.data.sample import VOID
from interim.training.evaluation import run_exits, work
from interim.training.experiments.course import Course, follow
from interim.training.experiments.mess import BATCH, Data, at_quarter, enlarged, read
from interim.training.experiments.views import confusions, windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from interim.model_zoo.masked.conv import Filling
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.folder import LabelledFolder
    from interim.training.experiments.record import Results

EXITS = (1, 2, 3, 4)
THRESHOLD = 0.9
"""Above it pixels are skipped in training: networks trained so shortly are seldom as sure as the paper's 0.998."""
THRESHOLDS = (0.8, 0.9, 0.95)
COURSE = Course(steps=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A network: how often the head of each early exit halves its maps (none named: a plain head), masks or not."""

    name: str
    depths: Mapping[int, int]
    skips: bool = False


CONTESTANTS = (
    Contestant(name="plain", depths={}),
    Contestant(name="3/2/1", depths={1: 3, 2: 2, 3: 1}),
    Contestant(name="1/1/1", depths={1: 1, 2: 1, 3: 1}),
    Contestant(name="3/3/3", depths={1: 3, 2: 3, 3: 3}),
    Contestant(name="plain, skipping", depths={}, skips=True),
    Contestant(name="3/2/1, skipping", depths={1: 3, 2: 2, 3: 1}, skips=True),
)


def compare_heads(
    folder: LabelledFolder, results: Results, place: Path, *, course: Course = COURSE, seed: int = 0
) -> None:
    """Train what `results` lacks, and keep each exit's mIoU on `dev` and its work there; weights go into `place`.

    Raises:
        DataError: the folder is not as it should be.
    """
    missing = [each for each in CONTESTANTS if each.name not in results]
    if not missing:
        return
    data = read(folder)
    for each in missing:
        began = time.monotonic()
        network = trained(each, data, place / f"{seed}-{each.name.replace('/', '')}.pt", course, seed=seed)
        results[each.name] = {
            "found": measured(network, data),
            "steps": course.steps,
            "seconds": round(time.monotonic() - began, 1),
        }


def trained(each: Contestant, data: Data, file: Path, course: Course, *, seed: int) -> AnytimeHrnet:
    """A W18-small-v2 from nothing: the four exits' cross-entropies, each counted alike, as in the paper."""
    torch.manual_seed(seed)
    network = built(each, data.classes).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def loss(step: int) -> Tensor:
        images, labels = windows(data.train, step, batch=BATCH, seed=seed)
        target = at_quarter(labels, step)
        with torch.autocast("cpu", torch.bfloat16):
            answers = network(images.contiguous(memory_format=torch.channels_last))
        parts = [F.cross_entropy(enlarged(x, target), target, ignore_index=VOID) for x in answers]
        return torch.stack(parts).sum()

    follow(course, network, loss, file)
    return network.eval()


def built(each: Contestant, classes: int) -> AnytimeHrnet:
    """The network before any training."""
    size = WIDTHS["w18s"]

    def head(stage: int, channels: Sequence[int], filling: Filling) -> nn.Module:
        if stage in each.depths:
            return RedesignedHead(sum(channels), size.head, each.depths[stage], classes, filling=filling)
        return PlainHead(sum(channels), classes, filling=filling)

    names = tuple(ClassSpec(f"class {index}", (0, 0, 0)) for index in range(classes))
    exits = tuple(ExitSpec(f"exit {exit_}") for exit_ in EXITS)
    return hrnet(
        ModelSpec(each.name, Task.SEGMENTATION, names, exits, threshold=THRESHOLD),
        size,
        exits=EXITS,
        head=head,
        filling=HoldFill if each.skips else NoFill,
        outputs=4,
        rule=MaxProbability(),
    )


def measured(network: AnytimeHrnet, data: Data) -> dict[str, dict[str, Any]]:
    """By threshold ("off": every position is computed) the exits' mIoU and 2^30 multiply-accumulates an image."""
    settings: list[tuple[str, float]] = [("off", 1.0)]
    if network.filling.skips:
        settings += [(str(threshold), threshold) for threshold in THRESHOLDS]
    before, found = network.spec, {}
    for name, threshold in settings:
        network.masking = name != "off"
        network.spec = dataclasses.replace(before, threshold=threshold)
        found[name] = _measured(network, data)
    network.spec = before
    return found


def _measured(network: AnytimeHrnet, data: Data) -> dict[str, Any]:
    active: list[list[Tensor]] = []

    def answers(images: Tensor) -> list[Tensor]:
        predictions = run_exits(network, images)
        active.append([each.active for each in predictions[:-1]])
        return [each.logits for each in predictions]

    counts = confusions(answers, data.test, data.classes)
    height, width = data.test.labels.shape[1:]
    _, gmacs = work(network, {(height, width): active})
    return {"miou": [mean_iou(each.sum(0)) for each in counts], "gmacs": list(gmacs)}
