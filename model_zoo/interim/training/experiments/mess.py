"""MESS's training, side by side: how the backbone is prepared for exits, and what exits learn from.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), tables 5 and 6: exits trained with the
backbone, on a frozen one, and on a frozen one that was prepared for exits; cross-entropy, distillation, both,
and positive filtering distillation.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from interim.model_zoo.metrics import mean_iou
from interim.model_zoo.networks.dilated import FcnHead, resnet_dilated
from interim.model_zoo.networks.multi_exit import MultiExit, exit_points, way_costs
from interim.model_zoo.networks.staged import normalised
from interim.training.data.sample import VOID
from interim.training.distillation import LESSONS, Lesson, lesson_loss
from interim.training.experiments.course import Course, follow
from interim.training.experiments.views import HEIGHT, WIDTH, Views, confusions, views, windows
from interim.training.schemes import Fixed, Scheme, scheme

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from interim.training.data.folder import LabelledFolder
    from interim.training.experiments.record import Results

LAYERS, STEM = ((16, 2, 1, 1), (24, 3, 2, 1), (32, 4, 1, 2), (48, 3, 1, 4)), 16
"""DRN-50's form in small: 12 blocks (dilated.RESNET50)."""
EXITS = 6
SHAPE = (3, HEIGHT, WIDTH)
BATCH = 12
PREPARATIONS = ("vanilla", "e2e", "exit-aware")
TAUGHT = {"frozen": "vanilla", "lessons": "exit-aware"}
"""What new exits are trained on: the frozen backbones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long both stages take: the backbone's, then that of exits on a frozen one; and for which seeds."""

    preparing: Course
    teaching: Course
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        """The steps of both."""
        return f"{self.preparing.steps}+{self.teaching.steps}"


