"""Policies against workloads and the clairvoyant bound, seed by seed; as a value, as JSON, as a table."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from interim.loadtest.bound import lp_bound
from interim.loadtest.simulation import Device, simulate
from interim.loadtest.workloads import Workload, draw, hrnet
from interim.scheduling.policy import serving_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.network import Network
    from interim.loadtest.traced import Traced


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What every cell of a suite is run with.

    Attributes:
        policies: Their names; the first one is what the others are compared with.
        requests: How many a seed.
        stage1_s: What stage 1 takes: decision times, which are real, weigh against it.
        admission: Whether the policies that keep promises refuse what they could not keep; the others
            never refuse.
    """

    policies: tuple[str, ...]
    requests: int = 300
    stage1_s: float = 0.005
    admission: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One policy on one workload and seed; shares are from 0 to 1.

    `decision_us`: a whole choice, on average. `waited_us`: what of it the device waits for.
    """

    utility: float
    lp_share: float
    lp_share_charged: float
    attainment: float
    admitted_share: float
    decision_us: float
    waited_us: float


Cell = dict[str, Score]


@dataclass(slots=True, kw_only=True)
class Report:
    """The scores of a suite, as far as its cells are in."""

    suite: str
    seeds: int
    seed_base: int
    terms: Terms
    cells: dict[str, list[Cell]] = field(default_factory=lambda: defaultdict(list))
    capacity: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`. `against_default`: how far a policy's lp_share lies above the default's."""
        return {
            "suite": self.suite,
            "seeds": self.seeds,
            "seed_base": self.seed_base,
            "requests": self.terms.requests,
            "stage1_ms": self.terms.stage1_s * 1e3,
            "default_policy": self.terms.policies[0],
            "rows": [self._row(name, policy) for name in self.cells for policy in self.terms.policies],
            "capacity": {policy: {"0.60": load} for policy, load in self.capacity.items()},
        }

    def as_table(self) -> str:
        """Lines for people: each workload's policies, then their means and least shares of the bound."""
        head = f"{'scenario':<14} {'policy':<22} {'utility':>7} {'%LP':>6} {'charged':>7} {'exit 1':>7} {'admitted':>8}"
        lines = [f"{head} {'us':>5}  points to {self.terms.policies[0]} (95 %)"]
        lines += [_line(self._row(name, policy)) for name in self.cells for policy in self.terms.policies]
        lines += [
            "",
            f"{'over all':<14} {'policy':<22} {'mean %LP':>8} {'least':>6} {'charged':>7}  capacity at .60",
        ]
        return "\n".join([*lines, *(self._overall(policy) for policy in self.terms.policies)])

    def _row(self, name: str, policy: str) -> dict[str, Any]:
        scores = [cell[policy] for cell in self.cells[name]]
        default = [cell[self.terms.policies[0]] for cell in self.cells[name]]
        gaps = [one.lp_share - other.lp_share for one, other in zip(scores, default, strict=True)]
        mean, low, high = paired(gaps)
        return {
            "scenario": name,
            "policy": policy,
            "admission": _refuses(policy, self.terms),
            "utility": fmean(score.utility for score in scores),
            "lp_share": fmean(score.lp_share for score in scores),
            "lp_share_charged": fmean(score.lp_share_charged for score in scores),
            "attainment": fmean(score.attainment for score in scores),
            "admitted_share": fmean(score.admitted_share for score in scores),
            "decision_us": fmean(score.decision_us for score in scores),
            "waited_us": fmean(score.waited_us for score in scores),
            "against_default": {"mean": mean, "low": low, "high": high},
            "lp_share_by_seed": [score.lp_share for score in scores],
            "lp_share_charged_by_seed": [score.lp_share_charged for score in scores],
        }

    def _overall(self, policy: str) -> str:
        rows = [self._row(name, policy) for name in self.cells]
        capacity = f"{self.capacity[policy]:.2f}" if policy in self.capacity else ""
        if not rows:
            return f"{'':<14} {policy:<22} {'':8} {'':6} {'':7}  {capacity}"
        shares = [100 * row["lp_share"] for row in rows]
        charged = 100 * fmean(row["lp_share_charged"] for row in rows)
        return f"{'':<14} {policy:<22} {fmean(shares):8.2f} {min(shares):6.2f} {charged:7.2f}  {capacity}"


