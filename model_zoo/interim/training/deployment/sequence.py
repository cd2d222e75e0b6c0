"""Anytime networks of growing size, run one after the other: which of their exits count, and what the order costs.

Hu et al., "Learning Anytime Predictions in Neural Networks via Adaptive Loss Balancing" (AAAI 2019), section 4:
EANN, an ensemble of exponentially deepening anytime networks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One network: its costs from its own beginning to each of its exits, rising, and their errors."""

    costs: tuple[float, ...]
    errors: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One exit of a sequence: whose it is (both from 0), when it comes, after what work of its own, how wrong."""

    member: int
    exit_: int
    cost: float
    own: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inflation:
    """How many times the cost of the best network as good a sequence takes: the most, and the mean over budgets."""

    most: float
    mean: float


def answers(members: Sequence[Member]) -> list[Answer]:
    """Every exit in the order it comes: a member starts when those before it have finished."""
    before = accumulate((member.costs[-1] for member in members), initial=0.0)
    return [
        Answer(member=index, exit_=place, cost=start + own, own=own, error=error)
        for index, (start, member) in enumerate(zip(before, members, strict=False))
        for place, (own, error) in enumerate(zip(member.costs, member.errors, strict=True))
    ]


def useful(given: Sequence[Answer]) -> list[Answer]:
    """Those that are better than all before them; the others never replace the standing answer."""
    kept: list[Answer] = []
    for answer in given:
        if not kept or answer.error < kept[-1].error:
            kept.append(answer)
    return kept


def served(members: Sequence[Member], kept: Sequence[Answer]) -> list[Answer]:
    """The useful answers with their costs where no network runs on after its last useful exit."""
    runs = [
        max((each.own for each in kept if each.member == index), default=0.0)
        for index, _ in enumerate(members)
    ]
    before = list(accumulate(runs, initial=0.0))
    return [replace(each, cost=before[each.member] + each.own) for each in kept]


def bound(base: float) -> Inflation:
    """Proposition 4.1: what members that grow by `base` (above 1) cost at most, and on average at most.

    It takes each member for as good as the best network of its depth from 1 / `base` of its depth on.
    """
    return Inflation(most=2 + 1 / (base - 1), mean=1 - 1 / (2 * base) + (1 + math.log(base)) / (base - 1))


def base_of(members: Sequence[Member]) -> float:
    """How much members grow, at the least, by their real costs."""
    return min(right.costs[-1] / left.costs[-1] for left, right in pairwise(members))


def ideal_inflation(members: Sequence[Member]) -> Inflation:
    """The proposition's inflation on real costs and places of exits, its assumption taken for true.

    An answer after work `own` equals the best network of that cost, or the member before it if that is
    larger; between two exits the last one stands, which the proposition, without places of exits, leaves out.
    """
    given = answers(members)
    full = [0.0, *(member.costs[-1] for member in members)]
    reached = [max(full[answer.member], answer.own) for answer in given]
    return _inflation([answer.cost for answer in given], reached)


def measured_inflation(standing: Sequence[Answer], best: Sequence[tuple[float, float]]) -> Inflation:
    """The inflation against networks trained for one exit alone, `best`: their costs and errors.

    An answer is worth the cost of the cheapest of them that is better than it; where none is, that of the
    dearest.
    """
    dearest = max(cost for cost, _ in best)
    worth = [
        min((cost for cost, error in best if error < answer.error), default=dearest) for answer in standing
    ]
    return _inflation([answer.cost for answer in standing], worth)


def _inflation(costs: Sequence[float], worth: Sequence[float]) -> Inflation:
    """From the first answer to the last, for budgets drawn evenly: each answer stands until the next is there."""
    spans = list(zip(pairwise(costs), worth, strict=False))
    most = max([right / value for (_, right), value in spans] + [costs[-1] / worth[-1]])
    area = sum((right**2 - left**2) / 2 / value for (left, right), value in spans)
    length = costs[-1] - costs[0]
    return Inflation(most=most, mean=area / length if length else most)
