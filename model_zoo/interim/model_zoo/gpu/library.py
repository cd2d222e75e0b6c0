"""A network on this machine's GPU, or the reason why torch runs it there."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.gpu.target import Target, interpreting
from interim.model_zoo.native.kernels import Missing

if TYPE_CHECKING:
    from interim.model_zoo.gpu.labels import Labels
    from interim.model_zoo.gpu.network import GpuHrnet
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

CAPABILITY = (8, 0)
"""The first one that multiplies bfloat16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A network that runs on GPU kernels. `path`: the GPU's kind, `sm90` say."""

    model: GpuHrnet
    label_map: Labels
    path: str


def load(
    network: AnytimeHrnet, *, dtype: torch.dtype, masking: bool, device: torch.device
) -> Ready | Missing:
    """A network on the kernels, once it has agreed with torch on a small image; or why it cannot be had.

    Args:
        network: With the weights; it stays as it is.
        dtype: torch.float32 or torch.bfloat16.
        masking: Positions that are sure are held.
        device: A CUDA device.
    """
    reason = _missing(device)
    if reason:
        return Missing(reason)
    path = "sm{}{}".format(*torch.cuda.get_device_capability(device))
    try:
        with torch.cuda.device(device):
            return made(network, dtype=dtype, masking=masking, target=Target.of(device), path=path)
    except Exception as error:  # noqa: BLE001 - Triton's compiler may raise anything, and torch serves then
        words = " ".join(str(error).split())[:200].rstrip(".")
        return Missing(f"the GPU kernels cannot be used on {path} ({type(error).__name__}: {words})")


def made(
    network: AnytimeHrnet, *, dtype: torch.dtype, masking: bool, target: Target, path: str
) -> Ready | Missing:
    """A network on a target's kernels, tried out; needs Triton."""
    from interim.model_zoo.gpu.labels import Labels  # noqa: PLC0415 - Triton is loaded by who uses it
    from interim.model_zoo.gpu.network import GpuHrnet  # noqa: PLC0415 - likewise
    from interim.model_zoo.gpu.operations import Operations  # noqa: PLC0415 - likewise
    from interim.model_zoo.gpu.trial import fault  # noqa: PLC0415 - likewise

    labels = Labels(target)
    model = GpuHrnet(network, Operations(dtype, target), masking=masking)
    wrong = fault(network, model, labels, dtype=dtype, device=target.device)
    if wrong:
        return Missing(f"the GPU kernels fail their test on {path} ({wrong})")
    return Ready(model=model, label_map=labels, path=path)


def _missing(device: torch.device) -> str:
    """Why there can be no kernels for a device; empty: there can."""
    if os.environ.get("INTERIM_KERNELS") == "off":
        return "switched off by INTERIM_KERNELS=off"
    if device.type != "cuda" or torch.version.hip:
        return f"there are no kernels for {'ROCm' if torch.version.hip else device.type}"
    if importlib.util.find_spec("triton") is None:
        return "the GPU kernels need Triton: install interim[gpu]"
    if interpreting():
        return "TRITON_INTERPRET is set, which is for tests"
    if torch.cuda.get_device_capability(device) < CAPABILITY:
        return f"the GPU kernels need compute capability {CAPABILITY[0]}.{CAPABILITY[1]} or newer"
    return ""
