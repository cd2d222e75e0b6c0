"""Quantiles by nearest rank: every figure printed is one that was measured."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def quantile(values: Iterable[float], share: float) -> float | None:
    """The least value that at least `share` (0 to 1) of the values do not exceed; None of no values."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)), 1) - 1] if ranked else None


def spread(values: Iterable[float], *shares: float) -> dict[str, float | None]:
    """Several quantiles by name (`p50`, `p99`, `max`): by default the median, the 99th and the largest."""
    kept = list(values)
    return {_name(share): quantile(kept, share) for share in shares or (0.5, 0.99, 1.0)}


def _name(share: float) -> str:
    return {0.0: "min", 1.0: "max"}.get(share, f"p{share * 100:g}")
