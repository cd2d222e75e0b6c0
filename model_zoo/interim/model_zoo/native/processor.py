"""Which instruction sets the kernels are written for, and which the processor has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionSet:
    """One path through the kernels.

    `needs`: the processor's words for what it uses. `flags`: what the compiler must be told. `dtypes`: the
    kinds of number it computes with, by torch's names.
    """

    name: str
    needs: frozenset[str]
    flags: tuple[str, ...]
    dtypes: tuple[str, ...]


_VECTORS = frozenset({"avx2", "fma", "avx512f", "avx512bw", "avx512dq", "avx512vl", "bmi1", "bmi2"})
_VECTOR_FLAGS = (
    *("-mavx2", "-mfma", "-mbmi", "-mbmi2"),
    *("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"),
)

AVX512 = InstructionSet(
    name="avx512",
    needs=_VECTORS | {"avx512_bf16"},
    flags=(*_VECTOR_FLAGS, "-mavx512bf16"),
    dtypes=("bfloat16", "float32"),
)
AVX512_FP32 = InstructionSet(name="avx512-fp32", needs=_VECTORS, flags=_VECTOR_FLAGS, dtypes=("float32",))
"""Processors without BF16 instructions: Skylake, Cascade Lake and Ice Lake servers among them."""
AVX2 = InstructionSet(
    name="avx2",
    needs=frozenset({"avx2", "fma", "bmi1", "bmi2"}),
    flags=("-mavx2", "-mfma", "-mbmi", "-mbmi2"),
    dtypes=("float32",),
)
SETS = (AVX512, AVX512_FP32, AVX2)
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
