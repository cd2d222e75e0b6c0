"""What a command line names: a server, files and folders to write; looked at before anything is sent."""

import argparse
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_HOST_PORT: Final = re.compile(r"(\[[^\s\[\]]+\]|[^\s:/\[\]]+):(\d{1,5})")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SCHEMES: Final = ("unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "xds:")  # gRPC's other names


def address(text: str) -> str:
    """The gRPC address of a server: HOST:PORT, or another name that gRPC knows."""
    match = _HOST_PORT.fullmatch(text)
    named = text.startswith(_SCHEMES) or (match and 1 <= int(match[2]) <= 65535)
    if named and text.isprintable():
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no gRPC address: write HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:8500"
    )


def output_file(text: str) -> str:
    """A file that can be written, or - for the standard output."""
    path = Path(text)
    if text == "-":
        return text
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(
            f"{text!r}: there is no folder {path.parent}: make it, or name another"
        )
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} may not be written: name another file")
    return text


def output_folder(text: str) -> Path:
    """A folder that can be written, or made."""
    path = Path(text)
    nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not nearest.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: {nearest} is a file: name a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise argparse.ArgumentTypeError(f"{text!r}: {nearest} may not be written: name another folder")
    return path


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Names the file in what goes wrong while it is written, as errors of a full disk do not, and drops half of one."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL and path.is_file():
            path.unlink()
        error.filename = error.filename or str(path)
        raise


def write_text(file: str | Path, text: str) -> None:
    """Writes a text file that is named in what goes wrong."""
    path = Path(file)
    with named(path):
        path.write_text(text, encoding="utf-8")
