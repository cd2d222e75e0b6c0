"""The command `interim-server`: options in, a running server out."""

import argparse
import importlib.util
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from interim.scheduling import policy as policies
from interim.server.config import load, options, rule_of
from interim.server.errors import ConfigError, StartError
from interim.server.version import version

SECTIONS = {
    "model": "the model",
    "grpc": "addresses",
    "policy": "deadlines",
    "max_requests": "limits",
    "drain_s": "running",
}
"""What `--help` groups the options under: each from the one named here to the next."""

NEEDED = ("torch", "safetensors", "aiohttp", "prometheus_client", "grpc_health", "grpc_reflection")

_EPILOG = """\
policies (docs/scheduling.md explains and compares them):
  plan   what gains most per second, within all deadlines
  price  cheaper to decide, a little behind
  edf    exit 1 of all, then the earliest deadline
to compare them with, keeping no promise:
{others}

examples:
  interim-server
  interim-server --model my-model/ --grpc 0.0.0.0:8500 --http 0.0.0.0:8080
  interim-server --config interim.toml --default-budget-ms 200

The config file is TOML with the same names, as `max_requests = 64`; options here
win over it. Budget policies are its [budget] tables: docs/budgets.md.
Exit status: 0 stopped by SIGTERM or Ctrl-C, 1 it could not start, 2 wrong use,
130 Ctrl-C before it was ready.
"""


def main(arguments: Sequence[str] | None = None, *, imported: Callable[[], object] = lambda: None) -> None:
    """Run the command; ends the process with status 0, 1 (it could not start), 2 (wrong use) or 130 (Ctrl-C).

    Args:
        arguments: Its arguments; None: those of the process.
        imported: Called as soon as all is imported: from then on Ctrl-C may raise.
    """
    words = vars(_parser().parse_args(arguments))
    path = words.pop("config")
    try:
        config = load(Path(path) if path else None, words)
        _check_extras()
        from interim.server.run import run  # noqa: PLC0415 -- cannot be imported without the extra

        imported()
        run(config)
    except ConfigError as error:
        _fail(str(error), 2)
    except StartError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:  # once it is ready Ctrl-C stops it in order, with status 0
        _fail("interrupted before it was ready", 130)  # as shells say it: 128 and the signal's number


def _check_extras() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise StartError(f'the server needs {", ".join(missing)}: pip install "interim[server]"')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interim-server",
        usage="interim-server [--config FILE] [--model NAME] [--grpc HOST:PORT] [--http HOST:PORT] [OPTION …]",
        description="Serve an anytime model: an answer by the deadline, a better one if time allows.",
        epilog=_EPILOG.format(others=_wrapped(_others())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--version", action="version", version=f"interim-server {version()}")
    parser.add_argument("--config", metavar="FILE", default=None, help="a TOML file with any of the options")
    section = parser.add_argument_group()
    for each in options():
        if each.name in SECTIONS:
            section = parser.add_argument_group(SECTIONS[each.name])
        section.add_argument(
            "--" + each.name.replace("_", "-"),
            metavar=rule_of(each.name).placeholder,
            help=f"{each.metadata['about']} (default: {shown(each.default)})",
        )
    return parser


def shown(default: object) -> str:
    """A default as people write it."""
    if isinstance(default, float):
        return f"{default:g}"
    return ",".join(default) if isinstance(default, tuple) else str(default)


def _others() -> str:
    return ", ".join(name for name in policies.names() if name not in policies.serving_names())


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 78, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _fail(sentence: str, status: int) -> NoReturn:
    print(f"interim-server: {sentence}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
