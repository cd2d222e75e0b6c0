"""From the name of a model to one that runs, in the form that suits the device."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from interim.model_zoo import bfloat16, checkpoint, deployment, equilibrium, registry
from interim.model_zoo.errors import ZooError
from interim.model_zoo.execution import execution
from interim.model_zoo.label_map import LabelMap, label_map
from interim.model_zoo.mask_choice import CARD, MaskChoice, mask_choice
from interim.model_zoo.mask_rules import choose
from interim.model_zoo.sequence import AnytimeSequence, is_sequence, read_order

if TYPE_CHECKING:
    from interim.model_zoo.anytime import AnytimeModel, ModelSpec
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.server.engine.messages import Start


class LoadError(Exception):
    """The model cannot be served; the message is for the person who chose it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model ready to run, and how it was made ready (`note`: what is not as one would expect).

    `label_map`: what makes label maps of its logits, where it gives such.
    """

    model: AnytimeModel
    dtype: str
    masking: bool
    execution: str
    label_map: LabelMap = label_map
    note: str = ""


def load(start: Start, device: torch.device) -> Loaded:
    """The model that `start.model` names, on the device.

    Args:
        start: `model`, `masking`, `mask_rule`, `execution`, `dtype` and `threads` are used; a user's own
            model (`module:factory`) decides all but the first itself.
        device: Where it will run.

    Raises:
        LoadError: there is no such model, or it cannot be made.
    """
    choice = mask_choice(start.mask_rule)
    if ":" in start.model:
        _check_unmasked(start)
        model = _users_own(start.model)
        return Loaded(model=model, dtype="own dtype", masking=False, execution="own")
    try:
        if deployment.is_deployment(start.model):
            _check_unmasked(start)
            chosen = deployment.load(start.model).to(device)
            return _dense(chosen)
        if equilibrium.is_equilibrium(start.model):
            _check_unmasked(start)
            return _dense(equilibrium.load(start.model).to(device))
        if is_sequence(start.model):
            return _sequence(start, device)
        network = _network(start.model, choice, masking=start.masking)
        made = execution(
            network,
            choice=start.execution,
            dtype=_dtype(start.dtype, device),
            masking=network.masking,
            device=device,
            threads=torch.get_num_threads(),
            asked=choice.fill is not None,
        )
        if made.masking != network.masking:  # its exits are worth something else then
            made.model.spec = _network(start.model, choice, masking=made.masking).spec
    except ZooError as error:
        raise LoadError(str(error)) from error
    dtype = str(made.dtype).removeprefix("torch.")
    return Loaded(
        model=made.model,
        dtype=dtype,
        masking=made.masking,
        execution=made.path,
        label_map=made.label_map,
        note="; ".join(filter(None, (_chosen(made.model.spec), made.note))),
    )


def _dense(model: AnytimeModel) -> Loaded:
    """A model that torch computes whole."""
    return Loaded(model=model, dtype="float32", masking=False, execution="dense")


def _sequence(start: Start, device: torch.device) -> Loaded:
    """Networks one after the other, each made ready for itself; they run alike, being of one kind."""
    folder = Path(start.model)
    folders, useful = read_order(folder)
    members = [load(dataclasses.replace(start, model=str(each)), device) for each in folders]
    whole = AnytimeSequence([each.model for each in members], useful, name=folder.resolve().name)
    return dataclasses.replace(members[-1], model=whole)


def _network(name: str, choice: MaskChoice, *, masking: bool) -> AnytimeHrnet:
    """A network with random weights by its name, else a checkpoint's."""
    if name in registry.names():
        network = registry.build(name, fill=choice.fill or "rbf").eval()
        network.masking = network.masking and masking
        choose(network, choice)
        return network
    return checkpoint.load(name, masking=masking, mask_rule=choice)


def _check_unmasked(start: Start) -> None:
    """Refuse a rule of masks for a model that has none.

    Raises:
        LoadError: there is one.
    """
    if start.mask_rule != CARD:
        raise LoadError(
            f"The model {start.model!r} has no masks that {start.mask_rule} could choose: serve it without a mask rule."
        )


def _chosen(spec: ModelSpec) -> str:
    """What a person should know of a masking rule that is not the card's."""
    if not spec.mask_rule:
        return ""
    return f"{spec.mask_rule} chooses the pixels to refine, and what exits are worth was measured with a threshold"


def plain(spec: ModelSpec) -> dict[str, Any]:
    """A spec as plain data: dictionaries, lists, numbers, text; the task by its value."""
    return dataclasses.asdict(
        dataclasses.replace(spec, classes=(), exits=()),
    ) | {
        "task": spec.task.value,
        "classes": [dataclasses.asdict(each) for each in spec.classes],
        "exits": [dataclasses.asdict(each) for each in spec.exits],
        "bones": [list(pair) for pair in spec.bones],
    }


def _users_own(path: str) -> AnytimeModel:
    """What `module:factory` makes."""
    module_name, _, factory_name = path.partition(":")
    sys.path.append(str(Path.cwd()))  # last: a file there shadows nothing
    try:
        factory = getattr(importlib.import_module(module_name), factory_name)
        model: AnytimeModel = factory()
        exits = len(model.spec.exits)
    except Exception as error:
        raise LoadError(
            f"The model {path!r} cannot be made ({type(error).__name__}: {error}): "
            "name a module that can be imported and a function in it that returns an anytime model."
        ) from error
    if exits < 1:
        raise LoadError(f"The model {path!r} has no exits: its spec must name at least one.")
    return model


def _dtype(name: str, device: torch.device) -> torch.dtype:
    """`auto`: bfloat16 where the device is quicker with it."""
    if name != "auto":
        dtype: torch.dtype = getattr(torch, name)
        return dtype
    return torch.bfloat16 if bfloat16.quicker(device) else torch.float32
