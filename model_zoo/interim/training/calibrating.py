"""Calibration of a checkpoint on a split: temperatures, threshold, and what each exit adds to an image."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interim.model_zoo.checkpoint import load, read
from interim.model_zoo.temperature import temper
from interim.training.data.folder import LabelledFolder
from interim.training.gains import fit_gains
from interim.training.heat_temperatures import fit_heat_temperatures
from interim.training.measuring import evaluated
from interim.training.plot import Plot, Series
from interim.training.temperatures import fit_temperatures
from interim.training.thresholds import choose, threshold_curve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from interim.model_zoo.card import Card
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.evaluation import Evaluation
    from interim.training.material import Data
    from interim.training.thresholds import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A checkpoint's new card, and what it was made from.

    `before`, `after`: as served, with the old card and with the new one; `dense`: every position
    computed; `points`: the curve of thresholds, empty for a network without confidence adaptivity.
    """

    card: Card
    before: Evaluation
    after: Evaluation
    dense: Evaluation
    points: tuple[Point, ...]


def calibrate(
    path_or_name: str | Path,
    data: Data,
    split: str,
    *,
    thresholds: Sequence[float],
    within: float,
    temperatures: Sequence[float] = (),
) -> Calibrated:
    """Fit a checkpoint's temperatures, then choose its threshold, on a split it was not trained on.

    Args:
        path_or_name: A shipped model's name or a checkpoint's folder.
        data: The labelled images, or people.
        split: Which of them.
        thresholds: What to choose from.
        temperatures: One an exit, to be taken as they are; none: they are fitted.
        within: How much of the last exit's mIoU or PCK, 0 to 1, confidence adaptivity may cost.

    Raises:
        BadInputError: `temperatures` are not one above 0 for each exit.
        CheckpointError: there is no such checkpoint.
        DataError: the data is not as it should be, or has other classes.
    """
    old = load(path_or_name)
    before = evaluated(old, data, split)
    raw = load(path_or_name, tempered=False)
    if temperatures:
        temper(raw, temperatures)
    elif isinstance(data, LabelledFolder):
        temperatures = fit_temperatures(raw, data, split)
    else:
        temperatures = fit_heat_temperatures(raw, data, split)
    points = threshold_curve(raw, data, split, thresholds) if raw.masking else ()
    dense = _dense(raw, data, split)
    chosen = choose(points, dense.measured, within=within) if points else None
    after = chosen.found if chosen else dense
    card = dataclasses.replace(
        read(path_or_name).card,
        temperatures=tuple(temperatures),
        threshold=chosen.threshold if chosen else raw.spec.threshold,
        gains=fit_gains(after.scores, after.shares),
        adaptive=after.measured if chosen else None,
        dense=dense.measured,
    )
    return Calibrated(card=card, before=before, after=after, dense=dense, points=points)


def _dense(model: AnytimeHrnet, data: Data, split: str) -> Evaluation:
    masking, model.masking = model.masking, False
    found = evaluated(model, data, split)
    model.masking = masking
    return found


def entries(found: Calibrated) -> dict[str, Any]:
    """What was found, as plain values for JSON."""
    return {
        "model": found.card.name,
        "split": found.dense.measured.split,
        "images": found.dense.measured.images,
        "temperatures": found.card.temperatures,
        "threshold": found.card.threshold,
        "ece_before": found.before.measured.ece,
        "ece_after": found.after.measured.ece,
        "dense": dataclasses.asdict(found.dense.measured),
        "curve": [
            {"threshold": point.threshold, **dataclasses.asdict(point.found.measured)}
            for point in found.points
        ],
        "gains": [dataclasses.asdict(gain) for gain in found.card.gains],
        "reliability": [[dataclasses.asdict(each) for each in bins] for bins in found.after.bins],
    }


def reliability_plot(found: Calibrated) -> Plot:
    """How often pixels of each confidence are right, exit by exit, with the new card."""
    series = [Series(name="honest", points=((0, 0), (1, 1)), marks=False, dashed=True)]
    for index, (bins, error) in enumerate(zip(found.after.bins, found.after.measured.ece, strict=True), 1):
        points = [(each.confidence, each.accuracy) for each in bins if each.share >= 0.001]
        series.append(Series(name=f"exit {index}: error {100 * error:.1f} %", points=points))
    return Plot(
        title=f"{found.card.name}: confidence against accuracy, {found.after.measured.split}",
        x="confidence", y="share of pixels that are right", series=series,
        x_range=(0, 1), y_range=(0, 1),
    )  # fmt: skip


def threshold_plot(found: Calibrated) -> Plot:
    """The last exit's mIoU or PCK against the mean active share of the stages after the first."""
    points = [(100 * each.share, 100 * each.found.measured.miou[-1]) for each in found.points]
    whole = 100 * found.dense.measured.miou[-1]
    return Plot(
        title=f"{found.card.name}: last exit against active share, {found.after.measured.split}",
        x="mean active share of the stages after the first, %", y=f"{found.dense.measured.metric} of the last exit, %",
        series=(
            Series(name="by threshold", points=points, notes=[f"{each.threshold:g}" for each in found.points]),
            Series(name="every position computed", points=((min(x for x, _ in points), whole), (100, whole)), marks=False, dashed=True),
        ),
    )  # fmt: skip
