"""One training run: a network, its average and its optimiser, step after step, resumable at any of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from interim.training.averaging import Average
from interim.training.growing import count_new
from interim.training.place import place_of, total_steps
from interim.training.recipe import RecipeError
from interim.training.schemes import scheme
from interim.training.state import load_state, save_state
from interim.training.tempered import Tempered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.lessons import Lessons
    from interim.training.place import Place
    from interim.training.recipe import Recipe


GROWN_BATCHES = 20
"""On how many a grown network's new statistics are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step done: where it lay, and each exit's loss."""

    place: Place
    losses: tuple[float, ...]


class Run:
    """A recipe under way, on the GPU if there is one; `folder` keeps its resumable state.

    Raises:
        RecipeError: the folder holds a run of another network, classes or fill, or `temperatures` or
            `exit_weights` are not one an exit.
    """

    def __init__(self, recipe: Recipe, network: AnytimeHrnet, lessons: Lessons, folder: Path) -> None:
        self.recipe = recipe
        if recipe.threshold is not None:
            network.spec = dataclasses.replace(network.spec, threshold=recipe.threshold)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network: AnytimeHrnet = network.train().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if recipe.temperatures:
            network.rule = Tempered(network.rule, _fitting("temperatures", recipe.temperatures, network))
        self.average = Average(network)
        self.step = 0
        self.wall_s = 0.0
        self._lessons = lessons
        weights = recipe.exit_weights or (1.0,) * len(network.spec.exits)
        self._scheme = scheme(recipe.loss_scheme, _fitting("exit_weights", weights, network))
        self._folder = folder / "state"
        self._norms = [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]
        for norm in self._norms:
            norm.momentum = recipe.norm_momentum
        self._optimizer = _optimizer(network, recipe.weight_decay)
        self._resume()

    @property
    def steps(self) -> int:
        """How many steps the whole recipe has."""
        return total_steps(self.recipe, self._lessons.steps)

    @property
    def place(self) -> Place:
        """Where the next step lies."""
        return place_of(self.step, self.recipe, self._lessons.steps)

    def advance(self) -> StepReport:
        """Do one step.

        Raises:
            RecipeError: a loss is no number any more; the state saved last is the one to go on from.
        """
        place = self.place
        lesson = self._lessons.draw(place.epoch, place.step, place.scenes_share)
        self._set_masking(place)
        for group in self._optimizer.param_groups:
            group["lr"] = place.learning_rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
            logits = self.network(lesson.images.to(self.device))
        losses = lesson.losses(logits, step=self.step)
        if not losses.isfinite().all():
            told = ", ".join(f"{loss:g}" for loss in losses.tolist())
            where = f"Step {self.step + 1} of {self.steps} has the losses {told}"
            raise RecipeError(
                f"{where}: begin again with a lower learning_rate; the state of before is kept."
            )
        self._optimizer.zero_grad(set_to_none=True)
        (losses * self._scheme.weights(losses.detach())).sum().backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.average.update(self.network, step=self.step, decay=place.phase.average_decay)
        self.step += 1
        return StepReport(place=place, losses=tuple(losses.tolist()))

    def begin_grown(self, weights: Mapping[str, Tensor]) -> None:
        """Before the first step: count the statistics of what the network has beyond a smaller one's `weights`."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
            count_new(self.network, weights, self._unseen(GROWN_BATCHES))
        self.average = Average(self.network)

    def settle(self) -> None:
        """Count the averaged weights' statistics anew: averages of statistics are not those of averages.

        Where the last steps normalised what they filled in by itself, it is counted as it will be served.
        """
        last = self.recipe.phases[-1]
        masked = last.masking and last.masked_statistics and not last.frozen_statistics
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.bfloat16):
            self.average.settle(self._unseen(self.recipe.settling), masked=masked)

    def _unseen(self, batches: int) -> Iterator[Tensor]:
        """Images that no step trains on."""
        epoch = sum(phase.epochs for phase in self.recipe.phases)
        for step in range(batches):
            yield self._lessons.draw(epoch, step).images.to(self.device)

    def save(self) -> None:
        """Write everything that going on from here needs."""
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.module.state_dict().items()}
        for index, entry in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in entry.items()}
        tensors |= {f"scheme.{name}": value for name, value in self._scheme.state().items()}
        save_state(self._folder, self.step, tensors, {"wall_s": self.wall_s, **self._facts()})

    def _facts(self) -> dict[str, str]:
        """What a state fits that is gone on with."""
        classes = ", ".join(each.name for each in self.network.spec.classes)
        return {"network": self.recipe.network, "fill": self.recipe.fill, "classes": classes}

    def _set_masking(self, place: Place) -> None:
        self.network.masking = place.masked
        for norm in self._norms:
            norm.train(_counts(place))

    def _resume(self) -> None:
        found = load_state(self._folder)
        if found is None:
            return
        tensors, facts = found
        for name, now in self._facts().items():
            if facts.get(name, now) != now:  # states of before did not tell all of them
                held = f"{self._folder.parent} holds a run of the {name} {facts[name]}, not of {now}"
                raise RecipeError(f"{held}: name another folder with --run.")
        self.step, self.wall_s = int(facts["step"]), float(facts["wall_s"])
        try:
            self.network.load_state_dict(_under("network.", tensors))
        except RuntimeError as error:
            held = f"{self._folder.parent} holds a run of other classes, or of another fill"
            raise RecipeError(f"{held}: name another folder with --run.") from error
        self.average.module.load_state_dict(_under("average.", tensors))
        self._scheme.load(_under("scheme.", tensors))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            index, entry = name.split(".")
            moments.setdefault(int(index), {})[entry] = value
        groups: list[Any] = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _fitting(entry: str, values: tuple[float, ...], network: AnytimeHrnet) -> tuple[float, ...]:
    exits = len(network.spec.exits)
    if len(values) != exits:
        raise RecipeError(f"{len(values)} {entry} do not fit {network.spec.name}: give {exits}.")
    return values


def _counts(place: Place) -> bool:
    """Whether a step normalises by its own batch's statistics, and the running ones follow it."""
    if place.phase.frozen_statistics:
        return False
    return place.phase.masked_statistics or not place.masked


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _optimizer(network: nn.Module, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; only kernels decay, not biases, normalisation or the masks' λ."""
    kernels = [part for part in network.parameters() if part.ndim > 1]
    others = [part for part in network.parameters() if part.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, foreach=True)
