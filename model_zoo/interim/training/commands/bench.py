"""`interim-zoo bench NAME`: own kernels against torch, all active and masked, in one run."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import torch

from interim.model_zoo import checkpoint, registry
from interim.model_zoo.errors import BadInputError
from interim.training.arguments import count, numbers
from interim.training.bench.masks import KINDS, masks
from interim.training.bench.measure import Bench, bench
from interim.training.bench.tables import PARTS
from interim.training.commands.profile import parse_size
from interim.training.output import add_json, table, write_json

if TYPE_CHECKING:
    import argparse

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
LEAST_SIDE = 64


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("model", metavar="MODEL", help="a network or a shipped model (interim-zoo list)")
    parser.add_argument(
        "--size", type=parse_size, default=(512, 1024), metavar="HxW", help="image size (default: 512x1024)"
    )
    parser.add_argument("--dtype", choices=tuple(DTYPES), default="bf16", help="numbers (default: bf16)")
    parser.add_argument(
        "--fill",
        choices=tuple(registry.FILLS),
        default="hold",
        help="what stands at masked positions (default: hold)",
    )
    parser.add_argument("--masks", choices=KINDS, default="blobs", help="their shape (default: blobs)")
    parser.add_argument(
        "--active",
        type=parse_shares,
        default=(0.81, 0.62, 0.37),
        metavar="A,B,C",
        help="active shares of stages 2 to 4, for blobs and contours (default: .81,.62,.37, the paper's)",
    )
    parser.add_argument(
        "--threads",
        metavar="N",
        type=count,
        default=len(os.sched_getaffinity(0)),
        help="how many compute (default: all cores)",
    )
    parser.add_argument(
        "--repeats",
        metavar="N",
        type=count,
        default=15,
        help="runs of each, of which medians are taken (default: %(default)s)",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print a table, or JSON."""
    height, width = arguments.size
    if min(height, width) < LEAST_SIDE:
        raise BadInputError(
            f"{height}x{width} images are too small to time: both sides must be {LEAST_SIDE} or more"
        )
    network = masked_network(arguments.model, arguments.fill)
    chosen = masks(
        arguments.masks, (height // network.spec.stride, width // network.spec.stride), arguments.active
    )
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (1, height, width, 3), dtype=torch.uint8, generator=generator)
    found = bench(
        network,
        images.permute(0, 3, 1, 2),
        chosen,
        dtype=DTYPES[arguments.dtype],
        threads=arguments.threads,
        repeats=arguments.repeats,
    )
    active = [round(mask.double().mean().item(), 4) for mask in chosen]
    if arguments.json:
        write_json(arguments.json, _entries(arguments, found, active))
    if arguments.json != "-":
        print(_page(arguments, found, active))
    return 0


def masked_network(name: str, fill: str) -> AnytimeHrnet:
    """A network by name, or a checkpoint's; with the fill that is asked for, whatever it was trained with."""
    if name in registry.names():
        network = registry.build(name, fill=fill)
    else:
        found = checkpoint.read(name)
        network = registry.build(found.card.network, classes=len(found.card.classes), fill=fill)
        own = network.state_dict()  # another fill may have weights that are not in the file, or lack some
        known = {key: value for key, value in found.weights.items() if key in own}
        checkpoint.fit(network, own | known, name)
    if not network.masking:
        raise BadInputError(f"{name} has no masked convolutions: name a network that ends in -adpc")
    return network.eval()


def _entries(arguments: argparse.Namespace, found: Bench, active: list[float]) -> dict[str, Any]:
    return {
        "model": arguments.model,
        "size": list(arguments.size),
        "dtype": arguments.dtype,
        "masks": arguments.masks,
        "active": active,
        **dataclasses.asdict(found),
        "fill": arguments.fill,
        "threads": arguments.threads,
    }


def _page(arguments: argparse.Namespace, found: Bench, active: list[float]) -> str:
    rows = [
        [
            PARTS[name],
            *(f"{value:.1f}" for value in (part.torch_eager_ms, part.torch_best_ms)),
            *(f"{value:.1f}" for value in (part.own_dense_ms, part.own_masked_ms)),
            f"{part.torch_best_ms / part.own_dense_ms:.2f}x",
            f"{part.own_dense_ms / part.own_masked_ms:.2f}x of {part.theory:.2f}x",
        ]
        for name, part in found.parts.items()
    ]
    head = ["ms (medians)", "torch eager", "torch best", "own dense", "own masked", "dense gain", "mask gain"]
    shares = "/".join(f"{share:.2f}" for share in active)
    return (
        f"{arguments.model}, {'x'.join(map(str, arguments.size))}, {arguments.dtype}, {found.path}, "
        f"{arguments.threads} threads, {arguments.masks} {shares}, {arguments.fill}\n"
        f"{table(head, rows)}\n"
        f"exits after {', '.join(f'{ms:.1f}' for ms in found.exits_ms)} ms; longest slice "
        f"{found.longest_slice_ms:.1f} ms; labels agree on {100 * found.argmax_agreement:.2f} %"
    )


def parse_shares(text: str) -> tuple[float, ...]:
    """Active shares, from `.81,.62,.37`.

    Raises:
        argparse.ArgumentTypeError: it is no such text.
    """
    return numbers(text, "active shares are numbers, say .81,.62,.37")
