"""What runs a network: the compiled kernels where they can, torch where they cannot, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.hold import HoldFill
from interim.model_zoo.native import library
from interim.model_zoo.native.network import NativeHrnet
from interim.model_zoo.native.operations import Operations
from interim.model_zoo.prepare import prepare

if TYPE_CHECKING:
    import torch

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

CHOICES = ("auto", "native", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A network ready to run.

    `path`: `native-` and the kernels' instruction set, or, in torch, `reference` with masking and `dense`
    without. `note`: what is not as one would expect, in one sentence; may be empty.
    """

    model: AnytimeHrnet | NativeHrnet
    path: str
    dtype: torch.dtype
    masking: bool
    note: str = ""


def execution(
    network: AnytimeHrnet,
    *,
    choice: str = "auto",
    dtype: torch.dtype,
    masking: bool,
    device: torch.device,
    threads: int = 1,
) -> Execution:
    """Make a network ready to serve.

    Args:
        network: With the weights; it stays as it is.
        choice: `native`: the kernels, or an error; `reference`: torch; `auto`: the kernels where there are any.
        dtype: torch.float32 or torch.bfloat16.
        masking: Whether positions that are sure are skipped. `auto` computes them where the kernels cannot
            fill them in, and says so: it is sooner done.
        device: Where it will run.
        threads: How many compute.

    Raises:
        BadInputError: `native` is asked for and cannot be had, or masking of a network without masks.
    """
    if choice != "reference":
        found = _native(network, dtype, device, threads, masking=masking, strict=choice == "native")
        if isinstance(found, Execution):
            return found
        note = f"torch runs the network: {found}."
    else:
        note = ""
    served = prepare(network, dtype=dtype, masking=masking).to(device)
    path = "reference" if masking else "dense"
    return Execution(model=served, path=path, dtype=dtype, masking=masking, note=note)


def _native(
    network: AnytimeHrnet,
    dtype: torch.dtype,
    device: torch.device,
    threads: int,
    *,
    masking: bool,
    strict: bool,
) -> Execution | str:
    """The network on kernels, or why there are none for it; `strict`: then raise."""
    kernels = library.load()
    holds = issubclass(network.filling, HoldFill)
    name = str(dtype).removeprefix("torch.")
    why = ""
    if device.type != "cpu":
        why = f"there are no kernels for {device.type}"
    elif isinstance(kernels, library.Missing):
        why = kernels.reason
    elif name not in kernels.dtypes:
        why = f"the {kernels.path} kernels do not compute in {name}"
    elif masking and not holds and strict:
        why = "the kernels cannot interpolate masked positions: switch masking off, or take a network that holds"
    if why and strict:
        raise BadInputError(f"{network.spec.name} cannot run natively: {why}")
    if why:
        return why
    assert isinstance(kernels, library.Kernels)
    masked = masking and holds
    note = (
        "" if masked == masking else "every position is computed: the kernels cannot interpolate masked ones."
    )
    model = NativeHrnet(network, Operations(kernels, dtype, threads=threads), masking=masked)
    return Execution(model=model, path=f"native-{kernels.path}", dtype=dtype, masking=masked, note=note)
