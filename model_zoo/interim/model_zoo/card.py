"""A checkpoint's card: what the model is, what it was made from, and how well it does."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.kinds import misfit

MIOU, PCK = "mIoU", "PCK"
"""What scores are: mean intersection over union; joints within half of the torso's length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What an evaluation found, one number per exit (or per stage, for `active_share`).

    `miou`: over all pixels of the split. `quality`: mean over images of the image's own mIoU.
    `ece`: expected calibration error of the confidence. `active_share`: share of positions that each
    stage computes. `gmacs`: cumulative cost of each exit at the split's image size, in 2^30
    multiply-accumulates, at those shares. `metric`: what `miou` and `quality` are; for pose they are PCK,
    and `ece` is empty.
    """

    split: str
    images: int
    miou: tuple[float, ...]
    quality: tuple[float, ...]
    ece: tuple[float, ...]
    active_share: tuple[float, ...]
    gmacs: tuple[float, ...] = ()
    metric: str = MIOU


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the exit after `exit` adds to one image's score: `intercept` + `slope` x its active share there.

    The active share is that of the image after `exit`; the score its own mIoU. Least squares over the
    images measured; `correlation` says how much of the gain the share tells.
    """

    exit: int
    intercept: float
    slope: float
    correlation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """All that is known of one checkpoint.

    `threshold`: confidence above which a position is not refined. `fill`: what stands there then
    (registry.FILLS). `data`, `licence`, `recipe`,
    `hardware`, `commit`, `note` are for people. `temperatures`: what divides each exit's logits, so that
    confidence can be believed (empty: nothing does); `gains`: what each exit but the first adds, by image.
    `bones`: of a pose model, whose classes are joints, pairs of them that a drawing joins.
    `adaptive`, `dense`: measured with confidence
    adaptivity on and off; None where it was not measured.
    """

    name: str
    network: str
    classes: tuple[ClassSpec, ...]
    threshold: float
    fill: str = "rbf"
    long_side: int = 1024
    data: str = ""
    licence: str = ""
    recipe: str = ""
    seed: int = 0
    epochs: int = 0
    wall_s: float = 0.0
    hardware: str = ""
    commit: str = ""
    note: str = ""
    temperatures: tuple[float, ...] = ()
    gains: tuple[Gain, ...] = ()
    bones: tuple[tuple[int, int], ...] = ()
    adaptive: Measured | None = None
    dense: Measured | None = None

    def to_json(self) -> str:
        """The card as JSON, to be read again by `from_json`."""
        return json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The card in a JSON text.

        Raises:
            ValueError: it is no JSON object, or not one of a card; the message names the entry and the rule.
        """
        try:
            entries = json.loads(text)
            entries["classes"] = tuple(_class(entry) for entry in entries["classes"])
            entries["temperatures"] = tuple(entries.get("temperatures", ()))
            entries["bones"] = tuple((int(one), int(other)) for one, other in entries.get("bones", ()))
            entries["gains"] = tuple(_gain(entry) for entry in entries.get("gains", ()))
            for name in ("adaptive", "dense"):
                entries[name] = _measured(entries.get(name))
            _check(misfit(cls, entries))
            card = cls(**entries)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"This is no model card: {error}.") from error
        _check(*(rule for rule, kept in _rules(card).items() if not kept))
        return card


def _check(*wrong: str) -> None:
    if any(wrong):
        raise ValueError(f"This is no model card: {wrong[0]}.")


def _rules(card: Card) -> dict[str, bool]:
    """What must hold, in words, and whether it does."""
    places = range(len(card.classes))
    levels = [level for each in card.classes for level in each.color]
    return {
        "colours have levels from 0 to 255": all(0 <= level <= 255 for level in levels),
        "threshold must lie in 0 to 1": 0 <= card.threshold <= 1,
        "temperatures must be above 0": all(0 < each < math.inf for each in card.temperatures),
        "long_side must be at least 1": card.long_side >= 1,
        "bones must join its classes": all(place in places for bone in card.bones for place in bone),
        "adaptive and dense need as many numbers of each kind": all(map(_whole, (card.adaptive, card.dense))),
    }


def _whole(found: Measured | None) -> bool:
    """Whether every exit has its numbers; ece and gmacs may be none at all."""
    if found is None:
        return True
    exits = len(found.miou)
    needed, others = (found.quality, found.active_share), (found.ece, found.gmacs)
    return all(len(each) == exits for each in needed) and all(len(each) in {0, exits} for each in others)


def _class(entry: dict[str, Any]) -> ClassSpec:
    red, green, blue = entry["color"]
    return ClassSpec(name=str(entry["name"]), color=(int(red), int(green), int(blue)))


def _measured(entry: dict[str, Any] | None) -> Measured | None:
    if entry is None:
        return None
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
    _check(misfit(Measured, values))
    return Measured(**values)


def _gain(entry: dict[str, Any]) -> Gain:
    _check(misfit(Gain, entry))
    return Gain(**entry)
