"""The command `interim-server`: options in, a running server out."""

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from interim.server.config import load, options, rule_of
from interim.server.errors import ConfigError, StartError

NEEDED = ("torch", "safetensors", "aiohttp", "prometheus_client", "grpc_health", "grpc_reflection")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; ends the process with status 0, 1 (it could not start) or 2 (wrong use)."""
    words = vars(_parser().parse_args(arguments))
    path = words.pop("config")
    try:
        config = load(Path(path) if path else None, words)
        _check_extras()
        from interim.server.run import run  # noqa: PLC0415 -- cannot be imported without the extra

        run(config)
    except ConfigError as error:
        _fail(str(error), 2)
    except StartError as error:
        _fail(str(error), 1)


def _check_extras() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise StartError(f'the server needs {", ".join(missing)}: pip install "interim[server]"')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="interim-server",
        description="Serve an anytime model: an answer by the deadline, a better one if time allows.",
        epilog="The config file is TOML with the same names, as `max_requests = 64`; options here win over it. Budget policies are its [budget] tables: docs/budgets.md.",
        argument_default=argparse.SUPPRESS,
    )
    parser.add_argument("--config", metavar="FILE", default=None, help="a TOML file with any of the options")
    for each in options():
        parser.add_argument(
            "--" + each.name.replace("_", "-"),
            metavar=rule_of(each.name).placeholder,
            help=f"{each.metadata['about']} (default: {_shown(each.default)})",
        )
    return parser


def _shown(default: object) -> str:
    words = ",".join(default) if isinstance(default, tuple) else str(default)
    return words.replace("%", "%%")


def _fail(sentence: str, status: int) -> NoReturn:
    print(f"interim-server: {sentence}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
