"""A checkpoint: one folder with a model's weights in half precision, and its card."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.anytime import ExitSpec, Task
from interim.model_zoo.bones import usual_bones
from interim.model_zoo.card import Card
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.mask_choice import MaskChoice
from interim.model_zoo.mask_rules import choose
from interim.model_zoo.registry import build
from interim.model_zoo.temperature import temper
from interim.model_zoo.tensor_file import read_tensors, write_tensors
from interim.model_zoo.whole_file import replaced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from interim.model_zoo.anytime import ModelSpec
    from interim.model_zoo.bones import Bones
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.model_zoo.networks.mdeq.network import AnytimeMdeq

SHIPPED = Path(__file__).parent / "weights"
WEIGHTS, CARD = "model.safetensors", "card.json"
COUNTER, SHARPNESS = "num_batches_tracked", "fill.sharpness"
AS_MEASURED = MaskChoice()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Weights by name (kernels in half, all else in single precision) and what is known of them."""

    weights: dict[str, Tensor]
    card: Card


def shipped() -> tuple[str, ...]:
    """The names of the checkpoints that come with the package."""
    return tuple(sorted(path.parent.name for path in SHIPPED.glob(f"*/{CARD}")))


def write(folder: Path, weights: Mapping[str, Tensor], card: Card) -> None:
    """Write a checkpoint; each file is replaced as a whole, the card last.

    Raises:
        CheckpointError: the weights cannot be written, for instance because the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: _stored(value) for name, value in weights.items() if not name.endswith(COUNTER)}
    write_tensors(folder / WEIGHTS, kept)
    write_card(folder, card)


def write_card(folder: Path, card: Card) -> None:
    """Replace a checkpoint's card."""
    with replaced(folder / CARD) as unfinished:
        unfinished.write_text(card.to_json(), encoding="utf-8")


def read(path_or_name: str | Path) -> Checkpoint:
    """A checkpoint by the name of a shipped one, or by its folder.

    Raises:
        CheckpointError: there is none, or its files cannot be read.
    """
    folder = _folder(path_or_name)
    try:
        card = Card.from_json((folder / CARD).read_text(encoding="utf-8"))
        weights = read_tensors(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{folder} is no checkpoint: it lacks {Path(error.filename or WEIGHTS).name}."
        ) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The checkpoint in {folder} cannot be read: {error}") from error
    return Checkpoint(weights=weights, card=card)


def load(
    path_or_name: str | Path,
    *,
    masking: bool = True,
    tempered: bool = True,
    mask_rule: MaskChoice = AS_MEASURED,
) -> AnytimeHrnet:
    """A checkpoint's model, ready to run; its spec bears the exits' measured qualities.

    Args:
        path_or_name: The name of a shipped checkpoint (`default`), or a folder.
        masking: Confidence adaptivity on; off, the same weights compute every position.
        tempered: Logits divided by the card's temperatures; off, they are as they were trained.
        mask_rule: Which positions are refined; the card's threshold unless another rule is chosen.

    Raises:
        CheckpointError: there is no such checkpoint, or its weights or its card do not fit its network.
        BadInputError: the network cannot be masked by this rule.
    """
    found = read(path_or_name)
    fill = mask_rule.fill or found.card.fill
    network = build(found.card.network, classes=len(found.card.classes), fill=fill)
    fit(network, _refilled(network, found.weights) if mask_rule.fill else found.weights, path_or_name)
    temper(network, found.card.temperatures if tempered else ())
    network.masking = network.masking and masking
    network.spec = spec_of(network.spec, found.card, adaptive=network.masking)
    choose(network, mask_rule)
    return network.eval()


def fit(network: AnytimeHrnet | AnytimeMdeq, weights: Mapping[str, Tensor], source: str | Path) -> None:
    """Give a network the weights of a checkpoint; `source` is what it is called in the error.

    Raises:
        CheckpointError: they are of another network, or of another number of classes.
    """
    refusal = f"The weights of {str(source)!r} do not fit {network.spec.name}"
    try:
        missing, unknown = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise CheckpointError(f"{refusal}: {error}") from error
    wrong = [name for name in missing if not name.endswith(COUNTER)] + unknown
    if wrong:
        raise CheckpointError(f"{refusal}: {wrong[0]}.")


def spec_of(spec: ModelSpec, card: Card, *, adaptive: bool) -> ModelSpec:
    """The network's spec with the card's classes and with what was measured as it will be run.

    Raises:
        CheckpointError: the card has the scores of another number of exits.
    """
    measured = (card.adaptive if adaptive else card.dense) or card.adaptive or card.dense
    exits = spec.exits
    if measured is not None:
        if len(measured.miou) != len(exits):
            counts = f"scores of {len(measured.miou)} exits, but {spec.name} has {len(exits)}"
            raise CheckpointError(f"The card of {card.name!r} has {counts}: take out `adaptive` and `dense`.")
        scores = zip(measured.quality, measured.miou, measured.active_share, strict=True)
        exits = tuple(ExitSpec(exit_.name, *each) for exit_, each in zip(exits, scores, strict=True))
    return dataclasses.replace(
        spec,
        name=card.name,
        classes=card.classes,
        exits=exits,
        threshold=card.threshold,
        long_side=card.long_side,
        bones=_bones(card) if spec.task is Task.POSE else (),
    )


def _bones(card: Card) -> Bones:
    """The card's; a card that names none is taken to be of a person."""
    return card.bones or usual_bones([each.name for each in card.classes])


def _folder(path_or_name: str | Path) -> Path:
    """A shipped checkpoint's folder where the name is one; else the path itself."""
    if str(path_or_name) in shipped():
        return SHIPPED / str(path_or_name)
    folder = Path(path_or_name)
    if not folder.is_dir():
        known = ", ".join(shipped()) or "none"
        raise CheckpointError(
            f"There is no checkpoint {str(path_or_name)!r}: name a folder, or one of: {known}."
        )
    return folder


def _refilled(network: AnytimeHrnet, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network that had another fill: λ as it begins where it was not learnt, none where there is no use."""
    known = network.state_dict()
    fresh = {name: value for name, value in known.items() if name.endswith(SHARPNESS)}
    return fresh | {
        name: value for name, value in weights.items() if name in known or not name.endswith(SHARPNESS)
    }


def _stored(value: Tensor) -> Tensor:
    """Kernels in half precision; normalisation, biases and the masks' λ keep theirs (they are few)."""
    value = value.detach().contiguous()
    return value.to(torch.float16) if value.ndim > 1 else value.to(torch.float32)
