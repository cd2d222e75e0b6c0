"""The requests of one run, drawn from a scenario and its seed before the first is sent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interim.loadtest.scenario import Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One request to send: when (seconds from the run's start), and how long it may take."""

    index: int
    send_s: float
    budget_ms: float


def plan(traffic: Traffic) -> tuple[Planned, ...]:
    """Every request of the scenario, in the order they are sent.

    Arrivals and budgets are drawn from streams of their own, so that one can change without the other.
    """
    arrivals = traffic.arrivals.instants(Random(f"{traffic.seed} arrivals"))
    budgets = Random(f"{traffic.seed} budgets")
    return tuple(
        Planned(index=index, send_s=send_s, budget_ms=traffic.budgets.draw(budgets))
        for index, send_s in enumerate(takewhile(lambda at_s: at_s < traffic.duration_s, arrivals))
    )
