"""Bfloat16 is used where it is quicker, by what the processor says of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from interim.model_zoo import bfloat16
from interim.model_zoo.native import processor

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", "fma avx2", False),
        ("AuthenticAMD", "avx2 avx512_bf16", True),
        ("GenuineIntel", "avx2 avx512_bf16", False),
        ("GenuineIntel", "avx2 avx512_bf16 amx_bf16", True),
        ("Arm", "asimd bf16", True),
    ],
)
def test_a_processor_that_multiplies_it_at_a_higher_rate(
    vendor: str, flags: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A matrix unit, Arm's, or vectors that are not Intel's."""
    file = tmp_path / "cpuinfo"
    file.write_text(f"vendor_id\t: {vendor}\nflags\t\t: {flags}\n")
    monkeypatch.setattr(processor, "CPU_INFO", file)
    assert bfloat16.quicker(CPU) is expected


def test_a_machine_that_does_not_say_computes_in_float32_and_a_gpu_in_bfloat16(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no such file everywhere."""
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "nothing")
    assert not bfloat16.quicker(CPU)
    assert bfloat16.quicker(torch.device("cuda"))
