"""A loaded library of kernels, or the reason why there is none."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Missing:
    """There are no kernels; `reason` says why in one sentence without a full stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class Kernels:
    """A loaded library. `path`: its instruction set's name; `dtypes`: torch's names of what it computes with."""

    path: str
    dtypes: tuple[str, ...]
    library: ctypes.CDLL

    @property
    def threaded(self) -> bool:
        """Whether it was compiled with OpenMP; without, every call takes one thread."""
        return bool(self.library.kernels_threaded())

    def bind(self, name: str, *arguments: Any) -> Any:
        """A function of the library that returns an int, given the ctypes of its arguments."""
        function = self.library[name]
        function.argtypes = arguments
        function.restype = ctypes.c_int
        return function
