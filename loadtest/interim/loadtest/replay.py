"""Planned requests on a simulated device: the same requests that a server would be sent, and the same records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, Any

from interim.loadtest.network import ExactCosts, Network
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.run_file import Run
from interim.loadtest.simulation import TOLERANCE_S, Device, Fate, simulate
from interim.loadtest.traced import Moved, Traced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.costs import Costs
    from interim.loadtest.plan import Planned
    from interim.scheduling.job import Size

LEAST_MARGIN_MS = 1.0
"""How long before the deadline the server's front answers, at least (docs/design.md, Budget)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    """What a request takes outside the device: before its first stage, and after its last."""

    before_s: float
    after_s: float


def replay(
    requests: Sequence[Planned], costs: Costs, *, policy: str, name: str, seed: int = 1, charged: bool = False
) -> Run:
    """Runs requests through one simulated device.

    What its stages take is drawn, by the seed, from the runs of the request's own picture. Cancelled requests
    end when they are cancelled; readers are never slow; every request is told its own deadline.

    Args:
        requests: As a server would be sent them.
        costs: What its stages take.
        policy: The scheduler's.
        name: Of the run.
        seed: Draws what stages take.
        charged: Whether the device waits for each decision, as long as it takes here.
    """
    random = Random(f"{seed} stages")
    after_s = max(costs.overhead_ms / 2, LEAST_MARGIN_MS) / 1e3
    front = _Front(before_s=costs.overhead_ms / 2e3, after_s=after_s)
    traced = [_traced(request, costs, front, random) for request in requests]
    device = Device(
        network=network_of(costs),
        policy=policy,
        admission=True,
        charged=charged,
        costs=lambda network: _Guarded(network, costs),
    )
    fates = {fate.id: fate for fate in simulate(traced, device).fates}
    outcomes = tuple(
        _outcome(request, fates[request.index], front, bool(costs.quality)) for request in requests
    )
    facts: dict[str, Any] = {
        "simulated": True,
        "policy": policy,
        "model": {"name": costs.model, "exits": [{"quality": each} for each in costs.quality]},
        "costs": costs.as_json(),
        "interrupted": False,
        "planned": len(requests),
    }
    return Run(
        name=name,
        outcomes=outcomes,
        quality_from="validated" if costs.quality else "",
        facts=facts,
    )


class _Guarded(ExactCosts):
    """Plans with the mean of each stage, and promises with the most it took."""

    def __init__(self, network: Network, costs: Costs) -> None:
        super().__init__(network)
        self._margins = tuple(
            worst / mean for worst, mean in zip(costs.worst_ms, costs.stage_ms, strict=True)
        )

    def predict(
        self, stage: int, size: Size, quantile: float, *, active_share: float = 1.0, batch: int = 1
    ) -> float:
        """Seconds of a step."""
        mean_s = self.mean(stage, size, active_share=active_share, batch=batch)
        return mean_s * self._margins[stage - 1] if quantile > 0.9 else mean_s


def network_of(costs: Costs) -> Network:
    """The averages of what was measured."""
    exits = len(costs.stage_ms)
    return Network(
        dense_s=tuple(ms / 1e3 for ms in costs.stage_ms),
        shares=(1.0,) * exits,  # what shares save is in the measured times already
        gains=gains_of(costs),
    )


def gains_of(costs: Costs) -> tuple[float, ...]:
    """What each exit adds to the validated quality; one each where nobody says."""
    quality = costs.quality or tuple(range(1, len(costs.stage_ms) + 1))
    return tuple(after - before for before, after in pairwise((0.0, *quality)))


def _traced(request: Planned, costs: Costs, front: _Front, random: Random) -> Traced:
    runs = costs.pictures[(request.picture or 0) % len(costs.pictures)]
    exits = min(request.max_exit or len(costs.stage_ms), len(costs.stage_ms))
    deadline_s = request.send_s + request.budget_ms / 1e3 - front.after_s
    return Traced(
        id=request.index,
        arrival_s=request.send_s + front.before_s,
        deadline_s=deadline_s,
        stage_s=tuple(ms / 1e3 for ms in random.choice(runs)[:exits]),
        shares=(1.0,) * exits,
        gains=gains_of(costs)[:exits],
        hints=(1.0,) * exits,
        moved=_moved(request, front),
    )


def _moved(request: Planned, front: _Front) -> Moved | None:
    if request.cancel_ms is not None:
        at_s = request.send_s + request.cancel_ms / 1e3
        return Moved(at_s=max(at_s, request.send_s + front.before_s), deadline_s=at_s)
    if request.move is None:
        return None
    return Moved(
        at_s=request.send_s + max(request.move.at_ms / 1e3, front.before_s),
        deadline_s=request.send_s + request.move.total_ms / 1e3 - front.after_s,
    )


def _outcome(request: Planned, fate: Fate, front: _Front, scored: bool) -> Outcome:
    """The record that a server's client would have made."""
    deadline_ms = request.budget_ms
    asked = request.move is not None and request.cancel_ms is None and fate.granted is not None
    if asked and fate.granted and request.move is not None:
        deadline_ms = request.move.total_ms
    end_ms = 1e3 * (fate.ended_s + (front.after_s if fate.admitted else 0.0) - request.send_s)
    if 0.0 < end_ms - deadline_ms <= 2e3 * TOLERANCE_S:  # the simulation looks a moment after the deadline
        end_ms = deadline_ms
    first_ms = None if fate.first_s is None else 1e3 * (fate.first_s + front.after_s - request.send_s)
    outcome = Outcome(
        index=request.index,
        send_s=request.send_s,
        lag_ms=0.0,
        budget_ms=request.budget_ms,
        ending=_ending(fate),
        end_ms=end_ms,
        cause="" if fate.admitted else "deadline",
        first_ms=first_ms,
        exit=fate.exit,
        reason="" if not fate.admitted else "DEADLINE" if end_ms >= deadline_ms else "FINAL_EXIT",
        late=fate.admitted and not (fate.exit and fate.promise_kept),
        elapsed_ms=end_ms,
        budget_in_force_ms=deadline_ms if fate.admitted else 0.0,
        request_class=request.request_class,
        picture=request.picture or 0,
        revised_ms=request.move.total_ms if asked and request.move is not None else None,
        granted=fate.granted if asked else None,
        quality=fate.utility if scored else None,
    )
    if request.cancel_ms is not None and fate.admitted and end_ms >= request.cancel_ms:
        return replace(outcome, ending=Ending.CANCELLED, quality=None, late=False)
    return outcome


def _ending(fate: Fate) -> Ending:
    if not fate.admitted:
        return Ending.REFUSED
    return Ending.ANSWERED if fate.exit else Ending.NO_EXIT
