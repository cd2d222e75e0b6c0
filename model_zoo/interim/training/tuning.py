"""A recipe that fits a small data set: going on from trained weights, in minutes on a few cores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from interim.training.data.survey import SplitSurvey

STEPS = 200
"""Steps of the first phase: a few minutes on two cores; more buy a little more."""

ADAPTIVE_STEPS = 50
BATCH = 4
MOST = (320, 384)
SCALES = (0.5, 1.5)

TEMPLATE = """\
# Written by `interim-zoo recipe`; change what you like, then:
#   interim-zoo train {file} --init {start}
name = {name}
network = "{network}"
data = {data}
split = "train"
batch = {batch}
crop = [{height}, {width}]              # height, width; multiples of 32
scales = [{low:.3g}, {high:.3g}]            # random zoom; 1 is the image as it is stored
jitter = 0.4                   # random change of colours; 0: none
threshold = 0.95               # confidence above which a pixel is not refined further

[[phases]]                     # all positions are computed
name = "dense"
epochs = {epochs}
learning_rate = 6e-4
average_decay = 0.98

[[phases]]                     # as it will be served: confident pixels are skipped
name = "adaptive"
epochs = {adaptive_epochs}
learning_rate = 1.5e-4
average_decay = 0.98
masking = true
"""


def tuning_recipe(
    train: SplitSurvey, data: Path, *, name: str, network: str, start: str, long_side: int, file: str
) -> str:
    """The recipe as TOML.

    Args:
        train: What the training split holds.
        data: The data folder, as the user wrote it.
        name: What the model will be called.
        network: Its network, that of the weights to start from.
        start: The checkpoint to start from.
        long_side: The longest side that will be served: larger images are zoomed towards it.
        file: The recipe's own file, for the command in its first lines.
    """
    served = min(1.0, long_side / max(train.size))
    height, width = (_side(length * served, most) for length, most in zip(train.size, MOST, strict=True))
    batch = min(BATCH, train.count)
    steps = train.count // batch
    masked = network.endswith("-adpc")
    text = TEMPLATE if masked else TEMPLATE[: TEMPLATE.index("\n[[phases]]                     # as it")]
    return text.format(
        file=file,
        start=start,
        name=json.dumps(name),
        network=network,
        data=json.dumps(str(data)),
        batch=batch,
        height=height,
        width=width,
        low=SCALES[0] * served,
        high=SCALES[1] * served,
        epochs=max(1, round(STEPS / steps)),
        adaptive_epochs=max(1, round(ADAPTIVE_STEPS / steps)),
    )


def _side(length: float, most: int) -> int:
    """A crop's side: the image's, at most `most`, as a multiple of 32."""
    return max(32, min(most, int(length) // 32 * 32))
