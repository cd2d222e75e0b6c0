"""The classes of a scene: CamVid's eleven, with their numbers and colours."""

from __future__ import annotations

from enum import IntEnum

from interim.model_zoo.anytime import ClassSpec


class Label(IntEnum):
    """What a pixel shows."""

    SKY = 0
    BUILDING = 1
    POLE = 2
    ROAD = 3
    PAVEMENT = 4
    TREE = 5
    SIGN = 6
    FENCE = 7
    CAR = 8
    PEDESTRIAN = 9
    BICYCLIST = 10


CLASSES = (
    ClassSpec("Sky", (128, 128, 128)),
    ClassSpec("Building", (128, 0, 0)),
    ClassSpec("Pole", (192, 192, 128)),
    ClassSpec("Road", (128, 64, 128)),
    ClassSpec("Pavement", (60, 40, 222)),
    ClassSpec("Tree", (128, 128, 0)),
    ClassSpec("SignSymbol", (192, 128, 128)),
    ClassSpec("Fence", (64, 64, 128)),
    ClassSpec("Car", (64, 0, 128)),
    ClassSpec("Pedestrian", (64, 64, 0)),
    ClassSpec("Bicyclist", (0, 128, 192)),
)
