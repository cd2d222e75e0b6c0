"""Learning rate and weight averaging over the steps of one phase."""

from __future__ import annotations

import math


def one_cycle(step: int, steps: int, peak: float, warmup: float) -> float:
    """The learning rate of one step: a linear rise over a `warmup` share, then half a cosine to nothing.

    After Smith & Topin, "Super-Convergence" (2018). `step` counts from 0 to `steps` - 1.
    """
    rise = max(1, round(steps * warmup))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise + 1) / max(1, steps - rise + 1)))


def average_decay(step: int, decay: float) -> float:
    """How much of the averaged weights stays at one step: little at first, `decay` in the long run."""
    return min(decay, (1 + step) / (10 + step))
