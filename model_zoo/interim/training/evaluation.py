"""How good every exit of a model is on labelled images, and what it costs to reach it there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from interim.model_zoo.anytime import finish
from interim.model_zoo.card import Measured
from interim.model_zoo.counting import profile
from interim.model_zoo.label_map import label_map
from interim.model_zoo.metrics import class_iou, confusion, mean_iou
from interim.training.calibration import Calibration
from interim.training.data.errors import DataError
from interim.training.data.sample import VOID, shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from interim.model_zoo.anytime import AnytimeModel, Prediction
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.calibration import Bin
    from interim.training.data.folder import LabelledFolder
    from interim.training.data.sample import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured, and what it was made of.

    `classes` (exits, classes): each class's IoU, nan for one never seen. `scores` (exits, images): each
    image's own mIoU. `shares` (exits, images): its active share after each exit. `bins`: how often
    pixels of each confidence are right, by exit.
    """

    measured: Measured
    classes: NDArray[np.float64]
    scores: NDArray[np.float64]
    shares: NDArray[np.float64]
    bins: tuple[tuple[Bin, ...], ...]


class _Tally:
    """One exit's counts over the images seen so far."""

    def __init__(self, classes: int) -> None:
        self.counts = np.zeros((classes, classes), np.int64)
        self.scores: list[float] = []
        self.shares: list[float] = []
        self.calibration = Calibration()

    def add(self, sample: Sample, prediction: Prediction, stride: int) -> None:
        """Count one image, whose prediction is for the padded image."""
        size = sample.labels.shape
        labels = label_map(prediction.logits, (size[0], size[1]), stride=stride)[0].numpy()
        counts = confusion(sample.labels, labels, len(self.counts))
        self.counts += counts
        self.scores.append(mean_iou(counts))
        self.shares.append(prediction.active.double().mean().item())
        known = sample.labels != VOID
        confidence = _enlarged(prediction.confidence, stride)[: size[0], : size[1]]
        self.calibration.add(confidence[known], (labels == sample.labels)[known])


def evaluate(
    model: AnytimeHrnet, folder: LabelledFolder, split: str, *, kernels: AnytimeModel | None = None
) -> Evaluation:
    """Run every image of a split through all exits of `model`, one at a time, whole.

    Label maps are exact: bilinear logits, then argmax, at the labels' size. As in serving, images
    larger than the model's `long_side` are scaled down (and their labels), and images are padded to
    what the model needs by repeating their border, and its answers cropped. `kernels`: the same model made
    ready to run (execution.py), which then answers in its place.

    Raises:
        DataError: the folder is not as it should be, has other classes than the model, or no labelled pixel.
    """
    _check(model, folder)
    tallies = [_Tally(len(folder.classes)) for _ in model.spec.exits]
    active: dict[tuple[int, int], list[list[Tensor]]] = defaultdict(list)
    names = folder.names(split)
    for name in tqdm(names, split, disable=None, leave=False):
        sample = shrunk(folder.read(name), model.spec.long_side)
        images = padded(sample.image, model.spec.multiple)
        predictions = run_exits(kernels or model, images)
        for tally, prediction in zip(tallies, predictions, strict=True):
            tally.add(sample, prediction, model.spec.stride)
        active[images.shape[2], images.shape[3]].append([each.active for each in predictions[:-1]])
    if not any(tally.counts.any() for tally in tallies):
        raise DataError(
            f"No pixel of the split {split!r} of {folder.root} is labelled: name a split that has labels."
        )
    shares, gmacs = work(model, active)
    measured = Measured(
        split=split,
        images=len(names),
        miou=tuple(mean_iou(tally.counts) for tally in tallies),
        quality=tuple(float(np.nanmean(tally.scores)) for tally in tallies),
        ece=tuple(tally.calibration.error for tally in tallies),
        active_share=shares,
        gmacs=gmacs,
    )
    return Evaluation(
        measured=measured,
        classes=np.stack([class_iou(tally.counts) for tally in tallies]),
        scores=np.array([tally.scores for tally in tallies]),
        shares=np.array([tally.shares for tally in tallies]),
        bins=tuple(tally.calibration.bins for tally in tallies),
    )


def run_exits(model: AnytimeModel, images: Tensor) -> list[Prediction]:
    """All predictions for images (N, 3, H, W) uint8, in order of exit."""
    predictions = []
    with torch.inference_mode():
        state = model.start(images)
        for exit_ in range(1, len(model.spec.exits) + 1):
            state = finish(model.stage(exit_, state))
            assert state.prediction is not None
            predictions.append(state.prediction)
    return predictions


def padded(image: NDArray[np.uint8], multiple: int) -> Tensor:
    """An image (H, W, 3) as a batch of one (1, 3, H', W') uint8, its last row and column repeated."""
    height, width = image.shape[:2]
    whole = np.pad(image, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="edge")
    return torch.from_numpy(whole).permute(2, 0, 1).unsqueeze(0)


def _check(model: AnytimeHrnet, folder: LabelledFolder) -> None:
    if len(folder.classes) != len(model.spec.classes):
        counts = f"{len(folder.classes)} classes, but {model.spec.name} has {len(model.spec.classes)}"
        raise DataError(f"{folder.root} has {counts}: evaluate it on data with its own classes.")


def _enlarged(confidence: Tensor, stride: int) -> NDArray[np.float32]:
    fine = F.interpolate(confidence[None].float(), scale_factor=stride, mode="bilinear", align_corners=False)
    pixels: NDArray[np.float32] = fine[0, 0].numpy()
    return pixels


def work(
    model: AnytimeHrnet, active: dict[tuple[int, int], list[list[Tensor]]]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Active share by stage, and 2^30 multiply-accumulates to each exit, both averaged over the images.

    `active`: by image size, what every exit but the last left active (N, h, w), a list for each image or
    batch of one size.
    """
    shares, costs, weights = [], [], []
    for size, images in active.items():
        masks = [torch.cat(column) for column in zip(*images, strict=True)] if model.masking else None
        counted = profile(model, size, masks)
        costs.append([exit_.gmacs for exit_ in counted.exits])
        shares.append([1.0] + [mask.double().mean().item() for mask in masks or []])
        weights.append(sum(len(each[0]) for each in images) if images[0] else len(images))
    mean_shares = np.average(shares, axis=0, weights=weights)
    if not model.masking:
        mean_shares = np.ones(len(model.spec.exits))
    return tuple(mean_shares.tolist()), tuple(np.average(costs, axis=0, weights=weights).tolist())
