"""`interim segment`: images in, refining masks out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TextIO

from PIL import Image

from interim.client import errors
from interim.client.catalogue import LabelClass
from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_options, add_server, options_of
from interim.client.commands.output import HEADER, fields_of, row, text_stream, write_json
from interim.client.commands.places import named
from interim.client.picture import overlay, palette_of, read_pixels
from interim.client.refinement import Refinement
from interim.client.request import Options
from interim.client.sheet import contact_sheet

_EXAMPLES: Final = """\
examples:
  interim segment street.jpg --budget-ms 80 --out masks/   the best mask within 80 ms, every exit drawn
  interim segment *.png --max-exit 2 --json masks.json     two exits of each, their times as JSON

exit status: 0 every image got a mask; 1 one did not, or no server answers; 2 wrong use
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "segment",
        help="send images; show and draw their masks as they get better",
        description="Send images; show and draw their masks as they get better.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="JPEG, PNG or WebP")
    add_options(parser)
    add_server(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sends one image after the other; 1 where any of them got no mask."""
    stream, failed = text_stream(args), False
    found: list[dict[str, Any]] = []
    with Client(args.server) as client:
        classes = client.model(args.model).classes
        for image, name in zip(args.images, _names(args.images), strict=True):
            report: dict[str, Any] = {"image": str(image)}
            found.append(report)
            try:
                refinements = _refined(client, image, options_of(args), stream)
                report["refinements"] = [fields_of(each) for each in refinements]
                _check_exit(refinements[-1])
                if args.out:
                    files = _drawn(args.out, name, image, refinements, classes)
                    report["files"] = [str(file) for file in files]
                    print(f"  drawn: {', '.join(map(str, files))}", file=stream)
            except (errors.BadRequest, errors.Refused, errors.NoExit, errors.ServerFailed) as error:
                failed = True  # this image's own trouble: the others may do better
                report["error"] = str(error)
                whose = "" if str(image) in str(error) else f"{image}: "
                print(f"interim: {whose}{error}", file=sys.stderr)
    write_json(args, {"images": found})
    return int(failed)


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


def _drawn(
    folder: Path, name: str, image: Path, refinements: Sequence[Refinement], classes: Sequence[LabelClass]
) -> list[Path]:
    """Writes an overlay for each exit and the contact sheet; the files written."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels, palette = read_pixels(image), palette_of(classes)
    masks = {each.exit: each.mask for each in refinements if each.mask is not None}
    files = []
    for exit_, mask in masks.items():
        files.append(folder / f"{name}-exit{exit_}.png")
        with named(files[-1]):
            Image.fromarray(overlay(pixels, mask, palette)).save(files[-1])
    files.append(folder / f"{name}-sheet.png")
    with named(files[-1]):
        contact_sheet(pixels, refinements, classes, title=image.name).save(files[-1])
    return files


def _names(images: Sequence[Path]) -> list[str]:
    """What each image's files are called: its own name, numbered where another has it already."""
    names: list[str] = []
    for image in images:
        name, number = image.stem, 1
        while name in names:
            number += 1
            name = f"{image.stem}-{number}"
        names.append(name)
    return names
