"""Kernels: own kernels against torch, all positions active and masked, in the settings of docs/performance.md.

Each setting is one run of `interim-zoo bench`: all contestants in turn, again and again; medians. Nothing else
should run meanwhile.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from benchmarks.material import count
from benchmarks.measured import Measured

from interim.training.bench.contestants import Best, compiled
from interim.training.bench.masks import KINDS, masks
from interim.training.bench.measure import bench
from interim.training.bench.tables import PARTS
from interim.training.commands.bench import DTYPES, masked_network

if TYPE_CHECKING:
    import argparse

    from torch import Tensor

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.bench.contestants import Contestant

SHARES = (0.81, 0.62, 0.37)
"""Of blobs and contours: the paper's."""

FILL = "hold"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is measured; `repeats`: how often, as large networks take seconds; `compiled`: torch.compile too."""

    model: str
    size: tuple[int, int]
    dtype: str
    masks: str
    repeats: int = 15
    compiled: bool = False


SETTINGS = (
    Setting("default", (512, 1024), "bf16", "recorded", compiled=True),
    *(Setting("default", (512, 1024), "bf16", kind) for kind in ("blobs", "contours")),
    Setting("default", (384, 480), "bf16", "recorded"),
    Setting("default", (512, 1024), "fp32", "recorded"),
    Setting("hrnet-w48-adpc", (512, 1024), "fp32", "blobs", 3),
    *(Setting("hrnet-w48-adpc", (1024, 2048), "bf16", kind, 3) for kind in ("blobs", "contours")),
)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    models = tuple(dict.fromkeys(each.model for each in SETTINGS))
    parser.add_argument("--model", choices=models, help="only the settings of one (default: all)")
    parser.add_argument("--masks", choices=KINDS, help="only those under one kind (default: all)")
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="(default: %(default)s)")


def measure(asked: argparse.Namespace) -> Measured:
    """Runs every setting."""
    rows = [
        _row(each, asked.threads, 3 if asked.quick else each.repeats)
        for each in SETTINGS
        if asked.model in (None, each.model) and asked.masks in (None, each.masks)
    ]
    return Measured(
        lines=tuple(line for row in rows for line in _lines(row)),
        figures={"rows": rows},
        checks=(),
        server={"torch": torch.__version__, "threads": asked.threads},
    )


def _row(setting: Setting, threads: int, repeats: int) -> dict[str, Any]:
    height, width = setting.size
    network = masked_network(setting.model, FILL)
    chosen = masks(setting.masks, (height // network.spec.stride, width // network.spec.stride), SHARES)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=generator)
    dtype = DTYPES[setting.dtype]
    torch.set_num_threads(threads)
    found = bench(
        network,
        images,
        chosen,
        dtype=dtype,
        threads=threads,
        repeats=repeats,
        beside=_compiled(network, dtype, images) if setting.compiled else None,
    )
    shares = [round(mask.double().mean().item(), 4) for mask in chosen]
    return {**asdict(setting), "active": shares, "fill": FILL, "threads": threads, **asdict(found)}


@torch.inference_mode()
def _compiled(network: AnytimeHrnet, dtype: torch.dtype, images: Tensor) -> dict[str, Contestant]:
    return {"torch_compiled": Best(network, dtype, images, compiled)}


def _lines(row: dict[str, Any]) -> list[str]:
    """For people."""
    size = "x".join(map(str, row["size"]))
    lines = [f"{row['model']}, {size}, {row['dtype']}, {row['masks']}, {row['threads']} threads"]
    for name, title in PARTS.items():
        part = row["parts"][name]
        times = " ".join(f"{value:>9.1f}" for key, value in part.items() if key.endswith("_ms"))
        lines.append(
            f"  {title:<15}{times} ms; dense {part['torch_best_ms'] / part['own_dense_ms']:.2f}x, "
            f"masked {part['own_dense_ms'] / part['own_masked_ms']:.2f}x of {part['theory']:.2f}x"
        )
    return lines
