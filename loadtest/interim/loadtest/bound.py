"""What a scheduler that knows the future could reach on one device: a linear programme over its schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from interim.loadtest.simulation import TOLERANCE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from interim.loadtest.traced import Traced


def lp_bound(requests: Sequence[Traced]) -> float:
    """The most mean utility any schedule can reach; preemption anywhere, and parts of stages, allowed.

    Maximises the sum of gain_is * y_is, where y_is in [0, 1] is how much of stage s of request i is run and
    y_i1 >= y_i2 >= ...; its seconds are spread over the intervals between arrivals and last deadlines that
    lie in the request's window, and no interval holds more than its length. A stage that could not end in
    time on an idle device is left out.
    """
    from scipy.optimize import linprog  # noqa: PLC0415  scipy is large, and only the bound needs it

    programme = _Programme(requests)
    solved = linprog(
        -programme.worth,
        A_ub=programme.rows,
        b_ub=programme.limits,
        bounds=np.column_stack([np.zeros_like(programme.most), programme.most]),
        method="highs",
    )
    if solved.status != 0:
        raise ArithmeticError(f"The bound of {len(requests)} requests was not found: {solved.message}")
    return float(-solved.fun) / len(requests)


def whole_stage_bound(requests: Sequence[Traced], *, limit_s: float = 20.0) -> float:
    """The same where a stage counts only as a whole: tighter, and only for some dozens of requests.

    A solver that runs out of `limit_s` seconds gives the best bound it has proved.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

    programme = _Programme(requests)
    solved = milp(
        -programme.worth,
        constraints=LinearConstraint(programme.rows, -np.inf, programme.limits),
        bounds=Bounds(0.0, programme.most),
        integrality=programme.whole,
        options={"time_limit": limit_s, "mip_rel_gap": 1e-4},
    )
    if solved.mip_dual_bound is None:
        raise ArithmeticError(f"No bound was proved in {limit_s:g} s: give more time or fewer requests.")
    return float(-solved.mip_dual_bound) / len(requests)


class _Programme:
    """The rows and columns: first every y_is, then the seconds of request i in each interval of its window.

    Stages cost the same in every interval, so seconds need not be told apart by stage.
    """

    def __init__(self, requests: Sequence[Traced]) -> None:
        stage_s = np.array([request.stage_s for request in requests])
        opens = np.array([request.arrival_s for request in requests])
        closes = np.maximum([request.last_deadline_s for request in requests], opens + TOLERANCE_S)
        instants = np.unique(np.concatenate([opens, closes]))
        owners, intervals = _windows(np.searchsorted(instants, opens), np.searchsorted(instants, closes))
        stages, seconds = stage_s.size, len(owners)
        in_time = np.cumsum(stage_s, axis=1) <= (closes - opens)[:, None] + TOLERANCE_S
        self.most = np.concatenate([in_time.ravel().astype(float), np.full(seconds, np.inf)])
        gains = np.array([request.gains for request in requests])
        self.worth = np.concatenate([gains.ravel(), np.zeros(seconds)])
        self.whole = np.concatenate([np.ones(stages), np.zeros(seconds)])
        lengths = np.diff(instants)
        self.limits = np.concatenate([lengths, np.zeros(stages)])
        self.rows = _rows(stage_s, owners, intervals, len(lengths))


def _windows(first: NDArray[Any], end: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """For each interval of each request's window: the request, and the interval."""
    owners = np.repeat(np.arange(len(first)), end - first)
    intervals = np.concatenate([np.arange(a, b) for a, b in zip(first, end, strict=True)])
    return owners, intervals


def _rows(stage_s: NDArray[Any], owners: NDArray[Any], intervals: NDArray[Any], lengths: int) -> Any:
    """Each interval's load, then each request's seconds for its stages, then y_is+1 - y_is."""
    from scipy.sparse import bmat, csr_matrix, eye, kron  # noqa: PLC0415

    count, exits = stage_s.shape
    columns = np.arange(len(owners))
    loads = csr_matrix((np.ones(len(owners)), (intervals, columns)), shape=(lengths, len(owners)))
    given = csr_matrix((-np.ones(len(owners)), (owners, columns)), shape=(count, len(owners)))
    stages = np.repeat(np.arange(count), exits)
    needed = csr_matrix((stage_s.ravel(), (stages, np.arange(stage_s.size))), shape=(count, stage_s.size))
    blocks = [[None, loads], [needed, given]]
    if exits > 1:
        step = eye(exits - 1, exits, k=1) - eye(exits - 1, exits)
        blocks.append([kron(eye(count), step), None])
    return bmat(blocks, format="csr")
