"""Every error of the model zoo.

ZooError
├── UnknownModelError   no network of that name
├── CheckpointError     no such checkpoint, or one that cannot be used
└── BadInputError       a size, a batch or a setting that a network cannot take
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ZooError(Exception):
    """Anything the model zoo refuses."""


class UnknownModelError(ZooError):
    """No network has this name; the message lists those that sound like it."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        known = list(known)
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.5) or known
        super().__init__(f"no model is called {name!r}; did you mean {', '.join(near)}?")


class CheckpointError(ZooError):
    """There is no such checkpoint, or it cannot be used; the message says why and what to do."""


class BadInputError(ZooError):
    """A network cannot take this; the message names the value and the rule."""
