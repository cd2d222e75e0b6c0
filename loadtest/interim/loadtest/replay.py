"""Planned requests on a simulated device: the same requests that a server would be sent, and the same records.

The device decides with the server's own scheduler and with costs that it learns; it measures again what it
doubts. Stages take what they took when they were measured, images are decoded before they can run, and an exit
counts that is complete a margin before the deadline, as the server's timer has it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from random import Random
from typing import TYPE_CHECKING, Any

from interim.loadtest.network import Network
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.quantiles import quantile
from interim.loadtest.run_file import Run
from interim.loadtest.simulation import LONGEST_GRACE_S, SIZE, TOLERANCE_S, Device, simulate
from interim.loadtest.traced import Moved, Traced
from interim.scheduling.costs import CostModel
from interim.scheduling.mandatory import PROMISE_QUANTILE
from interim.scheduling.spread import WINDOW
from interim.scheduling.utility import HALVING, ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.costs import Costs
    from interim.loadtest.fates import Fate
    from interim.loadtest.plan import Planned

LEAST_GAIN = 1e-3
"""As a server has it: every exit counts at least this more than the one before."""

_EARLY = 64  # observations that are judged by a mean of few, and forgotten by the end
_USUALLY = 0.95  # of decodings: what a server tells admission that they take


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    """In seconds: how long before its deadline an exit must be complete, and from complete to handed over."""

    margin_s: float
    after_s: float


def replay(
    requests: Sequence[Planned], costs: Costs, *, policy: str, name: str, seed: int = 1, charged: bool = False
) -> Run:
    """Runs requests through one simulated device.

    What stages and decoding take is drawn, by the seed, from what was measured. Cancelled requests end when they
    are cancelled; readers are never slow; every request is told its own deadline.

    Args:
        requests: As a server would be sent them.
        costs: What was measured of it.
        policy: The scheduler's.
        name: Of the run.
        seed: Draws what stages take.
        charged: Whether the device waits for each decision, as long as it takes here. (Measured stages have the
            server's own decisions in them already.)
    """
    random = Random(f"{seed} stages")
    after_s = costs.after_ms / 1e3
    front = _Front(margin_s=max(costs.margin_ms / 1e3, after_s), after_s=after_s)
    learnt = _learnt(costs, random)
    device = Device(
        network=network_of(costs),
        policy=policy,
        admission=True,
        charged=charged,
        costs=lambda _: learnt,
        utility=_worth(costs),
        ready_s=_ready_s(costs, learnt, front),
        probes=True,
    )
    traced = [_traced(request, costs, front, random) for request in requests]
    fates = {fate.id: fate for fate in simulate(traced, device).fates}
    outcomes = tuple(_outcome(request, fates[request.index], costs, front) for request in requests)
    facts: dict[str, Any] = {
        "simulated": True,
        "policy": policy,
        "model": {"name": costs.model, "exits": [{"quality": each} for each in costs.quality]},
        "costs": costs.as_json(),
        "interrupted": False,
        "planned": len(requests),
    }
    quality_from = "validated" if costs.quality else ""
    return Run(name=name, outcomes=outcomes, quality_from=quality_from, facts=facts)


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


def drawn_s(picture: Sequence[float], costs: Costs, random: Random) -> tuple[float, ...]:
    """What the stages of a picture take this time, in seconds; `picture`: their means in milliseconds."""
    return tuple(ms / 1e3 * random.choice(noise) for ms, noise in zip(picture, costs.noise, strict=True))


def _learnt(costs: Costs, random: Random) -> CostModel:
    """What a server's scheduler knows of the costs once these runs were measured through it."""
    learnt = CostModel()
    pictures = tuple(zip(costs.pictures, costs.shares, strict=True))
    for stage, noise in enumerate(costs.noise, 1):
        for _ in range(WINDOW + _EARLY):
            stage_ms, shares = random.choice(pictures)
            spent_s = random.choice(noise) * stage_ms[stage - 1] / 1e3
            learnt.observe(stage, SIZE, spent_s, active_share=shares[stage - 1])
    return learnt


def _worth(costs: Costs) -> ValidatedUtility:
    """What a server's scheduler takes exits to be worth."""
    if not costs.quality:
        return HALVING
    rising = accumulate(costs.quality, lambda before, each: max(before + LEAST_GAIN, each), initial=0.0)
    return ValidatedUtility(
        quality=tuple(rising)[1:], active_share=tuple(share if share > 0 else 1.0 for share in costs.share)
    )


def _ready_s(costs: Costs, learnt: CostModel, front: _Front) -> float:
    """What admission is told of decoding: what it usually takes or, measured, what hopeless budgets betray."""
    usual_s = (quantile(costs.ready_ms, _USUALLY) or 0.0) / 1e3
    exit1_s = learnt.predict(1, SIZE, PROMISE_QUANTILE)
    return max(costs.least_ms / 1e3 - front.margin_s - exit1_s, usual_s)


def _traced(request: Planned, costs: Costs, front: _Front, random: Random) -> Traced:
    which = request.dealt % len(costs.pictures)
    stage_s = drawn_s(costs.pictures[which], costs, random)
    exits = min(request.max_exit or len(stage_s), len(stage_s))
    return Traced(
        id=request.index,
        arrival_s=request.send_s,
        deadline_s=request.send_s + request.budget_ms / 1e3 - front.margin_s,
        stage_s=stage_s[:exits],
        shares=costs.shares[which][:exits],
        gains=gains_of(costs)[:exits],
        hints=(1.0,) * exits,
        moved=_moved(request, front),
        ready_s=random.choice(costs.ready_ms) / 1e3,
    )


def _moved(request: Planned, front: _Front) -> Moved | None:
    if request.cancel_ms is not None:
        at_s = request.send_s + request.cancel_ms / 1e3
        return Moved(at_s=at_s, deadline_s=at_s)
    if request.move is None:
        return None
    return Moved(
        at_s=request.send_s + request.move.at_ms / 1e3,
        deadline_s=request.send_s + request.move.total_ms / 1e3 - front.margin_s,
    )


def _outcome(request: Planned, fate: Fate, costs: Costs, front: _Front) -> Outcome:
    """The record that a server's client would have made."""
    deadline_ms = request.budget_ms
    asked = request.move is not None and request.cancel_ms is None and fate.granted is not None
    if asked and fate.granted and request.move is not None:
        deadline_ms = request.move.total_ms
    exit_ = _exit(fate, request.send_s + deadline_ms / 1e3 - front.margin_s, request.send_s)
    end_ms = 1e3 * (fate.ended_s + (front.after_s if fate.admitted else 0.0) - request.send_s)
    if 0.0 < end_ms - deadline_ms <= 2e3 * TOLERANCE_S:  # the simulation looks a moment after the deadline
        end_ms = deadline_ms
    first_ms = None if fate.first_s is None else 1e3 * (fate.first_s + front.after_s - request.send_s)
    late = fate.admitted and (not exit_ or end_ms > deadline_ms)
    worth = (0.0, *costs.quality)
    outcome = Outcome(
        index=request.index,
        send_s=request.send_s,
        lag_ms=0.0,
        budget_ms=request.budget_ms,
        ending=_ending(fate, exit_),
        end_ms=end_ms,
        cause="" if fate.admitted else "deadline",
        first_ms=first_ms,
        exit=exit_,
        reason=_reason(request, fate, exit_, costs),
        late=late,
        elapsed_ms=end_ms,
        budget_in_force_ms=deadline_ms if fate.admitted else 0.0,
        request_class=request.request_class,
        picture=request.dealt % len(costs.pictures),
        revised_ms=request.move.total_ms if asked and request.move is not None else None,
        granted=fate.granted if asked else None,
        quality=(0.0 if late else worth[exit_]) if costs.quality else None,
    )
    if request.cancel_ms is not None and fate.admitted and end_ms >= request.cancel_ms:
        return replace(outcome, ending=Ending.CANCELLED, quality=None, late=False)
    return outcome


def _exit(fate: Fate, due_s: float, send_s: float) -> int:
    """The exit it ended with; one without any by its timer was waited for, and ended with exit 1 when that came."""
    patience_s = due_s + min(due_s - send_s, LONGEST_GRACE_S)
    waited = fate.admitted and not fate.exit and due_s < fate.ended_s < patience_s - TOLERANCE_S
    return 1 if waited else fate.exit


def _ending(fate: Fate, exit_: int) -> Ending:
    if not fate.admitted:
        return Ending.REFUSED
    return Ending.ANSWERED if exit_ else Ending.NO_EXIT


def _reason(request: Planned, fate: Fate, exit_: int, costs: Costs) -> str:
    if not fate.admitted:
        return ""
    exits = len(costs.stage_ms)
    return "FINAL_EXIT" if exit_ >= min(request.max_exit or exits, exits) else "DEADLINE"
