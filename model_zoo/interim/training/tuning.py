"""A recipe that fits a small data set: going on from trained weights, in minutes on a few cores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from interim.model_zoo.card import Card
    from interim.training.data.survey import SplitSurvey

STEPS = 200
"""Steps of the first phase: a few minutes on two cores; more buy a little more."""

ADAPTIVE_STEPS = 50
BATCH = 4
MOST = (320, 384)
SCALES = (0.5, 1.5)

HEAD = """\
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
norm_momentum = 0.1            # few steps: the running statistics have to follow them
settling = 30                  # batches on which they are counted anew at the end
threshold = {threshold:g}               # confidence above which a pixel is not refined further
fill = "{fill}"                  # what stands there then

[[phases]]                     # all positions are computed
name = "dense"
epochs = {epochs}
learning_rate = 6e-4
average_decay = 0.98
"""

ADAPTIVE = {
    "rbf": """
[[phases]]                     # as it will be served: confident pixels are skipped
name = "adaptive"
epochs = {adaptive_epochs}
learning_rate = 1.5e-4
average_decay = 0.98
masking = true
""",
    "hold": """
[[phases]]                     # every second step as it will be served: confident pixels are skipped
name = "joint"
epochs = {adaptive_epochs}
learning_rate = 3e-4
average_decay = 0.98
masking = true
dense_every = 2                # the weights stay good without skipping
masked_statistics = false      # one normalisation for both
""",
}
"""The second phase, by what fills the positions that are not refined."""


def tuning_recipe(train: SplitSurvey, data: Path, card: Card, *, name: str, start: str, file: str) -> str:
    """The recipe as TOML.

    Args:
        train: What the training split holds.
        data: The data folder, as the user wrote it.
        card: The card of the weights to start from: network, fill and threshold stay as they are, and
            images larger than it serves are zoomed towards that size.
        name: What the model will be called.
        start: The name or folder of those weights.
        file: The recipe's own file, for the command in its first lines.
    """
    served = min(1.0, card.long_side / max(train.size))
    height, width = (_side(length * served, most) for length, most in zip(train.size, MOST, strict=True))
    batch = min(BATCH, train.count)
    steps = train.count // batch
    text = HEAD + ADAPTIVE[card.fill] if card.network.endswith("-adpc") else HEAD
    return text.format(  # TOML's strings are JSON's, but for characters told by two surrogates
        file=file,
        start=start,
        name=json.dumps(name, ensure_ascii=False),
        network=card.network,
        threshold=card.threshold,
        fill=card.fill,
        data=json.dumps(str(data), ensure_ascii=False),
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
