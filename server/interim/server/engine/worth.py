"""What a model's exits are worth, as its scheduler is told."""

from __future__ import annotations

from itertools import accumulate
from math import isfinite
from typing import TYPE_CHECKING

from interim.scheduling.utility import ValidatedUtility

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.anytime import ExitSpec

LEAST_GAIN = 1e-3
"""Every exit counts at least this more than the one before: asked for, it is run when there is nothing better."""


def worth(exits: Sequence[ExitSpec]) -> ValidatedUtility:
    """The validated quality of the exits, and the share of positions their stages refine.

    A model whose exits were not all measured (a user's own, random weights) is taken to gain half as much
    with each exit as with the one before; a stage of unknown share, to refine everything.
    """
    measured = [exit_.quality for exit_ in exits if exit_.quality is not None and isfinite(exit_.quality)]
    if len(measured) < len(exits) or not any(quality > 0.0 for quality in measured):
        measured = [1.0 - 0.5**number for number, _ in enumerate(exits, 1)]
    rising = accumulate(measured, lambda before, quality: max(before + LEAST_GAIN, quality), initial=0.0)
    return ValidatedUtility(
        quality=tuple(rising)[1:],
        active_share=tuple(_share(exit_.active_share) for exit_ in exits),
    )


def _share(share: float | None) -> float:
    return share if share is not None and 0.0 < share <= 1.0 else 1.0
