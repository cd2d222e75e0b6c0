"""Costs that are known exactly, and jobs with plain defaults, for tests that count seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from interim.scheduling.charge import Charge
from interim.scheduling.costs import CostModel
from interim.scheduling.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.scheduling.job import Size


class ExactCosts(CostModel):
    """Stage k costs k seconds times the active share, for ever.

    A size half as high costs half; each further job of a batch costs `further` of the first. With a `tail` a
    stage may take that much longer, as a share of what it costs.
    """

    def __init__(self, further: float, tail: float = 0.0) -> None:
        super().__init__()
        self._further = further
        self._tail = tail

    def mean(self, stage: int, size: Size, *, active_share: float = 1.0, batch: int = 1) -> float:
        return stage * size[0] / 100 * active_share * (1.0 + (batch - 1) * self._further)

    def charge(
        self, stage: int, size: Size, quantile: float, *, active_share: float = 1.0, batch: int = 1
    ) -> Charge:
        mean_s = self.mean(stage, size, active_share=active_share, batch=batch)
        return Charge.of(mean_s, self._tail * mean_s / 2.0, self._tail * mean_s / 2.0)

    def observe(
        self, stage: int, size: Size, seconds: float, *, active_share: float = 1.0, batch: int = 1
    ) -> None:
        """Nothing is learnt."""


@pytest.fixture(scope="session")
def exact_costs() -> Callable[..., CostModel]:
    return ExactCosts


@pytest.fixture
def costs() -> CostModel:
    return ExactCosts(0.5)


@pytest.fixture(scope="session")
def make_job() -> Callable[..., Job]:
    def make(job_id: int, answer_by_s: float, **fields: Any) -> Job:
        plain: dict[str, Any] = {"arrival_s": 0.0, "ready_s": 0.0, "size": (100, 200), "max_exit": 4}
        return Job(id=job_id, answer_by_s=answer_by_s, **{**plain, **fields})

    return make
