"""One training: so many steps under one learning-rate cycle, kept on disk so that it can go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from interim.model_zoo.whole_file import replaced
from interim.training.schedule import one_cycle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor, nn

    from interim.training.schemes import Scheme

EVERY = 250
"""Steps between two checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long and how fast: AdamW, a cycle that rises for a tenth of the steps."""

    steps: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.01


def follow(
    course: Course,
    network: nn.Module,
    loss: Callable[[int], Tensor],
    file: Path,
    scheme: Scheme | None = None,
) -> None:
    """Train `network` in place by `loss` (of a step, from 0) to the course's end, or go on where `file` ended.

    `file` keeps the weights of a finished training, so following it again loads them. A `scheme` that `loss`
    uses is kept with them.
    """
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=course.learning_rate, weight_decay=course.weight_decay
    )
    first = _loaded(file, network, optimizer, scheme)
    steps = range(first, course.steps)
    for step in tqdm(steps, file.stem, total=course.steps, initial=first, disable=None, leave=False):
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step, course.steps, course.learning_rate, 0.1)
        optimizer.zero_grad(set_to_none=True)
        loss(step).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if (step + 1) % EVERY == 0 or step + 1 == course.steps:
            _save(file, step + 1, network, optimizer, scheme)


def _save(
    file: Path, step: int, network: nn.Module, optimizer: torch.optim.Optimizer, scheme: Scheme | None
) -> None:
    state = {
        "step": step,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheme": scheme.state() if scheme else {},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(file) as unfinished:
        torch.save(state, unfinished)


def _loaded(file: Path, network: nn.Module, optimizer: torch.optim.Optimizer, scheme: Scheme | None) -> int:
    """The step to go on with."""
    if not file.is_file():
        return 0
    state: dict[str, Any] = torch.load(file, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    if scheme:
        scheme.load(state["scheme"])
    return int(state["step"])