LENGTHS = (
    Length(preparing=Course(steps=2000), teaching=Course(steps=800), seeds=(0, 1)),
    Length(preparing=Course(steps=6000), teaching=Course(steps=2400), seeds=(0,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What to train on and what to measure on."""

    train: Views
    test: Views
    classes: int


def read(folder: LabelledFolder) -> Data:
    """CamVid's `train_core` and `dev`, small.

    Raises:
        DataError: the folder is not as it should be.
    """
    return Data(train=views(folder, "train_core"), test=views(folder, "dev"), classes=len(folder.classes))


def compare_mess(folder: LabelledFolder, results: Results, work: Path) -> None:
    """Train what `results` lacks, and keep each exit's mIoU on `dev` there; weights go into `work`.

    Raises:
        DataError: the folder is not as it should be.
    """
    wanted = [
        (length, seed, part)
        for length in LENGTHS
        for seed in length.seeds
        for part in (*PREPARATIONS, *TAUGHT)
    ]
    missing = [each for each in wanted if _name(*each) not in results]
    if not missing:
        return
    data = read(folder)
    for length, seed, part in missing:
        began = time.monotonic()
        place = work / str(length)
        network = prepared(TAUGHT.get(part, part), data, place, course=length.preparing, seed=seed)
        file = place / f"{seed}-{part}.pt"
        miou: Any = (
            _compared(part, network, data, file, course=length.teaching, seed=seed)
            if part in TAUGHT
            else scores(network, network.exits, data)
        )
        results[_name(length, seed, part)] = {"miou": miou, "seconds": time.monotonic() - began}


def _name(length: Length, seed: int, part: str) -> str:
    return f"{length} {seed} {part}"


def small_network(classes: int) -> MultiExit:
    """The small backbone with an FCN head at each of six points of equal work."""
    with torch.device("meta"):
        costs = way_costs(resnet_dilated(LAYERS, stem=STEM), SHAPE)
    points = exit_points(costs, EXITS)
    backbone = resnet_dilated(LAYERS, stem=STEM)
    heads = [FcnHead(backbone.channels[point - 1], classes) for point in points]
    return MultiExit(backbone, points, heads)


def prepared(preparation: str, data: Data, work: Path, *, course: Course, seed: int) -> MultiExit:
    """A backbone trained for its last exit ("vanilla"), all at once ("e2e"), or one more a step ("exit-aware")."""
    torch.manual_seed(seed)
    network = small_network(data.classes).train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    weighing = _scheme(preparation)

    def loss(step: int) -> Tensor:
        images, labels = windows(data.train, step, batch=BATCH, seed=seed)
        weights = weighing.weights(torch.zeros(EXITS))
        used = weights.nonzero()[:, 0].tolist()
        target = at_quarter(labels, step)
        with torch.autocast("cpu", torch.bfloat16):
            answers = network(images, only=used)
        parts = [F.cross_entropy(enlarged(x, target), target, ignore_index=VOID) for x in answers]
        return (torch.stack(parts) * weights[used]).sum()

    follow(course, network, loss, work / f"{seed}-{preparation}.pt", weighing)
    return network.eval()


@torch.no_grad()
def frozen(network: MultiExit, images: Tensor, target: Tensor) -> tuple[list[Tensor], Tensor]:
    """What new exits learn from: the maps at each place, and the last exit's logits where the labels are."""
    features = network.features(images)
    return features, enlarged(network.exits[-1](features[-1]), target)


def taught_exits(
    network: MultiExit, lessons: Collection[Lesson], data: Data, file: Path, *, course: Course, seed: int
) -> list[nn.ModuleList]:
    """New early exits on a frozen backbone, one set a lesson: same beginnings, same batches."""
    sets = [_beginners(network, data.classes, seed=seed + 1000) for _ in lessons]

    def loss(step: int) -> Tensor:
        images, labels = windows(data.train, step, batch=BATCH, seed=seed + 1000)
        target = at_quarter(labels, step)
        with torch.autocast("cpu", torch.bfloat16):
            features, teacher = frozen(network, images, target)
            answers = [
                [head(maps) for head, maps in zip(heads, features[:-1], strict=True)] for heads in sets
            ]
        parts = [
            lesson_loss(lesson, enlarged(logits, target), teacher, target)
            for lesson, row in zip(lessons, answers, strict=True)
            for logits in row
        ]
        return torch.stack(parts).sum()

    follow(course, nn.ModuleList(sets), loss, file)
    return [heads.eval() for heads in sets]


def at_quarter(labels: Tensor, step: int) -> Tensor:
    """Every fourth label of every fourth row, int64; the two nearest a cell's centre take turns."""
    offset = 1 + step % 2
    return labels[:, offset::4, offset::4].long()


def enlarged(logits: Tensor, target: Tensor) -> Tensor:
    """Logits at the labels' size."""
    return F.interpolate(logits.float(), size=target.shape[1:], mode="bilinear", align_corners=False)


def scores(network: MultiExit, exits: Iterable[nn.Module], data: Data) -> list[float]:
    """The mIoU of each of these exits in place of the network's own."""
    exits = list(exits)

    def answers(images: Tensor) -> list[Tensor]:
        return [exit_(maps) for exit_, maps in zip(exits, network.features(normalised(images)), strict=True)]

    return [mean_iou(counts.sum(0)) for counts in confusions(answers, data.test, data.classes)]


def _compared(
    part: str, network: MultiExit, data: Data, file: Path, *, course: Course, seed: int
) -> dict[str, list[float]]:
    """The scores of a frozen backbone's exits by what they learnt from; the last exit is its own."""
    lessons = LESSONS if part == "lessons" else {"ce": LESSONS["ce"]}
    taught = taught_exits(network, lessons.values(), data, file, course=course, seed=seed)
    return {
        name: scores(network, [*heads, network.exits[-1]], data)
        for name, heads in zip(lessons, taught, strict=True)
    }


def _beginners(network: MultiExit, classes: int, *, seed: int) -> nn.ModuleList:
    """FCN heads for the early exits, before any training."""
    torch.manual_seed(seed)
    channels = [network.backbone.channels[point - 1] for point in network.points[:-1]]
    heads = nn.ModuleList([FcnHead(each, classes) for each in channels]).train()
    heads.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return heads


def _scheme(preparation: str) -> Scheme:
    if preparation == "vanilla":
        return Fixed([0.0] * (EXITS - 1) + [1.0])
    return scheme("exit-dropout" if preparation == "exit-aware" else "const", [1.0] * EXITS)
