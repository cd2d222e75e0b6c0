"""`interim models`: what a server can be asked for."""

import argparse
import dataclasses
from typing import Any

from interim.client.catalogue import Model
from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_server
from interim.client.commands.output import number, table, text_stream, write_json
from interim.client.painter import POSE


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "models",
        help="list the models of a server, with their exits",
        description="List the models of a server, with their exits.",
    )
    add_server(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the models, the default one first."""
    with Client(args.server) as client:
        models = client.models()
    write_json(args, {"models": [dataclasses.asdict(model) for model in models]})
    print("\n\n".join(map(_described, models)), file=text_stream(args))
    return 0


def _masking(model: Model) -> str:
    if not model.masking:
        return "every pixel computed"
    side = "below" if model.task == POSE else "above"
    sure = f"sure pixels skipped {side} {model.threshold:g}"
    return f"pixels refined by {model.mask_rule}" if model.mask_rule else sure


def _described(model: Model) -> str:
    pose = model.task == POSE
    kinds = "joints" if pose else "classes"
    facts = f"{model.task}, {len(model.classes)} {kinds}, long side {model.long_side}, {_masking(model)}"
    rows = [
        (str(index), each.name, number(each.quality, 3), number(each.miou, 3), number(each.cost_ms))
        for index, each in enumerate(model.exits, 1)
    ]
    names = ", ".join(each.name for each in model.classes)
    header = ("exit", "name", "quality", "PCK" if pose else "mIoU", "cost ms")
    return f"{model.name}: {facts}\n{table(header, rows)}\n  {kinds}: {names}"
