"""The process that runs a user's budget function: `python -m interim.server.budgets.child MODULE:NAME FD`.

It reads one request a line from the socket FD and answers each with one line, all JSON. It is single-minded on
purpose: whatever the function does (raise, hang, exit, print), the server reads a line in time or kills it.
"""

import importlib
import json
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from interim.server.budgets.facts import Facts

BACKSTOP_S = 1.0
"""A call that lasts this long ends the process even if the server is gone."""

_LONGEST = 2000  # characters of an answer


def main() -> None:
    """Answer until the server hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the server, which hangs up
    with socket.socket(fileno=int(sys.argv[2])) as line, line.makefile("rw", encoding="utf-8") as stream:
        try:
            function = _found(sys.argv[1])
        except BaseException as error:  # noqa: BLE001 -- a user's module may do anything while it is imported
            _say(stream, {"unable": _sentence(error)})
            return
        _say(stream, {"ready": True})
        for request in stream:
            signal.setitimer(signal.ITIMER_REAL, BACKSTOP_S)
            answer = _answer(function, request)
            signal.setitimer(signal.ITIMER_REAL, 0)
            _say(stream, answer)


def _found(call: str) -> Callable[[Facts], object]:
    module, _, name = call.partition(":")
    function: Callable[[Facts], object] = getattr(importlib.import_module(module), name)
    if not callable(function):
        raise TypeError(f"{name} cannot be called")
    return function


def _answer(function: Callable[[Facts], object], request: str) -> dict[str, object]:
    try:
        return {"ms": function(Facts(**json.loads(request)))}
    except Exception as error:  # noqa: BLE001 -- the user's function; the server says so
        return {"error": _sentence(error)}


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:_LONGEST]


def _say(stream: Any, answer: dict[str, object]) -> None:
    line = json.dumps(answer, default=lambda value: repr(value)[:_LONGEST])
    stream.write((line if len(line) <= 2 * _LONGEST else '{"error": "its answer is too long"}') + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
