"""A recipe: everything that a training run depends on, read from one TOML file."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

from interim.model_zoo.kinds import misfit
from interim.training.schemes import SCHEMES

T = TypeVar("T")

TASKS = ("segmentation", "pose")

NOT_BELOW_0 = (
    "seed", "jitter", "scenes", "weight_decay", "settling", "class_weight_power", "class_weight_cap",
    "overlap", "turn_deg", "shift",
)  # fmt: skip
"""Entries of a recipe that are amounts."""

SHARES = ("masked_from", "warmup", "average_decay", "scenes_share", "scenes_until")
"""Entries of a phase that are shares."""


class RecipeError(ValueError):
    """A recipe cannot be read; the message names the entry, the rule and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of training under one learning-rate cycle.

    `learning_rate` is the peak, `warmup` the share of steps that rise to it. `average_decay`: how much
    of the averaged weights each step keeps. `scenes_share` of the crops are procedural scenes during
    the first `scenes_until` of the steps, none after.

    `masking`: confidence adaptivity is on, after the first `masked_from` of the steps, but for every
    `dense_every`-th step (0: none), so that the weights stay good without it too. `masked_statistics`:
    masked steps normalise by their own batch, and the running statistics follow them; false: they
    normalise by the running statistics, as in serving, which dense steps alone keep up.
    `frozen_statistics`: all steps normalise by the statistics that the phase found, as in serving, and
    leave them as they are.
    """

    name: str
    epochs: int
    learning_rate: float
    masking: bool = False
    masked_from: float = 0.0
    dense_every: int = 0
    masked_statistics: bool = True
    frozen_statistics: bool = False
    warmup: float = 0.1
    average_decay: float = 0.998
    scenes_share: float = 0.0
    scenes_until: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is trained, on what, and how; `data` may be named on the command line instead.

    `norm_momentum`: what each step's own statistics weigh in the running ones. `settling`: over how many
    batches the averaged weights' statistics are counted anew at the very end (0: they stay averages).

    `loss_scheme`: what the exits' losses weigh (schemes.py); "given": `exit_weights` (none: all 1). `overlap`: what
    each exit's Lovász-softmax loss (overlap.py) weighs beside its cross-entropy.

    `threshold`: the confidence that ends refinement, in training and after it (none: the network's own); `temperatures`: what divides each
    exit's logits before it is held against that, in both (none: nothing does).

    `task`: "segmentation", or "pose": crops are people, turned by at most `turn_deg` degrees and moved by
    at most `shift` of their size; `heat_sigma`: the standard deviation of a joint's bell, in cells of the
    heat map.
    """

    name: str
    network: str
    phases: tuple[Phase, ...]
    data: str = ""
    split: str = "train"
    licence: str = ""
    seed: int = 0
    batch: int = 8
    crop: tuple[int, int] = (320, 384)
    scales: tuple[float, float] = (0.5, 2.0)
    jitter: float = 0.5
    scenes: int = 0
    weight_decay: float = 0.01
    norm_momentum: float = 0.01
    settling: int = 0
    class_weight_power: float = 0.5
    class_weight_cap: float = 4.0
    exit_weights: tuple[float, ...] = ()
    loss_scheme: str = "given"
    overlap: float = 0.0
    threshold: float | None = None
    temperatures: tuple[float, ...] = ()
    fill: str = "rbf"
    bfloat16: bool = True
    task: str = "segmentation"
    turn_deg: float = 30.0
    shift: float = 0.05
    heat_sigma: float = 1.5


def read_recipe(path: Path) -> Recipe:
    """The recipe in one TOML file.

    Raises:
        RecipeError: the file is missing, is no TOML, or has an entry that no recipe has or of a wrong kind.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise RecipeError(f"There is no recipe {path}.") from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no readable TOML file: {error}.") from error
    phases = entries.pop("phases", [])
    if not isinstance(phases, list) or not phases or not all(isinstance(phase, dict) for phase in phases):
        raise RecipeError(f"{path} has no [[phases]]: a recipe has at least one.")
    built = tuple(_built(Phase, phase, path) for phase in phases)
    return _checked(_built(Recipe, {**entries, "phases": built}, path), path)


def _built(kind: type[T], entries: dict[str, Any], path: Path) -> T:
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(entries) - set(fields))
    if unknown:
        known = ", ".join(sorted(fields))
        raise RecipeError(
            f"{path} has the unknown entry {unknown[0]!r}; a {kind.__name__.lower()} has {known}."
        )
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in entries.items()}
    wrong = misfit(kind, values)
    if wrong:
        raise RecipeError(f"{path}: {wrong}.")
    try:
        return kind(**values)
    except TypeError as error:
        missing = str(error).split(":")[-1].strip()
        raise RecipeError(f"{path} lacks an entry of its {kind.__name__.lower()}: {missing}.") from error


def _checked(recipe: Recipe, path: Path) -> Recipe:
    phase_rules = [rule for phase in recipe.phases for rule in _phase_rules(phase).items()]
    for rule, kept in (*_rules(recipe).items(), *phase_rules):
        if not kept:
            raise RecipeError(f"{path}: {rule}.")
    return recipe


def _rules(recipe: Recipe) -> dict[str, bool]:
    """What must hold, in words, and whether it does."""
    return {
        "name must not be empty": bool(recipe.name),
        "batch must be at least 1": recipe.batch >= 1,
        "crop must be two multiples of 32": all(side >= 32 and side % 32 == 0 for side in recipe.crop),
        "scales must rise from above 0": 0 < recipe.scales[0] <= recipe.scales[1] < math.inf,
        f"task must be one of {', '.join(TASKS)}": recipe.task in TASKS,
        "a pose network (-pose) goes with the task pose": ("-pose" in recipe.network)
        == (recipe.task == "pose"),
        f"loss_scheme must be one of {', '.join(SCHEMES)}": recipe.loss_scheme in SCHEMES,
        "exit_weights must not be below 0": all(0 <= each < math.inf for each in recipe.exit_weights),
        "heat_sigma must be above 0": 0 < recipe.heat_sigma < math.inf,
        "norm_momentum must lie in 0 to 1": 0 <= recipe.norm_momentum <= 1,
        "threshold must lie in 0 to 1": recipe.threshold is None or 0 <= recipe.threshold <= 1,
        "temperatures must be above 0": all(0 < each < math.inf for each in recipe.temperatures),
    } | {f"{name} must not be below 0": 0 <= getattr(recipe, name) < math.inf for name in NOT_BELOW_0}


def _phase_rules(phase: Phase) -> dict[str, bool]:
    """Likewise of one phase."""
    return {
        "every phase needs at least one epoch": phase.epochs >= 1,
        "learning_rate must not be below 0": 0 <= phase.learning_rate < math.inf,
        "dense_every must not be below 0": phase.dense_every >= 0,
    } | {f"{name} must lie in 0 to 1": 0 <= getattr(phase, name) <= 1 for name in SHARES}
