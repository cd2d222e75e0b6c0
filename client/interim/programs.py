"""The four programs, from their first instant.

What they import takes up to a second or two, and Ctrl-C ends that too: without a trace, with the status that
shells give to it. This module imports next to nothing, so that there is hardly a moment before.
"""

import importlib
import os
import signal
from typing import Final, NoReturn

INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit status of a program that Ctrl-C ended: 130."""


def interim() -> int:
    """Runs `interim`; its exit status."""
    return _run("interim.client.main")


def interim_server() -> int:
    """Runs `interim-server`; its exit status."""
    return _run("interim.server.main")


def interim_zoo() -> int:
    """Runs `interim-zoo`; its exit status."""
    return _run("interim.training.main")


def interim_load() -> int:
    """Runs `interim-load`; its exit status."""
    return _run("interim.loadtest.main")


def _run(module: str) -> int:
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler:  # whoever started this has other plans for Ctrl-C
        return int(importlib.import_module(module).main() or 0)
    signal.signal(signal.SIGINT, _leave)
    main = importlib.import_module(module).main
    try:
        return int(main(imported=lambda: signal.signal(signal.SIGINT, usual)) or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        signal.signal(signal.SIGINT, _leave)  # nothing is lost any more


def _leave(*_: object) -> NoReturn:
    """Ends the process here and now: what is being imported may swallow an exception, or print it."""
    os._exit(INTERRUPTED)
