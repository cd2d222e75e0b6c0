"""A file of tensors by name, replaced as a whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.whole_file import replaced

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write beside the file, then rename.

    Raises:
        CheckpointError: it cannot be written, for instance because the disk is full.
    """
    try:
        with replaced(path) as unfinished:
            save_file(tensors, unfinished)
            unfinished.chmod(0o644)  # it is made readable to its owner alone
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be written: {error}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """What `write_tensors` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it cannot be read, for instance because half of it is missing.
    """
    try:
        return load_file(path)
    except FileNotFoundError:
        raise
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
