"""A loaded library of kernels, or the reason why there is none."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    import torch

    from interim.model_zoo.native.processor import InstructionSet


@dataclass(frozen=True, slots=True)
class Missing:
    """There are no kernels; `reason` says why in one sentence without a full stop."""

    reason: str


@dataclass(frozen=True, slots=True)
class Kernels:
    """A loaded library. `instructions`: what it was compiled for."""

    instructions: InstructionSet
    library: ctypes.CDLL

    @property
    def path(self) -> str:
        """Its instruction set's name."""
        return self.instructions.name

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Torch's names of what it computes with."""
        return self.instructions.dtypes

    def computes(self, dtype: torch.dtype) -> bool:
        """Whether it computes with numbers of this kind."""
        return _name(dtype) in self.dtypes

    def check(self, dtype: torch.dtype) -> None:
        """Refuse a kind of number that it does not compute with.

        Raises:
            BadInputError: it does not.
        """
        if not self.computes(dtype):
            raise BadInputError(
                f"the {self.path} kernels do not compute in {_name(dtype)}: use {' or '.join(self.dtypes)}"
            )

    def slice_macs(self, dtype: torch.dtype) -> int:
        """The multiply-accumulates of numbers of this kind in a slice of convolution on one core."""
        return self.instructions.slice_macs[_name(dtype)]

    @property
    def threaded(self) -> bool:
        """Whether it was compiled with OpenMP; without, every call takes one thread."""
        return bool(self.library.kernels_threaded())

    @property
    def permitted(self) -> bool:
        """Whether the system lets this process use all that it needs; asks for it."""
        return bool(self.library.matrix_permitted())

    def bind(self, name: str, *arguments: Any) -> Any:
        """A function of the library that returns an int, given the ctypes of its arguments."""
        function = self.library[name]
        function.argtypes = arguments
        function.restype = ctypes.c_int
        return function


def _name(dtype: torch.dtype) -> str:
    """Torch's name of a kind of number."""
    return str(dtype).removeprefix("torch.")
