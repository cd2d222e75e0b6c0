"""One step: a stage, for a batch of jobs that stand before it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Run the stage that ends at exit `exit` (from 1) for the jobs `ids`, all of one size, in this order."""

    exit: int
    ids: tuple[int, ...]
