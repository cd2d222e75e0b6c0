"""`interim segment`: images in, refining masks out."""

import argparse
from typing import Any, Final

from interim.client.client import Client
from interim.client.commands.images import add_images, send_images
from interim.client.errors import InvalidArgument
from interim.client.painter import POSE, painter_of

_EXAMPLES: Final = """\
examples:
  interim segment street.jpg --budget-ms 80 --out masks/   the best mask within 80 ms, every exit drawn
  interim segment *.png --max-exit 2 --json masks.json     two exits of each, their times as JSON

exit status: 0 every image got a mask; 1 one did not, or no server answers; 2 wrong use, such as an image, a
model or an exit that there is not
"""


def add(commands: Any) -> None:
    """Adds the command."""
    add_images(
        commands,
        "segment",
        about="send images; show and draw their masks as they get better",
        epilog=_EXAMPLES,
        run=run,
    )


def run(args: argparse.Namespace) -> int:
    """Sends one image after the other; how it ended: the worst of all.

    Raises:
        InvalidArgument: The model gives no masks.
    """
    with Client(args.server) as client:
        model = client.model(args.model)
        if model.task == POSE:
            raise InvalidArgument(f"model {model.name} gives joints and no masks: use `interim pose`")
        return send_images(client, args, painter_of(model), lambda _: "")
