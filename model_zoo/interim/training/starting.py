"""Going on from trained weights, with classes or a fill of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from interim.model_zoo.checkpoint import COUNTER
from interim.model_zoo.errors import CheckpointError
from interim.training.growing import fits_inside, grown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.model_zoo.anytime import ClassSpec
    from interim.model_zoo.checkpoint import Checkpoint
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

POSE = "-pose"
"""What the names of networks for joints hold."""

FILL = ".fill."
"""What the names of a fill's parameters hold: another fill starts anew."""

HEAD = ".head."
"""What the names of an exit's parameters hold."""

CLASSIFY = (".classify.weight", ".classify.bias")
"""What ends the name of a parameter with one row per class."""


def start_from(
    network: AnytimeHrnet, checkpoint: Checkpoint, classes: Sequence[ClassSpec]
) -> tuple[str, ...]:
    """Give a network the weights of a checkpoint of the same network, or a smaller one, in place.

    Everything but the classifiers is copied. Of these, the rows of classes whose names agree (small
    and capital letters alike) are; the others begin at 0, so that they disturb nothing that is learnt.
    Heads of another shape (a checkpoint of another task has them) begin anew, at random. A fill of masked
    positions that the checkpoint does not have stays as it is. What a larger network has beyond a smaller
    one changes nothing at first (`growing`).

    Returns:
        The names of the classes whose rows were copied.

    Raises:
        CheckpointError: the checkpoint is of another network.
    """
    card, weights = checkpoint.card, checkpoint.weights
    target = network.spec.name
    grows = fits_inside(card.network, target)
    if grows:
        weights = grown(weights, card.network, network)
    old = {each.name.lower(): row for row, each in enumerate(card.classes)}
    pairs = [(row, old[each.name.lower()]) for row, each in enumerate(classes) if each.name.lower() in old]
    other_task = (POSE in card.network) != (POSE in target) and (
        grows or _trunk(card.network) == _trunk(target)
    )
    for name, value in network.state_dict().items():
        if name.endswith(COUNTER):
            continue
        given = weights.get(name)
        if given is None and FILL in name:
            continue
        if given is None or not _fits(name, value, given):
            if not (other_task and HEAD in name):
                rule = f"they are of a {card.network} and lack {name}"
                raise CheckpointError(f"The weights of {card.name!r} do not fit {target}: {rule}.")
            if name.endswith(CLASSIFY):
                value.zero_()
        elif name.endswith(CLASSIFY):
            _copy_rows(value, given, pairs)
        else:
            value.copy_(given)
    return tuple(classes[row].name for row, _ in pairs)


def _fits(name: str, value: Tensor, given: Tensor) -> bool:
    """Whether a parameter can be copied; classifiers may have other classes."""
    return given.shape[1:] == value.shape[1:] and (given.shape == value.shape or name.endswith(CLASSIFY))


def _trunk(network: str) -> str:
    """The name of a network whatever its task."""
    return network.replace(POSE, "")


def _copy_rows(value: Tensor, given: Tensor, pairs: Sequence[tuple[int, int]]) -> None:
    with torch.no_grad():
        value.zero_()
        for row, source in pairs:
            value[row].copy_(given[source])
