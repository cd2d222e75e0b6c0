"""From what a search chose to a folder that a server takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from interim.model_zoo.deployment import read, weights_of, write
from interim.training.deployment.search import Setting

if TYPE_CHECKING:
    from pathlib import Path

    from interim.training.deployment.field import Field
    from interim.training.deployment.search import Chosen


def deploy(chosen: Chosen, field: Field, source: Path, target: Path) -> None:
    """Write the chosen exits of the trained ones in `source` to `target`, as a deployment of their own.

    A budgeted one ends at its exit, so blocks after it are left out; the others end at the last.

    Raises:
        CheckpointError: `source` has no such exits.
    """
    whole, weights = read(source)
    exits = chosen.exits if chosen.setting is Setting.BUDGETED else (*chosen.exits, field.last)
    plans = {each.name: each for each in whole.exits}
    measured = [replace(plans[each.name], miou=each.miou, quality=each.quality) for each in exits]
    plan = whole.only(measured, chosen.rules, name=target.name)
    write(target, plan, weights_of(plan, whole, weights))
