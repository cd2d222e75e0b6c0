"""Which instruction sets the kernels are written for, and which the processor has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSet:
    """One path through the kernels.

    `needs`: the processor's words for what it uses. `flags`: what the compiler must be told. `slice_macs`: for each
    kind of number it computes with, by torch's name, the multiply-accumulates in a slice of convolution on one core:
    half a millisecond, or one where memory is slow. `anywhere`: vectors may hold positions from anywhere (winograd.py,
    strided.py). `matrix`: bfloat16 is multiplied on a matrix unit (matrix.py).
    """

    name: str
    needs: frozenset[str]
    flags: tuple[str, ...]
    slice_macs: Mapping[str, int] = field(hash=False)
    anywhere: bool = False
    matrix: bool = False

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The kinds of number, by torch's names."""
        return tuple(self.slice_macs)


_VECTORS = frozenset({"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "bmi1", "bmi2"})
_VECTOR_FLAGS = (
    *("-mavx2", "-mfma", "-mbmi", "-mbmi2"),
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"),
)
_VECTOR_MACS = MappingProxyType({"float32": 50_000_000})
_BF16_MACS = MappingProxyType({"bfloat16": 100_000_000, "float32": 50_000_000})

AVX512 = InstructionSet(
    name="avx512",
    needs=_VECTORS | {"avx512_bf16"},
    flags=(*_VECTOR_FLAGS, "-mavx512bf16"),
    slice_macs=_BF16_MACS,
    anywhere=True,
)
AMX = InstructionSet(
    name="amx",
    needs=AVX512.needs | {"amx_tile", "amx_bf16"},
    flags=(*AVX512.flags, "-mamx-tile", "-mamx-bf16"),
    slice_macs=_BF16_MACS,
    anywhere=True,
    matrix=True,
)
AVX512_FP32 = InstructionSet(
    name="avx512-fp32", needs=_VECTORS, flags=_VECTOR_FLAGS, slice_macs=_VECTOR_MACS, anywhere=True
)
"""Processors without BF16 instructions: Skylake, Cascade Lake and Ice Lake servers among them."""
AVX2 = InstructionSet(
    name="avx2",
    needs=frozenset({"avx2", "fma", "bmi1", "bmi2"}),
    flags=("-mavx2", "-mfma", "-mbmi", "-mbmi2"),
    slice_macs=MappingProxyType({"float32": 25_000_000}),
)
SETS = (AMX, AVX512, AVX512_FP32, AVX2)
"""The best first."""


def entries() -> dict[str, str]:
    """What Linux says of the first processor, by name; empty where it says nothing."""
    try:
        lines = CPU_INFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    said: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        said.setdefault(name.strip(), value.strip())
    return said


def words() -> frozenset[str]:
    """What the processor can do, in Linux's words; empty where it does not say it as on x86."""
    return frozenset(entries().get("flags", "").split())
