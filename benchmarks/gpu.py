"""GPU: the network on own kernels against torch, all positions active and masked, interleaved, on a CUDA device.

Torch runs as it comes (float32, eager) and at its best: normalisations folded, channels last, bfloat16, a CUDA
graph for each stage; with --compile also through torch.compile (max-autotune), which takes minutes. Masks are
injected. Times are between CUDA events, medians; from bytes on the device to each exit's logits, and to the
last label map.
"""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
from benchmarks.material import count
from benchmarks.measured import Measured
from benchmarks.server_process import ServerError
from torch import Tensor, nn

from interim.model_zoo import checkpoint, registry
from interim.model_zoo.anytime import State, finish
from interim.model_zoo.counting import profile
from interim.model_zoo.gpu import library
from interim.model_zoo.label_map import label_map
from interim.model_zoo.native.kernels import Missing
from interim.model_zoo.prepare import prepare
from interim.training.bench.masks import KINDS, masks
from interim.training.commands.bench import parse_shares
from interim.training.commands.profile import parse_size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from interim.model_zoo.anytime import AnytimeModel
    from interim.model_zoo.label_map import LabelMap
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

    Lap = Callable[[], None]

WARM = 3
"""Runs that do not count: they compile, capture, touch memory."""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument("--model", default="default", help="a name or a checkpoint (default: %(default)s)")
    parser.add_argument(
        "--size", type=parse_size, default="1024x2048", metavar="HxW", help="(default: %(default)s)"
    )
    parser.add_argument("--batch", type=count, default=1, metavar="N", help="images (default: %(default)s)")
    parser.add_argument("--masks", choices=KINDS, default="blobs", help="(default: %(default)s)")
    parser.add_argument(
        "--active",
        type=parse_shares,
        default=".81,.62,.37",
        help="shares of positions (default: %(default)s)",
    )
    parser.add_argument("--repeats", type=count, default=30, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="torch.compile too")


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on the first CUDA device."""
    if not torch.cuda.is_available():
        raise ServerError("there is no CUDA device here: nothing was measured")
    device = torch.device("cuda", 0)
    height, width = asked.size
    network = _network(asked.model)
    images = torch.randint(0, 256, (asked.batch, 3, height, width), dtype=torch.uint8, device=device)
    chosen = masks(asked.masks, (height // 4, width // 4), asked.active)
    on_device = [mask.to(device).expand(asked.batch, -1, -1) for mask in chosen]
    with torch.inference_mode():
        runs = _contestants(network, images, on_device, compiled=asked.compile)
        times = _interleaved(runs, images, 5 if asked.quick else asked.repeats)
    whole, part = (profile(network, (height, width), each).exits[-1].gmacs for each in (None, chosen))
    return _measured(times, theory=whole / part, device=device)


class Staged:
    """A model stage by stage; `injected`: what each stage after the first refines."""

    def __init__(
        self, model: AnytimeModel, labels: LabelMap, injected: Sequence[Tensor] | None = None
    ) -> None:
        self._model, self._labels, self._injected = model, labels, injected

    def run(self, images: Tensor, lap: Lap) -> None:
        """One batch; a lap after each exit and after the label maps."""
        state = self._model.start(images)
        for exit_ in range(1, len(self._model.spec.exits) + 1):
            if self._injected is not None and state.prediction is not None:
                prediction = replace(state.prediction, active=self._injected[exit_ - 2])
                state = replace(state, prediction=prediction)
            state = finish(self._model.stage(exit_, state))
            lap()
        assert state.prediction is not None
        self._labels(state.prediction.logits, (images.shape[2], images.shape[3]))
        lap()


class Graphed:
    """Torch at its best: a CUDA graph for each stage, of the network as it is or compiled."""

    def __init__(self, network: AnytimeHrnet, images: Tensor, *, compiled: bool) -> None:
        self._images = images.clone()
        self._graphs: list[torch.cuda.CUDAGraph] = []
        maps: tuple[Tensor, ...] = (self._images,)
        for exit_ in range(1, len(network.spec.exits) + 1):
            stage: Any = _Stage(network, exit_)
            if compiled:
                stage = torch.compile(stage, mode="max-autotune-no-cudagraphs")
            for _ in range(WARM):
                stage(*maps)
            torch.cuda.synchronize()
            self._graphs.append(torch.cuda.CUDAGraph())
            with torch.cuda.graph(self._graphs[-1]):
                *maps_, self._logits, _ = stage(*maps)
            maps = tuple(maps_)

    def run(self, images: Tensor, lap: Lap) -> None:
        """As `Staged.run`."""
        self._images.copy_(images)
        for graph in self._graphs:
            graph.replay()
            lap()
        label_map(self._logits, (images.shape[2], images.shape[3]))
        lap()


class _Stage(nn.Module):
    """One stage with its exit; the first one takes bytes."""

    def __init__(self, network: AnytimeHrnet, exit_: int) -> None:
        super().__init__()
        self._network, self._exit = network, exit_

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        """The stage's maps, then its logits and confidence."""
        before = self._network.start(maps[0]) if self._exit == 1 else State(maps)
        state = finish(self._network.stage(self._exit, before))
        assert state.prediction is not None
        return (*state.maps, state.prediction.logits, state.prediction.confidence)


