"""What answers look like over a picture: masks in their classes' colours, joints as a skeleton."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np

from interim.client.catalogue import LabelClass, Model
from interim.client.picture import Colour, Pixels, colour_of, overlay, palette_of
from interim.client.refinement import Refinement
from interim.client.skeleton import Bones, with_skeleton

POSE: Final = "pose"
"""The task of models that answer with joints."""


class Painter(Protocol):
    """Draws the answers of one model."""

    def painted(self, pixels: Pixels, refinement: Refinement) -> Pixels:
        """A picture (H, W, 3) with one answer over it; as it is where the answer bears no exit."""
        ...

    def legend(self, refinements: Sequence[Refinement]) -> list[tuple[str, Colour]]:
        """What the colours of these answers mean, the most important first, in the words of the last."""
        ...


class MaskPainter:
    """Draws masks of these classes."""

    def __init__(self, classes: Sequence[LabelClass]) -> None:
        self._names = {each.id: each.name for each in classes}
        self._palette = palette_of(classes)

    def painted(self, pixels: Pixels, refinement: Refinement) -> Pixels:
        """The classes' colours over a picture, each region outlined."""
        mask = refinement.mask
        return pixels if mask is None else overlay(pixels, mask, self._palette)

    def legend(self, refinements: Sequence[Refinement]) -> list[tuple[str, Colour]]:
        """Each class that any mask shows, with its share of the last; largest first."""
        masks = [each.mask for each in refinements if each.mask is not None]
        if not masks:
            return []
        seen = sum(np.bincount(mask.ravel(), minlength=256) for mask in masks)
        shares = np.bincount(masks[-1].ravel(), minlength=256) / masks[-1].size
        order = sorted(np.flatnonzero(seen).tolist(), key=lambda id_: -shares[id_])
        return [
            (f"{self._names.get(id_, f'class {id_}')} {shares[id_]:.1%}", colour_of(self._palette, id_))
            for id_ in order
        ]


class PosePainter:
    """Draws joints of these classes, joined by these bones."""

    def __init__(self, classes: Sequence[LabelClass], bones: Bones) -> None:
        palette = palette_of(classes)
        self._colours = [colour_of(palette, id_) for id_ in range(len(palette))]
        self._bones = bones

    def painted(self, pixels: Pixels, refinement: Refinement) -> Pixels:
        """The skeleton over a picture."""
        return with_skeleton(pixels, refinement.joints, self._bones, self._colours)

    def legend(self, refinements: Sequence[Refinement]) -> list[tuple[str, Colour]]:
        """Each joint with the confidence of the last answer."""
        joints = refinements[-1].joints if refinements else ()
        named = zip(joints, self._colours, strict=False)
        return [(f"{joint.name} {joint.confidence:.2f}", colour) for joint, colour in named]


def painter_of(model: Model) -> Painter:
    """What draws a model's answers."""
    return PosePainter(model.classes, model.bones) if model.task == POSE else MaskPainter(model.classes)
