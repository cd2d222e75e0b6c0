"""Where in a recipe a given step lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.training.schedule import one_cycle

if TYPE_CHECKING:
    from interim.training.recipe import Phase, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One step's place: its phase, its epoch (over all phases) and its steps within both, all from 0."""

    phase: Phase
    epoch: int
    step: int
    phase_step: int
    phase_steps: int

    @property
    def learning_rate(self) -> float:
        """The learning rate of this step."""
        return one_cycle(self.phase_step, self.phase_steps, self.phase.learning_rate, self.phase.warmup)

    @property
    def masked(self) -> bool:
        """Whether confidence adaptivity is on at this step."""
        phase = self.phase
        dense = phase.dense_every > 0 and self.phase_step % phase.dense_every == 0
        return phase.masking and self.phase_step >= phase.masked_from * self.phase_steps and not dense

    @property
    def scenes_share(self) -> float:
        """The probability that a crop of this step is a scene."""
        early = self.phase_step < self.phase.scenes_until * self.phase_steps
        return self.phase.scenes_share if early else 0.0


def total_steps(recipe: Recipe, epoch_steps: int) -> int:
    """All steps of a recipe, at so many steps per epoch."""
    return epoch_steps * sum(phase.epochs for phase in recipe.phases)


def place_of(step: int, recipe: Recipe, epoch_steps: int) -> Place:
    """The place of one step, counted from 0 over the whole recipe.

    Raises:
        IndexError: the recipe has no such step.
    """
    epoch, within = divmod(step, epoch_steps)
    first = 0
    for phase in recipe.phases:
        if epoch < first + phase.epochs:
            return Place(
                phase=phase,
                epoch=epoch,
                step=within,
                phase_step=step - first * epoch_steps,
                phase_steps=phase.epochs * epoch_steps,
            )
        first += phase.epochs
    raise IndexError(f"Step {step} lies beyond the recipe's {first} epochs.")
