"""A network as a simulator knows it: what its stages cost and what its exits are worth, on average."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from interim.scheduling.charge import Charge
from interim.scheduling.costs import CostModel

_LEAST_SHARE = 1e-3  # of positions, where a stage had none to refine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.traced import Traced
    from interim.scheduling.job import Job, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One image size of one model.

    Attributes:
        dense_s: Seconds of each stage with every position active.
        shares: The mean share of positions each stage refines; 1 for the first.
        gains: What each exit adds to the quality, on average.
    """

    dense_s: tuple[float, ...]
    shares: tuple[float, ...]
    gains: tuple[float, ...]

    @property
    def full_s(self) -> float:
        """Seconds of all stages of an average image."""
        return sum(dense_s * share for dense_s, share in zip(self.dense_s, self.shares, strict=True))


def average(requests: Sequence[Traced]) -> Network:
    """The network that requests were run on, as far as their averages tell."""
    seconds, shares, gains = (
        [fmean(values) for values in zip(*lists, strict=True)]
        for lists in (
            [request.stage_s for request in requests],
            [request.shares for request in requests],
            [request.gains for request in requests],
        )
    )
    shares = [max(share, _LEAST_SHARE) for share in shares]
    dense_s = (spent_s / share for spent_s, share in zip(seconds, shares, strict=True))
    return Network(dense_s=tuple(dense_s), shares=tuple(shares), gains=tuple(gains))


class ExactCosts(CostModel):
    """A stage costs its dense seconds times the active share, at every quantile; nothing is left to learn."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self._dense_s = network.dense_s

    def mean(self, stage: int, size: Size, *, active_share: float = 1.0, batch: int = 1) -> float:  # noqa: ARG002 (the interface)
        """Seconds of a step."""
        return batch * self._dense_s[stage - 1] * active_share

    def charge(
        self,
        stage: int,
        size: Size,
        quantile: float,  # noqa: ARG002 (the interface)
        *,
        active_share: float = 1.0,
        batch: int = 1,
    ) -> Charge:
        """Seconds of a step, at every quantile: none is slow."""
        return Charge.of(self.mean(stage, size, active_share=active_share, batch=batch))

    def observe(
        self, stage: int, size: Size, seconds: float, *, active_share: float = 1.0, batch: int = 1
    ) -> None:
        """Learns nothing."""


class Forecast:
    """What a scheduler may expect of a job: an `interim.scheduling.utility.Utility`.

    Before exit 1, the network's averages. From then on, an image that needs more positions than most will
    go on needing more, and gains in proportion; the next gain is known better still, by the confidence of
    the newest exit (the request's hint), and not before that exit is complete.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._hints: dict[tuple[int, int], float] = {}

    def learn(self, request: Traced, exit_: int) -> None:
        """An exit of a request is complete, and with it what it says of the next gain."""
        if exit_ < len(request.hints):
            self._hints[request.id, exit_] = request.hints[exit_]

    def gains(self, job: Job) -> Sequence[float]:
        """What the exits after `job.exit` would add, each on top of the one before."""
        ratios = self._ratios(job)
        gains = [gain * ratio for gain, ratio in zip(self._network.gains[job.exit :], ratios, strict=True)]
        if gains:
            gains[0] *= self._hints.get((job.id, job.exit), 1.0)
        return gains[: job.max_exit - job.exit]

    def shares(self, job: Job) -> Sequence[float]:
        """The active shares to expect of the same stages; the first is known."""
        ratios = self._ratios(job)
        means = self._network.shares[job.exit :]
        shares = [mean * ratio for mean, ratio in zip(means, ratios, strict=True)]
        return shares[: job.max_exit - job.exit]

    def _ratios(self, job: Job) -> list[float]:
        """How much more than an average image this one needs of each stage to come; none beyond all positions."""
        means = self._network.shares[job.exit :]
        if not job.exit or not means:
            return [1.0] * len(means)
        ratio = job.active_share / means[0]
        return [min(ratio, 1.0 / mean) for mean in means]
