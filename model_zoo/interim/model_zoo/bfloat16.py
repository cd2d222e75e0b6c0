"""Whether a device is quicker in bfloat16 than in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.native.processor import entries

if TYPE_CHECKING:
    import torch

_MATRIX_UNIT = "amx_bf16"
_ARM = "bf16"
_VECTORS = "avx512_bf16"
_HALF_RATE = "GenuineIntel"


def quicker(device: torch.device) -> bool:
    """Whether the network takes less time in bfloat16 there; a rule, as a measurement would vary from start to start.

    CUDA: yes. Processors: where they multiply it, in a matrix unit (AMX), on Arm, or in vectors of AVX-512 BF16;
    elsewhere it is emulated. Vectors alone are no gain on Intel's, which multiply no more numbers a second than in
    float32: one thread of a Xeon of 2023 whose AMX is hidden took 14 and 35 % more in bfloat16 for W18-small-v2 at
    384x480 on the kernels, and 31 and 47 % more in torch (two runs). On an EPYC of 2024 (Zen 5) it takes about half.
    """
    if device.type == "cuda":
        return True
    said = entries()
    words = {*said.get("flags", "").split(), *said.get("Features", "").split()}  # x86's and Arm's
    return not words.isdisjoint({_MATRIX_UNIT, _ARM}) or (
        _VECTORS in words and said.get("vendor_id") != _HALF_RATE
    )
