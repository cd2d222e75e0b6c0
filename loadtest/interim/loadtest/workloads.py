"""The suites' traffic: kinds of arrivals at several loads, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from math import exp
from random import Random
from typing import TYPE_CHECKING

from interim.loadtest.arrivals import Arrivals, Gamma, Poisson, TwoState
from interim.loadtest.network import Network
from interim.loadtest.traced import Moved, Traced

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = ("poisson", "gamma4", "two-state", "revised")
LOADS = (0.5, 1.0, 2.0, 4.0)

_DENSE = (1.0, 1.3, 5.6, 6.6)  # of stage 1: what HRNet-W48's four stages cost without masks
_MASKED_GFLOPS = (41.9, 93.9, 259.3, 387.1)  # up to each exit, with masks (the ADP-C table)
_QUALITY = (0.443, 0.601, 0.768, 0.813)  # mIoU of each exit

_MASK_DEVIATION = (0.0, 0.1, 0.4, 0.4)  # of the logarithm of each stage's share, between images
_GUESSWORK = (0.35, 0.25)  # of the logarithm of a gain: what the exit before says, and what nobody does

_LATE = (0.30, 0.34, 0.76, 0.80)  # not concave: exit 2 alone is worth little, with exit 3 it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Traffic for one device.

    Attributes:
        name: Of the kind and the load.
        kind: One of `KINDS`; "revised" is Poisson with 30 % of the deadlines moved in flight.
        load: The work offered, full runs of the network, as a share of what the device can do.
        budgets: The least and the largest relative deadline, in full runs; any between is as likely.
        quality: Of each exit, on average.
        guesswork: How far an image's gains stray from what its mask says (deviations of the logarithm): as
            far as the exit before can tell, and as far as nobody can.
    """

    name: str
    kind: str
    load: float
    budgets: tuple[float, float] = (0.5, 4.0)
    quality: tuple[float, ...] = _QUALITY
    guesswork: tuple[float, float] = _GUESSWORK


def hrnet(stage1_s: float, quality: Sequence[float] = _QUALITY) -> Network:
    """HRNet-W48 on Cityscapes, as in the published suite, where stage 1 takes `stage1_s` seconds.

    Costs and mIoU from Z. Liu, T. Darrell and E. Shelhamer, "Confidence Adaptive Anytime Pixel-Level
    Recognition" (ICLR 2022), table of ADP-C; costs in proportion to its operations.
    """
    steps = [after - before for before, after in zip((0.0, *_MASKED_GFLOPS), _MASKED_GFLOPS, strict=False)]
    gains = [after - before for before, after in zip((0.0, *quality), quality, strict=False)]
    return Network(
        dense_s=tuple(stage1_s * dense for dense in _DENSE),
        shares=tuple(step / steps[0] / dense for step, dense in zip(steps, _DENSE, strict=True)),
        gains=tuple(gains),
    )


def published() -> tuple[Workload, ...]:
    """The sixteen scenarios of the published suite."""
    return tuple(Workload(name=f"{kind}-{load:g}", kind=kind, load=load) for kind in KINDS for load in LOADS)


def edges() -> tuple[Workload, ...]:
    """What the published suite leaves out: exits that are not concave, and tight deadlines.

    In "late" and "even" the gains are no guesswork, so that the bound, which knows every image, is in reach:
    the two differ in the shape of their quality alone.
    """
    shapes = [("late", _LATE), ("even", _QUALITY)]
    told = [
        Workload(name=f"{name}-{kind}-{load:g}", kind=kind, load=load, quality=quality, guesswork=(0.0, 0.0))
        for name, quality in shapes
        for kind in ("poisson", "two-state")
        for load in LOADS[1:]
    ]
    tight = [
        Workload(name=f"tight-{kind}-{load:g}", kind=kind, load=load, budgets=(0.15, 1.0))
        for kind in ("poisson", "two-state")
        for load in LOADS
    ]
    return (*told, *tight)


def none() -> tuple[Workload, ...]:
    """No scenario: a suite of capacities alone."""
    return ()


SUITES = {"published": published, "edges": edges, "capacity": none}


def draw(workload: Workload, network: Network, *, requests: int, seed: int) -> tuple[Traced, ...]:
    """Requests of a workload; arrivals, deadlines, images and revisions from streams of their own."""
    arrivals = _arrivals(workload, network)
    instants = islice(arrivals.instants(Random(f"{seed} arrivals")), requests)
    budgets, images, revisions = (Random(f"{seed} {what}") for what in ("budgets", "images", "revisions"))
    low, high = workload.budgets
    drawn = []
    for id_, arrival_s in enumerate(instants):
        budget_s = network.full_s * budgets.uniform(low, high)
        shares, gains, hints = _image(network, workload.guesswork, images)
        drawn.append(
            Traced(
                id=id_,
                arrival_s=arrival_s,
                deadline_s=arrival_s + budget_s,
                stage_s=tuple(d * share for d, share in zip(network.dense_s, shares, strict=True)),
                shares=shares,
                gains=gains,
                hints=hints,
                moved=_moved(arrival_s, budget_s, revisions) if workload.kind == "revised" else None,
            )
        )
    return tuple(drawn)


def _arrivals(workload: Workload, network: Network) -> Arrivals:
    rate_hz = workload.load / network.full_s
    if workload.kind == "gamma4":
        return Gamma(rate_hz=rate_hz, variation=4.0)
    if workload.kind == "two-state":
        unit_s = network.dense_s[0]
        return TwoState(rate_hz=rate_hz, calm_s=160.0 * unit_s, burst_s=40.0 * unit_s)
    return Poisson(rate_hz=rate_hz)


def _image(
    network: Network, guesswork: tuple[float, float], random: Random
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """The shares, gains and hints of one image: a hard one needs more positions and gains more later."""
    known, unknown = guesswork
    hardness = random.gauss(0.0, 1.0)
    shares, gains, hints = [1.0], [_first_gain(network, hardness)], [1.0]
    for mean_share, mean_gain, deviation in _later(network):
        share = min(max(mean_share * exp(deviation * hardness - deviation**2 / 2), 0.05), 1.0)
        hint = _around_one(known, random)
        shares.append(share)
        gains.append(mean_gain * share / mean_share * hint * _around_one(unknown, random))
        hints.append(hint)
    return tuple(shares), tuple(gains), tuple(hints)


def _later(network: Network) -> Sequence[tuple[float, float, float]]:
    return list(zip(network.shares, network.gains, _MASK_DEVIATION, strict=True))[1:]


def _first_gain(network: Network, hardness: float) -> float:
    return min(max(network.gains[0] * exp(-0.15 * hardness - 0.15**2 / 2), 0.05), 0.8)


def _around_one(deviation: float, random: Random) -> float:
    """Log-normal with mean 1."""
    return exp(random.gauss(0.0, deviation) - deviation**2 / 2)


def _moved(arrival_s: float, budget_s: float, random: Random) -> Moved | None:
    """In 30 % of the requests: of these 70 % shorten what is left to 0 to 70 %, the others extend."""
    if random.random() >= 0.3:
        return None
    at_s = arrival_s + budget_s * random.uniform(0.1, 0.9)
    left_s = arrival_s + budget_s - at_s
    if random.random() < 0.7:
        return Moved(at_s=at_s, deadline_s=at_s + left_s * random.uniform(0.0, 0.7))
    return Moved(at_s=at_s, deadline_s=at_s + left_s + budget_s * random.uniform(0.2, 1.0))
