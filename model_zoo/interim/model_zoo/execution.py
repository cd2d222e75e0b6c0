"""What runs a network: the compiled kernels where they can, torch where they cannot, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.gpu import library as gpu
from interim.model_zoo.label_map import LabelMap, label_map
from interim.model_zoo.masked.hold import HoldFill
from interim.model_zoo.native import library
from interim.model_zoo.native.kernels import Missing
from interim.model_zoo.native.network import NativeHrnet
from interim.model_zoo.native.operations import Operations
from interim.model_zoo.prepare import prepare
from interim.model_zoo.run_times import SIZE, run_times

if TYPE_CHECKING:
    import torch

    from interim.model_zoo.gpu.network import GpuHrnet
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

CHOICES = ("auto", "native", "reference")

UNFILLED = "the kernels there can hold what masked positions were, and nothing else"
LONGER = "every position is computed: to interpolate masked ones, as this network does, takes longer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A network ready to run.

    `path`: `native-` and the kernels' instruction set or kind of GPU, or, in torch, `reference` with masking and `dense`
    without. `label_map`: what makes label maps of its logits. `note`: what is not as one would expect, in one
    sentence without a full stop; may be empty.
    """

    model: AnytimeHrnet | NativeHrnet | GpuHrnet
    path: str
    dtype: torch.dtype
    masking: bool
    label_map: LabelMap = label_map
    note: str = ""


def execution(
    network: AnytimeHrnet,
    *,
    choice: str = "auto",
    dtype: torch.dtype,
    masking: bool,
    device: torch.device,
    threads: int = 1,
    asked: bool = False,
) -> Execution:
    """Make a network ready to serve.

    Args:
        network: With the weights; it stays as it is.
        choice: `native`: the kernels, or an error; `reference`: torch; `auto`: the kernels where there are any. On a
            processor with a matrix unit, which torch uses well too, `auto` measures what is quickest.
        dtype: torch.float32 or torch.bfloat16.
        masking: Whether positions that are sure are skipped. `auto` computes them where the kernels would have
            to interpolate them, and says so: it is sooner done.
        device: Where it will run.
        threads: How many compute.
        asked: A masking rule was asked for: it holds even where computing every position is sooner done.

    Raises:
        BadInputError: `native` is asked for and cannot be had, or masking of a network without masks.
    """
    if choice == "reference":
        return _in_torch(network, dtype, device, masking=masking)
    holds = issubclass(network.filling, HoldFill)
    skips = masking and (holds or ((choice == "native" or asked) and device.type == "cpu"))
    if choice == "native" and masking and not skips:
        raise BadInputError(f"{network.spec.name} cannot run natively: {UNFILLED}")
    if asked and masking and not skips:
        made_so = _in_torch(network, dtype, device, masking=masking)
        return replace(made_so, note=f"torch runs the network: {UNFILLED}")
    on_kernels = _on_cpu if device.type == "cpu" else _on_gpu
    made = on_kernels(network, dtype=dtype, masking=skips, device=device, threads=threads)
    if isinstance(made, Execution):
        made = replace(made, note="" if skips or not masking else LONGER)
        if choice == "native" or asked or not library.is_to_be_compared(made.path):
            return made
        return _compared(made, network, device, threads=threads)
    if choice == "native":
        raise BadInputError(f"{network.spec.name} cannot run natively: {made}")
    return replace(_in_torch(network, dtype, device, masking=masking), note=f"torch runs the network: {made}")


def _compared(made: Execution, network: AnytimeHrnet, device: torch.device, *, threads: int) -> Execution:
    """What is quickest: these kernels, those below them, or torch with every position computed."""
    below = _on_cpu(
        network, dtype=made.dtype, masking=made.masking, device=device, threads=threads, wanted=library.BELOW
    )
    others = [below] if isinstance(below, Execution) else []
    candidates = [made, *others, _in_torch(network, made.dtype, device, masking=False)]
    times_s = run_times([each.model for each in candidates])
    best = candidates[times_s.index(min(times_s))]
    said = ", ".join(f"{each.path} {s * 1e3:.1f} ms" for each, s in zip(candidates, times_s, strict=True))
    note = f"chosen by time for {SIZE[0]}x{SIZE[1]}: {said}"
    return replace(best, note="; ".join(filter(None, (best.note, note))))


def _in_torch(network: AnytimeHrnet, dtype: torch.dtype, device: torch.device, *, masking: bool) -> Execution:
    served = prepare(network, dtype=dtype, masking=masking).to(device)
    return Execution(model=served, path="reference" if masking else "dense", dtype=dtype, masking=masking)


def _on_cpu(
    network: AnytimeHrnet,
    *,
    dtype: torch.dtype,
    masking: bool,
    device: torch.device,  # noqa: ARG001 - there is one
    threads: int,
    wanted: str | None = None,
) -> Execution | str:
    """On the CPU's kernels (of the path that is wanted, if any), or why not."""
    kernels = library.load(wanted)
    if isinstance(kernels, Missing):
        return kernels.reason
    try:
        kernels.check(dtype)
    except BadInputError as error:
        return str(error)
    operations = Operations(kernels, dtype, threads=threads)
    return Execution(
        model=NativeHrnet(network, operations, masking=masking),
        path=f"native-{kernels.path}",
        dtype=dtype,
        masking=masking,
        label_map=operations.answers.label_map,
    )


def _on_gpu(
    network: AnytimeHrnet,
    *,
    dtype: torch.dtype,
    masking: bool,
    device: torch.device,
    threads: int,  # noqa: ARG001 - the GPU has its own
) -> Execution | str:
    """On GPU kernels that agree with torch, or why not."""
    made = gpu.load(network, dtype=dtype, masking=masking, device=device)
    if isinstance(made, Missing):
        return made.reason
    return Execution(
        model=made.model,
        path=f"native-{made.path}",
        dtype=dtype,
        masking=masking,
        label_map=made.label_map,
    )
