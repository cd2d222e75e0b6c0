"""Loss schemes side by side: ResANNs on squares of street scenes, against networks trained for one exit.

Hu et al., "Learning Anytime Predictions in Neural Networks via Adaptive Loss Balancing" (AAAI 2019), table 1
and section 5.2: relative to OPT; and a small network with AdaLoss against one twice as large with CONST.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from interim.model_zoo.layer_counting import layer_costs
from interim.model_zoo.networks.resann import BLOCKS, ResAnn, Unit
from interim.training.experiments.patches import Patches, patches
from interim.training.schedule import one_cycle
from interim.training.schemes import Fixed, scheme

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from interim.training.data.folder import LabelledFolder
    from interim.training.experiments.record import Results
    from interim.training.schemes import Scheme

UNITS, CHANNELS, LARGE = 3, 8, 6
STEPS, BATCH = 300, 64
LEARNING_RATE = 0.1
TRAIN_CAP, TEST_CAP = 800, 400
SCHEMES = ("const", "linear", "half-end", "adaloss")
QUARTERS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A network to train: units a block, where it ends, and how its exits' losses are weighed."""

    name: str
    units: int
    depth: int
    scheme: str


def contestants() -> tuple[Contestant, ...]:
    """Four schemes; OPT for each quarter of the cost; and the large network with CONST and AdaLoss."""
    depth = BLOCKS * UNITS
    small = [Contestant(name=each, units=UNITS, depth=depth, scheme=each) for each in SCHEMES]
    best = [
        Contestant(name=f"opt {quarter}/4", units=UNITS, depth=exit_at(quarter, depth), scheme="opt")
        for quarter in QUARTERS
    ]
    large = Contestant(name="large const", units=LARGE, depth=BLOCKS * LARGE, scheme="const")
    return (*small, *best, large)


def exit_at(quarter: int, depth: int) -> int:
    """The exit (from 1) nearest to a quarter, or so many, of the units; they cost about the same each."""
    return max(1, round(quarter * depth / 4))


def compare_schemes(folder: LabelledFolder, results: Results, *, seed: int = 0) -> None:
    """Train every contestant that `results` lacks, and keep each exit's error on `dev` there.

    Raises:
        DataError: the folder is not as it should be.
    """
    missing = [each for each in contestants() if each.name not in results]
    if not missing:
        return
    train = patches(folder, "train_core", per_class=TRAIN_CAP, seed=seed)
    test = patches(folder, "dev", per_class=TEST_CAP, seed=seed + 1)
    for each in missing:
        began = time.monotonic()
        network = trained(each, train, len(folder.classes), seed=seed)
        results[each.name] = {
            "errors": errors(network, test),
            "macs": macs(each, len(folder.classes)),
            "train": len(train.labels),
            "test": len(test.labels),
            "seconds": round(time.monotonic() - began, 1),
        }


def trained(each: Contestant, data: Patches, classes: int, *, seed: int, steps: int = STEPS) -> ResAnn:
    """SGD with momentum 0.9 and weight decay 1e-4, as in the paper; one learning-rate cycle."""
    torch.manual_seed(seed)
    network = ResAnn(each.units, CHANNELS, classes, depth=each.depth)
    weighing = _scheme(each)
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, momentum=0.9, weight_decay=1e-4)
    for step, (images, labels) in enumerate(_batches(data, seed, steps)):
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step, steps, LEARNING_RATE, 0.1)
        losses = torch.stack([F.cross_entropy(logits, labels) for logits in network(images)])
        weights = weighing.weights(losses.detach())
        optimizer.zero_grad(set_to_none=True)
        (losses * weights).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return network.eval()


def errors(network: ResAnn, data: Patches) -> list[float]:
    """Each exit's share of wrong answers."""
    with torch.inference_mode():
        parts = [network(images) for images in torch.split(data.images, 256)]
    columns = [torch.cat(column) for column in zip(*parts, strict=True)]
    return [(logits.argmax(1) != data.labels).float().mean().item() for logits in columns]


def macs(each: Contestant, classes: int) -> list[int]:
    """Multiply-accumulates to every exit: see `exit_macs`."""
    with torch.device("meta"):
        return exit_macs(ResAnn(each.units, CHANNELS, classes, depth=each.depth))


def exit_macs(network: ResAnn) -> list[int]:
    """Multiply-accumulates from a 32x32 square to every exit, its own classifier included and no other.

    Args:
        network: Built on the `meta` device: nothing is computed.
    """
    shape = (network.stem.out_channels, 32, 32)
    spent = layer_costs(network.stem, (3, 32, 32)).macs
    totals = []
    for unit, exit_ in zip(network.units, network.exits, strict=True):
        assert isinstance(unit, Unit)
        spent += layer_costs(unit, shape).macs
        shape = (unit.outputs, shape[1] // unit.stride, shape[2] // unit.stride)
        totals.append(spent + layer_costs(exit_, shape).macs)
    return totals


def _scheme(each: Contestant) -> Scheme:
    if each.scheme == "opt":
        return Fixed([0.0] * (each.depth - 1) + [1.0])
    return scheme(each.scheme, [1.0] * each.depth)


def _batches(data: Patches, seed: int, steps: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches drawn with replacement, every second one mirrored."""
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(0, len(data.labels), (BATCH,), generator=generator)
        images = data.images[rows]
        yield images.flip(-1) if step % 2 else images, data.labels[rows]


def relative(results: dict[str, Any], name: str) -> list[float]:
    """How much larger an anytime network's error is than OPT's, at each quarter, as a share."""
    depth = BLOCKS * UNITS
    increases = []
    for quarter in QUARTERS:
        best = results[f"opt {quarter}/4"]["errors"][-1]
        increases.append(results[name]["errors"][exit_at(quarter, depth) - 1] / best - 1)
    return increases
