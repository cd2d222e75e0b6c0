"""One measurement: all contestants in turn, again and again, so that what disturbs one disturbs all."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tqdm import tqdm

from interim.model_zoo.counting import profile
from interim.training.bench.contestants import Best, Eager, Own, literal_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.bench.contestants import Contestant

CONTESTANTS = ("torch_eager", "torch_best", "own_dense", "own_masked")
"""Who is always measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Medians in milliseconds; `theory`: multiply-accumulates all active over those of the masks."""

    torch_eager_ms: float
    torch_best_ms: float
    own_dense_ms: float
    own_masked_ms: float
    theory: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What was measured.

    `parts`: `stages34`, the last two stages with their exits, and `end_to_end`, from bytes to the last exit's
    label map. `exits_ms`: from bytes to each exit's logits, own kernels, all active. `argmax_agreement`: of
    the masked run with the literal float32 network under the same masks. `laps_ms`: of every contestant, from
    bytes to each exit's logits, then to the label map.
    """

    parts: dict[str, Part]
    exits_ms: tuple[float, ...]
    argmax_agreement: float
    longest_slice_ms: float
    path: str
    laps_ms: dict[str, tuple[float, ...]]


class _Run:
    """One contestant's times: seconds from the image to each exit, and to the labels, a row a run."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.rows: list[list[float]] = []
        self.labels = torch.empty(0)

    def once(self, images: Tensor) -> None:
        begun_s, row = time.perf_counter(), []
        self.labels = self.contestant.run(images, lambda: row.append(time.perf_counter() - begun_s))
        self.rows.append([*row, time.perf_counter() - begun_s])

    def laps_ms(self) -> tuple[float, ...]:
        return tuple(1e3 * statistics.median(column) for column in zip(*self.rows, strict=True))

    def end_to_end_ms(self) -> float:
        return 1e3 * statistics.median(row[-1] for row in self.rows)

    def stages34_ms(self) -> float:
        return 1e3 * statistics.median(row[-2] - row[-4] for row in self.rows)


@torch.inference_mode()
def bench(
    network: AnytimeHrnet,
    images: Tensor,
    masks: Sequence[Tensor],
    *,
    dtype: torch.dtype,
    threads: int,
    repeats: int,
    beside: Mapping[str, Contestant] | None = None,
) -> Bench:
    """Measure a masked network of four exits on an image (1, 3, H, W) uint8; `beside`: more contestants, by name.

    Raises:
        BadInputError: the kernels cannot run it, or the masks do not fit.
    """
    torch.set_num_threads(threads)
    literal = literal_labels(network, images, masks)
    network.masking = False
    dense = Own(network, dtype, threads, time.perf_counter)
    masked = Own(network, dtype, threads, time.perf_counter, masks)
    runs = {
        "torch_eager": _Run(Eager(network)),
        "torch_best": _Run(Best(network, dtype, images)),
        "own_dense": _Run(dense),
        "own_masked": _Run(masked),
    }
    runs |= {name: _Run(contestant) for name, contestant in (beside or {}).items()}
    for number in tqdm(range(repeats + 2), "runs", disable=None, leave=False):
        for run in runs.values():
            run.once(images)
            if number < 2:  # the first ones compile, choose kernels, touch memory
                run.rows.clear()
    theory34, theory = _theory(network, images, masks)
    return Bench(
        parts={
            "stages34": Part(
                **{f"{name}_ms": runs[name].stages34_ms() for name in CONTESTANTS}, theory=theory34
            ),
            "end_to_end": Part(
                **{f"{name}_ms": runs[name].end_to_end_ms() for name in CONTESTANTS}, theory=theory
            ),
        },
        exits_ms=runs["own_dense"].laps_ms()[:-1],
        argmax_agreement=(runs["own_masked"].labels == literal).double().mean().item(),
        longest_slice_ms=1e3 * statistics.median(dense.slices[2:] + masked.slices[2:]),
        path=dense.path,
        laps_ms={name: run.laps_ms() for name, run in runs.items()},
    )


def _theory(network: AnytimeHrnet, images: Tensor, masks: Sequence[Tensor]) -> tuple[float, float]:
    """All active over masked, in multiply-accumulates: of stages 3 and 4, and of everything."""
    size = (images.shape[2], images.shape[3])
    costs: list[list[float]] = [
        [exit_.gmacs for exit_ in profile(network, size, chosen).exits] for chosen in (None, list(masks))
    ]
    whole, part = costs
    return (whole[3] - whole[1]) / (part[3] - part[1]), whole[3] / part[3]
