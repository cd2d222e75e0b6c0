"""Anytime networks one after the other, as one anytime model: its exits are the useful ones of its members, in order.

Hu et al., "Learning Anytime Predictions in Neural Networks via Adaptive Loss Balancing" (AAAI 2019), section 4:
EANN. A network starts when the smaller ones have done their useful exits; what it says replaces the standing
answer only from the exit on that is better than all before it, which is chosen on a validation set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from interim.model_zoo.anytime import ExitSpec, ModelSpec, Prediction, Slices, State
from interim.model_zoo.errors import BadInputError, CheckpointError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.anytime import AnytimeModel

ORDER = "sequence.json"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """An exit (from 1) of one of a sequence's networks (from 0)."""

    member: int
    exit: int


class AnytimeSequence:
    """Several models run in order (`anytime.AnytimeModel`).

    Args:
        members: The networks, smallest first: of the same classes, `stride`, `multiple` and `long_side`.
        useful: Whose exits are answered with, rising.
        name: What the whole is called.

    Raises:
        BadInputError: members differ, or there are no such exits in this order.
    """

    def __init__(self, members: Sequence[AnytimeModel], useful: Sequence[Place], *, name: str) -> None:
        self._members = tuple(members)
        self._useful = tuple(useful)
        _check([member.spec for member in members], useful)
        self.spec: ModelSpec = replace(
            members[-1].spec, name=name, exits=tuple(self._exit(place) for place in useful)
        )

    def start(self, images: Tensor) -> State:
        """The state before stage 1, from images (N, 3, H, W) uint8 RGB; the members begin with them."""
        return State((images,))

    def stage(self, exit_: int, state: State) -> Slices:
        """On from the exit before, or from the image where the next network's turn comes; slices are its own."""
        place = self._useful[exit_ - 1]
        model, images = self._members[place.member], state.maps[0]
        if self._begins(exit_):
            inner = model.start(images)
        else:
            inner = State(state.maps[1:], state.prediction, self._useful[exit_ - 2].exit)
        for own in range(inner.exit + 1, place.exit + 1):
            inner = yield from model.stage(own, inner)
            yield
        assert inner.prediction is not None
        ends = exit_ < len(self._useful) and self._begins(exit_ + 1)
        prediction = _whole(inner.prediction) if ends else inner.prediction
        return State((images, *inner.maps), prediction, exit_)

    def _begins(self, exit_: int) -> bool:
        """Whether a stage is the first of its network."""
        return exit_ == 1 or self._useful[exit_ - 2].member < self._useful[exit_ - 1].member

    def _exit(self, place: Place) -> ExitSpec:
        spec = self._members[place.member].spec
        own = spec.exits[place.exit - 1]
        return replace(own, name=f"{spec.name}, {own.name}")


def write_order(folder: Path, members: Sequence[str], useful: Sequence[Place]) -> None:
    """Write what a sequence is: the names of its members' folders in `folder`, and its useful exits."""
    order = {"members": list(members), "useful": [[place.member, place.exit] for place in useful]}
    (folder / ORDER).write_text(json.dumps(order, indent=1) + "\n", encoding="utf-8")


def is_sequence(path: str | Path) -> bool:
    """Whether a path is a sequence's folder."""
    return (Path(path) / ORDER).is_file()


def read_order(folder: Path) -> tuple[list[Path], list[Place]]:
    """The members' folders and the useful exits.

    Raises:
        CheckpointError: they cannot be read.
    """
    try:
        entries = json.loads((folder / ORDER).read_text(encoding="utf-8"))
        members = [folder / str(name) for name in entries["members"]]
        return members, [Place(member, exit_) for member, exit_ in entries["useful"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"The sequence in {folder} cannot be read: {error}") from error


def _check(specs: Sequence[ModelSpec], useful: Sequence[Place]) -> None:
    shared = {(spec.task, spec.classes, spec.stride, spec.multiple, spec.long_side) for spec in specs}
    if len(shared) != 1:
        raise BadInputError(
            f"The networks of a sequence differ in classes, task, stride or size: {', '.join(each.name for each in specs)}"
        )
    known = all(0 <= at.member < len(specs) and 1 <= at.exit <= len(specs[at.member].exits) for at in useful)
    if not useful or not known or any(left >= right for left, right in pairwise(useful)):
        raise BadInputError(f"These exits are no sequence: {useful}")


def _whole(prediction: Prediction) -> Prediction:
    """As the next network sees it: it computes every position of an image that is not sure everywhere."""
    unsure = prediction.active.flatten(1).any(1)
    return replace(prediction, active=unsure[:, None, None].expand_as(prediction.active).contiguous())
