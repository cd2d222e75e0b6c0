"""What several ways to run one network take here: measured, where nobody can know."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.anytime import finish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from interim.model_zoo.anytime import AnytimeModel

SIZE = (256, 512)
ROUNDS = 5
"""Of all models by turns; one more before them does not count."""


def run_times(
    models: Sequence[AnytimeModel], *, clock: Callable[[], float] = time.perf_counter
) -> list[float]:
    """The median seconds of all stages of each, for an image of noise, of which hardly anything is skipped.

    Args:
        models: Any.
        clock: Says the time in seconds.
    """
    images = torch.randint(0, 256, (1, 3, *SIZE), generator=torch.Generator().manual_seed(1)).to(torch.uint8)
    seconds: list[list[float]] = [[] for _ in models]
    for _ in range(ROUNDS + 1):
        for model, spent in zip(models, seconds, strict=True):
            begun_s = clock()
            _run(model, images)
            spent.append(clock() - begun_s)
    return [statistics.median(spent[1:]) for spent in seconds]


def _run(model: AnytimeModel, images: Tensor) -> None:
    """All stages."""
    with torch.inference_mode():
        state = model.start(images)
        for exit_ in range(1, len(model.spec.exits) + 1):
            state = finish(model.stage(exit_, state))
