"""`interim status`: how a server is."""

import argparse
import dataclasses
from typing import Any

from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_server
from interim.client.commands.output import number, table, text_stream, write_json
from interim.client.painter import POSE
from interim.client.status import Status, Worker


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "status",
        help="show how a server is: load, workers, costs of stages",
        description="Show how a server is: load, workers, costs of stages. Exit status 1 where it takes no "
        "requests, or none answers.",
    )
    add_server(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints the status; 0 where the server takes requests, 1 where it does not."""
    with Client(args.server) as client:
        status = client.status()
    write_json(args, dataclasses.asdict(status))
    stream = text_stream(args)
    print(_summary(args.server, status), file=stream)
    for worker in status.workers:
        print(_described(worker), file=stream)
    return 0 if status.ready and not status.draining else 1


def _summary(server: str, status: Status) -> str:
    state = "stopping" if status.draining else "ready" if status.ready else "not ready"
    minutes, seconds = divmod(int(status.uptime_s), 60)
    hours, minutes = divmod(minutes, 60)
    uptime = f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
    load = f"{status.in_flight} in flight ({status.bytes_in_flight / 2**20:.1f} MiB)"
    return f"{server}: {state}, version {status.version}, up {uptime}, {load}"


def _described(worker: Worker) -> str:
    masking = "masked" if worker.masking else "dense"
    state = "up" if worker.up else "down"
    facts = f"{worker.device}, {worker.dtype}, {worker.execution} ({masking}), {worker.threads} thread{'' if worker.threads == 1 else 's'}"
    lines = [
        f"\n{worker.model}: {state}, {worker.restarts} restart{'' if worker.restarts == 1 else 's'}",
        f"  {facts}, longest slice {worker.longest_slice_ms:.1f} ms",
    ]
    if worker.task:
        kinds = "joints" if worker.task == POSE else "classes"
        lines.append(f"  {worker.task}, {len(worker.classes)} {kinds}: {', '.join(worker.classes)}")
    if worker.stages:
        rows = [(each.exit, number(each.mean_ms), number(each.p99_ms)) for each in worker.stages]
        height, width = worker.size
        lines += [
            table(("stage", "mean ms", "p99 ms"), rows),
            f"  for {height} x {width} pixels (height x width)",
        ]
    return "\n".join(lines)
