"""`interim models`: what a server can be asked for."""

import argparse
import dataclasses
from typing import Any

from interim.client.catalogue import Model
from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_server
from interim.client.commands.output import number, table, text_stream, write_json


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
    print("\n\n".join(map(_described, models)), file=text_stream(args))
    write_json(args, {"models": [dataclasses.asdict(model) for model in models]})
    return 0


def _described(model: Model) -> str:
    masking = f"sure pixels skipped above {model.threshold:g}" if model.masking else "every pixel computed"
    facts = f"{model.task}, {len(model.classes)} classes, long side {model.long_side}, {masking}"
    rows = [
        (str(index), each.name, number(each.quality, 3), number(each.miou, 3), number(each.cost_ms))
        for index, each in enumerate(model.exits, 1)
    ]
    names = ", ".join(each.name for each in model.classes)
    header = ("exit", "name", "quality", "mIoU", "cost ms")
    return f"{model.name}: {facts}\n{table(header, rows)}\n  classes: {names}"
