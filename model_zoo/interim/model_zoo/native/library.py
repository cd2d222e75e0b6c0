"""The kernels of this machine: compiled, loaded and tested, or the reason why there are none."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING

from interim.model_zoo.errors import ZooError
from interim.model_zoo.native.compiler import UncompiledError, compiled
from interim.model_zoo.native.kernels import Kernels, Missing
from interim.model_zoo.native.processor import SETS, InstructionSet, words
from interim.model_zoo.native.selftest import fault

if TYPE_CHECKING:
    from pathlib import Path

CHOICES = ("off", *(each.name for each in SETS))


class KernelChoiceError(ZooError):
    """INTERIM_KERNELS asks for what there is not; the message says what there is."""


def load() -> Kernels | Missing:
    """The kernels for this processor, compiled if need be and tested, or why there are none.

    INTERIM_KERNELS forces a path, or none (`off`).

    Raises:
        KernelChoiceError: INTERIM_KERNELS names no path, or one that the processor does not have.
    """
    wanted = os.environ.get("INTERIM_KERNELS", "")
    if wanted == "off":
        return Missing("switched off by INTERIM_KERNELS=off")
    chosen = _chosen(wanted, words())
    if chosen is None:
        return Missing(f"the kernels need x86 with {SETS[-1].name.upper()} at least")
    try:
        path = compiled(chosen.flags, processor=" ".join(sorted(words())))
    except UncompiledError as error:
        return Missing(str(error))
    return _loaded(path, chosen)


def _chosen(wanted: str, has: frozenset[str]) -> InstructionSet | None:
    """The set that is asked for, else the best that the processor has, if any."""
    if not wanted:
        return next((each for each in SETS if each.needs <= has), None)
    if wanted not in CHOICES:
        built = "is not built yet" if wanted == "amx" else "is none"
        raise KernelChoiceError(
            f"INTERIM_KERNELS={wanted} {built}: set {', '.join(CHOICES)}, or leave it unset"
        )
    asked = next(each for each in SETS if each.name == wanted)
    if not asked.needs <= has:
        lacks = ", ".join(sorted(asked.needs - has))
        raise KernelChoiceError(
            f"INTERIM_KERNELS={wanted} needs {lacks}, which this processor lacks: leave it unset"
        )
    return asked


@cache
def _loaded(path: Path, chosen: InstructionSet) -> Kernels | Missing:
    """The library at `path`, once it has passed its test; a process loads and tests it once."""
    try:
        kernels = Kernels(chosen.name, chosen.dtypes, ctypes.CDLL(str(path)))
        wrong = fault(kernels)
    except (OSError, AttributeError) as error:
        return Missing(f"the compiled kernels {path.name} cannot be used ({error}): remove them")
    if wrong:
        return Missing(
            f"the compiled kernels fail their test ({wrong}): this compiler or processor is not supported"
        )
    return kernels
