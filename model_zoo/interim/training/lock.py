"""One training a run's folder: two would mix their states."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

from interim.training.recipe import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a run's folder to this process, made if need be; the lock of a dead one is free.

    Raises:
        RecipeError: another training is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            way = "wait for its end, or name another folder with --run"
            raise RecipeError(f"Another training is at work in {folder}: {way}.") from error
        yield
