"""`interim pose`: images of people in, refining joints out."""

import argparse
from typing import Any, Final

from interim.client.client import Client
from interim.client.commands.images import add_images, send_images
from interim.client.commands.output import table
from interim.client.errors import InvalidArgument
from interim.client.painter import POSE, painter_of
from interim.client.refinement import Refinement

_EXAMPLES: Final = """\
Each image is taken to show one person, who fills about four fifths of it.

examples:
  interim pose runner.jpg --budget-ms 20 --out poses/   the best joints within 20 ms, every exit drawn
  interim pose *.jpg --json poses.json                  the joints of every exit, in pixels, as JSON

exit status: 0 every image got joints; 1 one did not, or no server answers; 2 wrong use, such as an image, a
model or an exit that there is not
"""


def add(commands: Any) -> None:
    """Adds the command."""
    add_images(
        commands,
        "pose",
        about="send images of people; show and draw their joints as they get better",
        epilog=_EXAMPLES,
        run=run,
    )


def run(args: argparse.Namespace) -> int:
    """Sends one image after the other; how it ended: the worst of all.

    Raises:
        InvalidArgument: The model gives no joints.
    """
    with Client(args.server) as client:
        model = client.model(args.model)
        if model.task != POSE:
            raise InvalidArgument(
                f"model {model.name} is for {model.task} and gives no joints: use `interim segment`"
            )
        return send_images(client, args, painter_of(model), _joints)


def _joints(last: Refinement) -> str:
    """The joints of an answer as a table."""
    rows = [(each.name, f"{each.x:.1f}", f"{each.y:.1f}", f"{each.confidence:.2f}") for each in last.joints]
    return table(("joint", "x", "y", "confidence"), rows)
