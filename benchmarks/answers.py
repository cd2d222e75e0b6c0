"""Answers: mIoU and labels of every exit, however the network is run, beside torch in float32.

On a labelled split: masked, each run under its own masks or under those of torch in float32 (injected), and with
every position computed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from benchmarks.measured import Measured

from interim.model_zoo.anytime import finish
from interim.model_zoo.checkpoint import load
from interim.model_zoo.execution import execution
from interim.model_zoo.label_map import label_map
from interim.model_zoo.metrics import confusion, mean_iou
from interim.training.data.folder import open_folder
from interim.training.data.sample import shrunk
from interim.training.evaluation import padded

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from interim.model_zoo.anytime import AnytimeModel
    from interim.training.data.sample import Sample

RUNS = {
    "torch, float32": ("reference", torch.float32),
    "torch, bfloat16": ("reference", torch.bfloat16),
    "native, float32": ("native", torch.float32),
    "native, bfloat16": ("native", torch.bfloat16),
}
"""The first is what the others are compared with."""

QUICK_IMAGES = 3


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument("--model", default="default", help="a name or a checkpoint (default: %(default)s)")
    parser.add_argument("--split", default="val", help="(default: %(default)s)")


def measure(asked: argparse.Namespace) -> Measured:
    """Runs every image of the split through all."""
    folder = open_folder(asked.data)
    names = folder.names(asked.split)[: QUICK_IMAGES if asked.quick else None]
    contests = [Contest(asked.model, masking=masking) for masking in (True, False)]
    for name in names:
        sample = folder.read(name)
        for contest in contests:
            contest.add(sample)
    rows = [row for contest in contests for row in contest.rows()]
    return Measured(
        lines=tuple(_line(row) for row in rows),
        figures={"answers": rows, "images": len(names), "split": asked.split},
        checks=(),
        server={"model": asked.model, "torch": torch.__version__},
    )


@dataclass
class _Tally:
    """Of one way to run, by exit: counts of classes, and of pixels whose label is torch's."""

    counts: NDArray[np.int64]
    same: NDArray[np.int64]
    pixels: int = 0

    def add(
        self, sample: Sample, found: Sequence[NDArray[np.uint8]], wanted: Sequence[NDArray[np.uint8]]
    ) -> None:
        """One image's label maps, of all exits."""
        for exit_, (labels, theirs) in enumerate(zip(found, wanted, strict=True)):
            self.counts[exit_] += confusion(sample.labels, labels, self.counts.shape[1])
            self.same[exit_] += (labels == theirs).sum()
        self.pixels += wanted[0].size


class Contest:
    """One model run in all ways, masked or not."""

    def __init__(self, name: str, *, masking: bool) -> None:
        network = load(name, masking=masking)
        self._masking, self._spec = masking, network.spec
        self._models: dict[str, AnytimeModel] = {
            way: execution(
                network, choice=choice, dtype=dtype, masking=masking, device=torch.device("cpu")
            ).model
            for way, (choice, dtype) in RUNS.items()
        }
        self._tallies: dict[tuple[str, str], _Tally] = {}

    def add(self, sample: Sample) -> None:
        """Run one image in all ways."""
        sample = shrunk(sample, self._spec.long_side)
        images = padded(sample.image, self._spec.multiple)
        size = (sample.labels.shape[0], sample.labels.shape[1])
        wanted: list[NDArray[np.uint8]] = []
        injected: list[Tensor] = []
        for way, model in self._models.items():
            labels, active = self._run(model, images, size, None)
            if not wanted:
                wanted, injected = labels, active
            self._tally(way, "own" if self._masking else "none").add(sample, labels, wanted)
            if self._masking:
                labels, _ = self._run(model, images, size, injected)
                self._tally(way, "injected").add(sample, labels, wanted)

    def rows(self) -> list[dict[str, Any]]:
        """What was found: a way and its masks, mIoU and share of same labels, each by exit."""
        return [
            {
                "run": way,
                "masks": masks,
                "miou": [mean_iou(counts) for counts in tally.counts],
                "same": (tally.same / tally.pixels).tolist(),
            }
            for (way, masks), tally in self._tallies.items()
        ]

    @torch.inference_mode()
    def _run(
        self, model: AnytimeModel, images: Tensor, size: tuple[int, int], injected: Sequence[Tensor] | None
    ) -> tuple[list[NDArray[np.uint8]], list[Tensor]]:
        """Label maps of all exits, and what each left active."""
        state = model.start(images)
        labels, active = [], []
        for exit_ in range(1, len(self._spec.exits) + 1):
            if injected is not None and state.prediction is not None:
                state = replace(state, prediction=replace(state.prediction, active=injected[exit_ - 2]))
            state = finish(model.stage(exit_, state))
            assert state.prediction is not None
            labels.append(label_map(state.prediction.logits, size, stride=self._spec.stride)[0].numpy())
            active.append(state.prediction.active)
        return labels, active

    def _tally(self, way: str, masks: str) -> _Tally:
        exits, classes = len(self._spec.exits), len(self._spec.classes)
        empty = _Tally(np.zeros((exits, classes, classes), np.int64), np.zeros(exits, np.int64))
        return self._tallies.setdefault((way, masks), empty)


def _line(row: dict[str, Any]) -> str:
    miou = " ".join(f"{100 * value:7.3f}" for value in row["miou"])
    same = " ".join(f"{100 * value:7.3f}" for value in row["same"])
    return f"{row['run']:<18}masks {row['masks']:<10}mIoU % {miou}   same labels % {same}"
