"""How a command ends: its exit status, and one line on standard error where it failed."""

import io
import os
import sys
from collections.abc import Callable
from typing import Final

from interim.client import errors
from interim.client.grpc_errors import NO_SERVER

FAILED: Final = 1
WRONG_USE: Final = 2
"""What was named is not there or is not allowed: to try again is no use."""
INTERRUPTED: Final = 130
"""By Ctrl-C, as shells say it: 128 and the signal's number."""


def ended(program: str, command: Callable[[], int]) -> int:
    """Runs a command of `program`; the exit status: its own, or one of those above."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        status = command()
        if sys.stdout:  # None where it was closed
            sys.stdout.flush()
    except errors.InterimError as error:
        print(f"{program}: {error}{_way_out(error)}", file=sys.stderr)
        return status_of(error)
    except BrokenPipeError:  # `interim models | head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a file that cannot be written
        print(f"{program}: {error.filename or 'output'}: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return INTERRUPTED
    else:
        return status
    return FAILED


def status_of(error: errors.InterimError) -> int:
    """The exit status that says what kind of error it was."""
    return WRONG_USE if isinstance(error, errors.BadRequest) else FAILED


def _way_out(error: errors.InterimError) -> str:
    if type(error) is errors.Unavailable and str(error).startswith(NO_SERVER):
        return "; start one with `interim-server`, or name another with --server HOST:PORT"
    return ""
