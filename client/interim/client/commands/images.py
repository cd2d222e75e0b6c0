"""Images sent one after the other, each answered exit by exit: what `interim segment` and `interim pose` share."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from interim.client import errors
from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_options, add_server, options_of
from interim.client.commands.ending import status_of
from interim.client.commands.output import HEADER, fields_of, row, text_stream, write_json
from interim.client.commands.places import named
from interim.client.frames import names_of
from interim.client.painter import Painter
from interim.client.picture import read_pixels
from interim.client.refinement import Refinement
from interim.client.request import Options
from interim.client.sheet import contact_sheet


def add_images(
    commands: Any, name: str, *, about: str, epilog: str, run: Callable[[argparse.Namespace], int]
) -> None:
    """Adds a command that sends images, with all that may be asked of them.

    Args:
        commands: where it is added.
        name: what it is called.
        about: what it does, in a clause.
        epilog: examples, and how it ends.
        run: what does it.
    """
    parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="JPEG, PNG or WebP")
    add_options(parser)
    add_server(parser)
    add_json(parser)


def send_images(
    client: Client, args: argparse.Namespace, painter: Painter, summary: Callable[[Refinement], str]
) -> int:
    """Sends one image after the other, prints, draws and writes; how it ended: the worst of all.

    Args:
        client: whom to ask.
        args: what the command of `add_images` reads.
        painter: what draws the answers.
        summary: what is printed below the rows of an image, of its last answer; "" is nothing.
    """
    stream, status = text_stream(args), 0
    found: list[dict[str, Any]] = []
    try:
        for image, name in zip(args.images, names_of(args.images), strict=True):
            report: dict[str, Any] = {"image": str(image)}
            found.append(report)
            try:
                refinements = _refined(client, image, options_of(args), stream)
                report["refinements"] = [fields_of(each) for each in refinements]
                _check_exit(refinements[-1])
                if text := summary(refinements[-1]):
                    print(text, file=stream)
                if args.out:
                    files = _drawn(args.out, name, image, refinements, painter)
                    report["files"] = [str(file) for file in files]
                    print(f"  drawn: {', '.join(map(str, files))}", file=stream)
            except (errors.BadRequest, errors.Refused, errors.NoExit, errors.ServerFailed) as error:
                status = max(status, status_of(error))  # this image's own trouble: the others may do better
                report["error"] = str(error)
                whose = "" if str(image) in str(error) else f"{image}: "
                print(f"interim: {whose}{error}", file=sys.stderr)
    finally:  # also of what was answered before a server went away
        write_json(args, {"images": found})
    return status


def _refined(client: Client, image: Path, options: Options, stream: TextIO) -> list[Refinement]:
    """The refinements of one image, each printed as it arrives."""
    refinements: list[Refinement] = []
    for refinement in client.infer(image, **options):
        if not refinements:
            print(image, HEADER, sep="\n", file=stream)
        refinements.append(refinement)
        print(row(refinement), file=stream, flush=True)
    return refinements


def _check_exit(final: Refinement) -> None:
    if not final.exit:
        why = final.detail or f"no exit was reached ({final.reason})"
        again = f"try again in {final.retry_after_ms:.0f} ms or " if final.retry_after_ms else ""
        raise errors.NoExit(f"{why}; {again}give it a larger --budget-ms")


def _written(name: str) -> str:
    """A file's name as text, which it need not be."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _drawn(
    folder: Path, name: str, image: Path, refinements: Sequence[Refinement], painter: Painter
) -> list[Path]:
    """Writes an overlay for each exit and the contact sheet; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = read_pixels(image)
    answers = {each.exit: each for each in refinements if each.exit}
    files = []
    for exit_, answer in answers.items():
        files.append(folder / f"{name}-exit{exit_}.png")
        with named(files[-1]):
            Image.fromarray(painter.painted(pixels, answer)).save(files[-1])
    files.append(folder / f"{name}-sheet.png")
    with named(files[-1]):
        contact_sheet(pixels, refinements, painter, title=_written(image.name)).save(files[-1])
    return files