def _network(name: str) -> AnytimeHrnet:
    """A network that holds: by its name with random weights, else a checkpoint."""
    if name in registry.names():
        return registry.build(name, fill="hold").eval()
    return checkpoint.load(name)


def _contestants(
    network: AnytimeHrnet, images: Tensor, injected: Sequence[Tensor], *, compiled: bool
) -> dict[str, Staged | Graphed]:
    """Who is compared, by name."""
    runs: dict[str, Staged | Graphed] = {}
    device = images.device
    rough = prepare(network, dtype=torch.bfloat16, masking=False).to(device)
    eager = prepare(network, dtype=torch.float32, masking=False).to(device)
    runs["torch eager"] = Staged(eager, label_map)
    runs["torch best"] = Graphed(rough, images, compiled=False)
    if compiled:
        runs["torch compiled"] = Graphed(rough, images, compiled=True)
    for name, masking in (("own dense", False), ("own masked", True)):
        ready = library.load(network, dtype=torch.bfloat16, masking=masking, device=device)
        if isinstance(ready, Missing):
            raise ServerError(ready.reason)
        runs[name] = Staged(ready.model, ready.label_map, injected if masking else None)
    return runs


def _interleaved(
    runs: dict[str, Staged | Graphed], images: Tensor, repeats: int
) -> dict[str, list[list[float]]]:
    """Milliseconds from the start to each lap, a row a run, by name."""
    times: dict[str, list[list[float]]] = {name: [] for name in runs}
    for number in range(WARM + repeats):
        for name, run in runs.items():
            events = [torch.cuda.Event(enable_timing=True)]  # type: ignore[no-untyped-call]
            events[0].record()

            def lap(events: list[torch.cuda.Event] = events) -> None:
                events.append(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
                events[-1].record()

            run.run(images, lap)
            torch.cuda.synchronize()
            if number >= WARM:
                times[name].append([events[0].elapsed_time(each) for each in events[1:]])
    return times


def _measured(times: dict[str, list[list[float]]], *, theory: float, device: torch.device) -> Measured:
    """The table, and the ratios that are asked for."""
    columns = {name: [median(column) for column in zip(*rows, strict=True)] for name, rows in times.items()}
    best = min(each[-1] for name, each in columns.items() if name.startswith("torch"))
    dense, masked = columns["own dense"][-1], columns["own masked"][-1]
    lines = [f"{name:<16}" + " ".join(f"{ms:>9.3f}" for ms in each) + " ms" for name, each in columns.items()]
    return Measured(
        lines=(
            f"{'':<16}"
            + " ".join(f"{f'exit {n}':>9}" for n in range(1, len(columns["own dense"])))
            + "    labels",
            *lines,
            f"own dense against the best torch  {best / dense:.2f}x",
            f"masked against own dense          {dense / masked:.2f}x of {theory:.2f}x",
            f"masked against the best torch     {best / masked:.2f}x",
        ),
        figures={"ms": columns, "theory": theory, "dense": best / dense, "masked": dense / masked},
        checks=(),
        server={"device": torch.cuda.get_device_name(device)},
    )
