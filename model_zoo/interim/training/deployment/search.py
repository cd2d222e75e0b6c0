"""Which exits to deploy under a requirement: exhaustive, cost before accuracy.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), section 5.1, table 1 and equations 4 to 6.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np

from interim.model_zoo.image_confidence import Rule
from interim.model_zoo.metrics import mean_iou

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from interim.training.deployment.field import Candidate, Field

THRESHOLDS = 12
"""How many thresholds of leaving early are tried by each measure, spread over what was seen."""


class Setting(enum.Enum):
    """How the network will be used (section 5.1)."""

    BUDGETED = "budgeted"
    ANYTIME = "anytime"
    INPUT_DEPENDENT = "input-dependent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A deployment: its early exits in order, their rules (input-dependent only), and what it does.

    `giga` is the cost by the setting's own measure in 10^9 operations, `miou` its accuracy; `shares`: of the
    images, the part that leaves at each exit, the last one included (input-dependent only).
    """

    setting: Setting
    exits: tuple[Candidate, ...]
    rules: tuple[Rule, ...] = ()
    giga: float
    miou: float
    shares: tuple[float, ...] = ()


def cheapest(field: Field, setting: Setting, *, least: float, early: int = 1) -> Chosen | None:
    """The least cost at an mIoU of at least `least` (equation 5); None: no deployment reaches it.

    Args:
        field: What there is to choose from.
        setting: Budgeted: a network that ends at one exit, the last being one choice. Anytime: `early` exits
            before the last, every answer as good as that, the whole network and all heads paid for.
            Input-dependent: `early` exits by which sure images leave; cost and mIoU are means over all images.
        least: The mIoU to reach, 0 to 1.
        early: How many early exits to have.
    """
    best: Chosen | None = None
    for floor, options in _structures(field, setting, early):
        if best is not None and floor >= best.giga:
            continue
        for giga, option in _by_cost(options):
            if best is not None and giga >= best.giga:
                break
            if option.miou() >= least:
                best = option.chosen(setting)
                break
    return best


def best_under(field: Field, setting: Setting, *, most: float, early: int = 1) -> Chosen | None:
    """The best mIoU at a cost of at most `most`, 10^9 operations (equation 6); None: nothing is as cheap.

    Arguments as `cheapest`. Of equal ones the cheaper.
    """
    best: Chosen | None = None
    for floor, options in _structures(field, setting, early):
        if floor > most:
            continue
        for giga, option in _by_cost(options):
            if giga > most:
                break
            miou = option.miou()
            if best is None or (miou, -giga) > (best.miou, -best.giga):
                best = option.chosen(setting)
    return best


def measured(field: Field, chosen: Chosen) -> Chosen:
    """The same deployment on the images of another field: chosen there, measured here."""
    named = {each.name: each for each in (*field.exits, field.last)}
    exits = tuple(named[each.name] for each in chosen.exits)
    if chosen.setting is Setting.INPUT_DEPENDENT:
        return _Mixed.of(field, exits, chosen.rules).chosen(chosen.setting)
    return _static(field, chosen.setting, exits).chosen(chosen.setting)


@dataclass(frozen=True, slots=True)
class _Static:
    """A deployment whose cost depends on no image."""

    giga: float
    exits: tuple[Candidate, ...]
    judged: tuple[Candidate, ...]

    def miou(self) -> float:
        return min(each.miou for each in self.judged)

    def chosen(self, setting: Setting) -> Chosen:
        return Chosen(setting=setting, exits=self.exits, giga=self.giga, miou=self.miou())


@dataclass(frozen=True, slots=True)
class _Mixed:
    """A deployment whose images leave where they are sure."""

    giga: float
    exits: tuple[Candidate, ...]
    rules: tuple[Rule, ...]
    last: Candidate
    left: NDArray[np.intp]

    @classmethod
    def of(cls, field: Field, exits: Sequence[Candidate], rules: Sequence[Rule]) -> _Mixed:
        """Table 1: every segment and head is paid for by the images that come to it."""
        left = np.full(len(field.last.counts), len(exits))
        for index in reversed(range(len(exits))):
            row = field.measures.index(rules[index].measure)
            left[exits[index].sure[row] >= rules[index].least] = index
        giga, before = 0.0, 0.0
        for index, each in enumerate((*exits, field.last)):
            way = field.ways[each.point]
            giga += float((left >= index).mean()) * (way - before + each.giga)
            before = way
        return cls(giga, tuple(exits), tuple(rules), field.last, left)

    def miou(self) -> float:
        """Of every image's answer where it left."""
        parts = [
            each.counts[self.left == index].sum(0) for index, each in enumerate((*self.exits, self.last))
        ]
        return mean_iou(np.sum(parts, axis=0))

    def chosen(self, setting: Setting) -> Chosen:
        shares = np.bincount(self.left, minlength=len(self.exits) + 1) / len(self.left)
        return Chosen(
            setting=setting,
            exits=self.exits,
            rules=self.rules,
            giga=self.giga,
            miou=self.miou(),
            shares=tuple(shares.tolist()),
        )


_Option = _Static | _Mixed


def _structures(field: Field, setting: Setting, early: int) -> list[tuple[float, Iterable[_Option]]]:
    """Every choice of exits with a floor of what it costs, cheapest floors first, and its deployments."""
    if early < 1:
        raise ValueError(f"{early} early exits are none: ask for at least 1.")
    if setting is Setting.BUDGETED:
        chains: Iterable[tuple[Candidate, ...]] = [(each,) for each in (*field.exits, field.last)]
    else:
        chains = _chains(field, early)
    made: list[tuple[float, Iterable[_Option]]] = []
    for exits in chains:
        if setting is Setting.INPUT_DEPENDENT:
            made.append((field.ways[exits[0].point] + exits[0].giga, _ruled(field, exits)))
        else:
            option = _static(field, setting, exits)
            made.append((option.giga, [option]))
    return sorted(made, key=lambda pair: pair[0])


def _static(field: Field, setting: Setting, exits: tuple[Candidate, ...]) -> _Static:
    """Table 1: to one exit and its head, or the whole network and all heads."""
    if setting is Setting.BUDGETED:
        return _Static(field.ways[exits[0].point] + exits[0].giga, exits, exits)
    return _Static(field.whole + sum(each.giga for each in exits), exits, (*exits, field.last))


def _chains(field: Field, early: int) -> Iterator[tuple[Candidate, ...]]:
    """Every choice of so many exits, one a place, in order."""
    points = sorted({each.point for each in field.exits})
    at = {point: [each for each in field.exits if each.point == point] for point in points}
    for places in combinations(points, early):
        yield from product(*(at[point] for point in places))


def _ruled(field: Field, exits: tuple[Candidate, ...]) -> Iterator[_Option]:
    """The deployments of these exits under every combination of thresholds."""
    options = [list(_rules(field, each)) for each in exits]
    for rules in product(*options):
        yield _Mixed.of(field, exits, rules)


def _rules(field: Field, exit_: Candidate) -> Iterator[Rule]:
    """Thresholds that part the calibration images differently, from all leave to none does."""
    for measure, sure in zip(field.measures, exit_.sure, strict=True):
        levels = np.quantile(sure, np.linspace(0, 1, THRESHOLDS), method="higher")
        for least in (*np.unique(levels).tolist(), math.nextafter(float(sure.max()), math.inf)):
            yield Rule(measure=measure, least=least)


def _by_cost(options: Iterable[_Option]) -> list[tuple[float, _Option]]:
    return sorted(((each.giga, each) for each in options), key=lambda pair: pair[0])