def score_cell(workload: Workload, seed: int, terms: Terms) -> Cell:
    """Every policy on the same requests, against their bound."""
    network = hrnet(terms.stage1_s, workload.quality)
    return score(draw(workload, network, requests=terms.requests, seed=seed), network, terms)


def score(requests: Sequence[Traced], network: Network, terms: Terms) -> Cell:
    """Every policy on these requests, against their bound."""
    bound = lp_bound(requests)
    if bound <= 0.0:
        raise ArithmeticError(
            "No schedule can deliver any exit of these requests: there is nothing to compare."
        )
    cell: Cell = {}
    for policy in terms.policies:
        admission = _refuses(policy, terms)
        run = simulate(requests, Device(network=network, policy=policy, admission=admission))
        charged = simulate(
            requests, Device(network=network, policy=policy, admission=admission, charged=True)
        )
        cell[policy] = Score(
            utility=run.utility,
            lp_share=run.utility / bound,
            lp_share_charged=charged.utility / bound,
            attainment=run.attainment,
            admitted_share=run.admitted_share,
            decision_us=1e6 * run.decision_s / max(run.decisions, 1),
            waited_us=1e6 * charged.decision_s / max(charged.decisions, 1),
        )
    return cell


def capacity(policy: str, seeds: Sequence[int], terms: Terms, *, utility: float = 0.60) -> float:
    """The Poisson load at which the mean utility falls to `utility`; policy "lp" is the bound.

    Bisection between a load of 0.05 and 12.8, in the logarithm, on the same draws: within 1 %.
    """
    low, high = 0.05, 12.8
    while high / low > 1.01:
        load = sqrt(low * high)
        if fmean(_utility(policy, load, seed, terms) for seed in seeds) >= utility:
            low = load
        else:
            high = load
    return sqrt(low * high)


def paired(gaps: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The mean of paired differences and its 95 % interval (Student's t); no interval of a single one."""
    mean = fmean(gaps)
    if len(gaps) < 2:
        return mean, None, None
    from scipy.special import stdtrit  # noqa: PLC0415  scipy is large, and few commands need it

    half = float(stdtrit(len(gaps) - 1, 0.975)) * stdev(gaps) / sqrt(len(gaps))
    return mean, mean - half, mean + half


def _refuses(policy: str, terms: Terms) -> bool:
    return terms.admission and policy in serving_names()


def _utility(policy: str, load: float, seed: int, terms: Terms) -> float:
    network = hrnet(terms.stage1_s)
    workload = Workload(name="capacity", kind="poisson", load=load)
    requests = draw(workload, network, requests=terms.requests, seed=seed)
    if policy == "lp":
        return lp_bound(requests)
    return simulate(
        requests, Device(network=network, policy=policy, admission=_refuses(policy, terms))
    ).utility


def _line(row: dict[str, Any]) -> str:
    gap = row["against_default"]
    shares = [100 * row[name] for name in ("lp_share", "lp_share_charged", "attainment", "admitted_share")]
    figures = "{:6.2f} {:7.2f} {:7.2f} {:8.2f}".format(*shares)
    interval = (
        f"{100 * gap['low']:+.2f} .. {100 * gap['high']:+.2f}" if gap["low"] is not None else "one seed"
    )
    return (
        f"{row['scenario']:<14} {row['policy']:<22} {row['utility']:7.4f} {figures} {row['decision_us']:5.0f}"
        f"  {100 * gap['mean']:+6.2f} ({interval})"
    )
