"""What a training run needs to go on: tensors in small files, so that any of them can be kept anywhere."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.tensor_file import read_tensors, write_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

PART_BYTES = 14_000_000


def save_state(folder: Path, step: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write the state after `step` steps to a folder of its own, then drop all older ones.

    A state that is not whole never has its final name, so a run killed at any moment can go on.

    Raises:
        CheckpointError: it cannot be written, for instance because the disk is full; the older one stays.
    """
    unfinished = folder / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for index, part in enumerate(_parts(tensors)):
        write_tensors(unfinished / f"part-{index:02}.safetensors", part)
    (unfinished / "facts.json").write_text(json.dumps({**facts, "step": step}))
    target = folder / f"step-{step:07}"
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)
    for old in _states(folder)[:-1]:
        shutil.rmtree(old)


def load_state(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest state in a folder, or None where there is none.

    Raises:
        CheckpointError: one of its files cannot be read.
    """
    states = _states(folder)
    if not states:
        return None
    tensors: dict[str, Tensor] = {}
    for part in sorted(states[-1].glob("part-*.safetensors")):
        tensors.update(read_tensors(part))
    facts = states[-1] / "facts.json"
    try:
        return tensors, json.loads(facts.read_text())
    except ValueError as error:
        raise CheckpointError(f"{facts} cannot be read: {error}") from error


def _states(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


def _parts(tensors: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    part: dict[str, Tensor] = {}
    size = 0
    for name, tensor in tensors.items():
        if part and size + tensor.nbytes > PART_BYTES:
            yield part
            part, size = {}, 0
        part[name] = tensor.contiguous()
        size += tensor.nbytes
    yield part
