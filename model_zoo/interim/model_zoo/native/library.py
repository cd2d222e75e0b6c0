"""The kernels of this machine: compiled, loaded and tested, or the reason why there are none."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING

from interim.model_zoo.errors import ZooError
from interim.model_zoo.native.compiler import UncompiledError, compiled
from interim.model_zoo.native.kernels import Kernels, Missing
from interim.model_zoo.native.processor import AMX, AVX512, SETS, InstructionSet, words
from interim.model_zoo.native.selftest import fault

if TYPE_CHECKING:
    from pathlib import Path

CHOICES = ("off", *(each.name for each in SETS))


class KernelChoiceError(ZooError):
    """INTERIM_KERNELS asks for what there is not; the message says what there is."""


BELOW = AVX512.name
"""What is there beside a matrix unit."""


def is_to_be_compared(execution: str) -> bool:
    """Whether only measuring tells if torch, or the kernels below, are quicker than those of an `Execution.path`.

    Nobody measures what INTERIM_KERNELS forces.
    """
    return execution == f"native-{AMX.name}" and not os.environ.get("INTERIM_KERNELS")


def load(wanted: str | None = None) -> Kernels | Missing:
    """The kernels for this processor, compiled if need be and tested, or why there are none.

    Args:
        wanted: A path, or `off`; None: what INTERIM_KERNELS says, and the best where it says nothing.

    Raises:
        KernelChoiceError: INTERIM_KERNELS names no path, or one that the processor does not have.
    """
    wanted = os.environ.get("INTERIM_KERNELS", "") if wanted is None else wanted
    if wanted == "off":
        return Missing("switched off by INTERIM_KERNELS=off")
    reasons: list[Missing] = []
    for each in _chosen(wanted, words()):
        found = _made(each)
        if isinstance(found, Kernels):
            return found
        reasons.append(found)
    return reasons[0] if reasons else Missing(f"the kernels need x86 with {SETS[-1].name.upper()} at least")


def _chosen(wanted: str, has: frozenset[str]) -> tuple[InstructionSet, ...]:
    """The set that is asked for, else all that the processor has, the best first."""
    if not wanted:
        return tuple(each for each in SETS if each.needs <= has)
    if wanted not in CHOICES:
        raise KernelChoiceError(
            f"INTERIM_KERNELS={wanted} is none: set {', '.join(CHOICES)}, or leave it unset"
        )
    asked = next(each for each in SETS if each.name == wanted)
    if not asked.needs <= has:
        lacks = ", ".join(sorted(asked.needs - has))
        raise KernelChoiceError(
            f"INTERIM_KERNELS={wanted} needs {lacks}, which this processor lacks: leave it unset"
        )
    return (asked,)


def _made(chosen: InstructionSet) -> Kernels | Missing:
    """The kernels of one set, or why there are none: a compiler may be too old for it, or the system withhold it."""
    try:
        path = compiled(chosen.flags, processor=" ".join(sorted(words())))
    except UncompiledError as error:
        return Missing(str(error))
    return _loaded(path, chosen)


@cache
def _loaded(path: Path, chosen: InstructionSet) -> Kernels | Missing:
    """The library at `path`, once it has passed its test; a process loads and tests it once."""
    try:
        kernels = Kernels(chosen, ctypes.CDLL(str(path)))
        if not kernels.permitted:
            return Missing(f"the system does not let this process use {chosen.name.upper()}")
        wrong = fault(kernels)
    except (OSError, AttributeError) as error:
        return Missing(f"the compiled kernels {path.name} cannot be used ({error}): remove them")
    if wrong:
        return Missing(
            f"the compiled kernels fail their test ({wrong}): this compiler or processor is not supported"
        )
    return kernels
