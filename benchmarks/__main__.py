"""The command `scripts/bench`: the acceptance measurements, each on a server of its own on loopback."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    answers,
    clip,
    deadlines,
    decisions,
    gpu,
    kernels,
    overhead,
    paths,
    promises,
    steps,
    stops,
    verdicts,
)
from benchmarks.host import ROOT, this_host
from benchmarks.server_process import ServerError
from benchmarks.stalls import stall_meter

from interim.client import InterimError
from interim.loadtest.entries import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.measured import Measured

BENCHMARKS = {
    "deadlines": deadlines,
    "decisions": decisions,
    "verdicts": verdicts,
    "stops": stops,
    "overhead": overhead,
    "clip": clip,
    "gpu": gpu,
    "kernels": kernels,
    "answers": answers,
    "promises": promises,
    "steps": steps,
    "paths": paths,
}
_EPILOG = """\
Words after -- go to interim-server: scripts/bench deadlines -- --device cuda:0 --masking off
exit status: 0 every promise was kept; 1 one was broken, or nothing could be measured; 2 wrong use.
A machine that does anything else meanwhile breaks promises: the load before the start is printed.
"""


def main(arguments: Sequence[str]) -> int:
    """Runs one benchmark; its exit status."""
    own, server = _split(list(arguments))
    asked = _parser().parse_args(own)
    asked.server = server
    host = this_host()
    gc.collect()
    gc.freeze()  # a collection of 50 ms on the asking side would count as the server's lateness
    try:
        with stall_meter() as stalls:
            measured: Measured = BENCHMARKS[asked.benchmark].measure(asked)
    except (ServerError, ScenarioError, InterimError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 1
    written = measured.as_json(asked.benchmark, host, stalls)
    if asked.json == "-":
        print(written)
    else:
        print(measured.as_table(asked.benchmark, host, stalls))
        if asked.json:
            Path(asked.json).write_text(written + "\n", encoding="utf-8")
    return 0 if measured.holds else 1


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """This command's words, and the server's."""
    if "--" not in arguments:
        return arguments, []
    border = arguments.index("--")
    return arguments[:border], arguments[border + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="benchmark", metavar="BENCHMARK", required=True)
    for name, module in BENCHMARKS.items():
        assert module.__doc__
        about = module.__doc__.splitlines()[0]
        command = commands.add_parser(name, help=about, description=module.__doc__)
        command.add_argument(
            "--json", metavar="FILE|-", help="write the figures as JSON (-: to the standard output)"
        )
        command.add_argument(
            "--quick", action="store_true", help="a few pictures: does it work, not how well"
        )
        command.add_argument(
            "--data",
            metavar="DIR",
            type=Path,
            default=ROOT / "../shared/data/camvid",
            help="images/, labels/ and val.txt (default: ../shared/data/camvid)",
        )
        module.options(command)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
