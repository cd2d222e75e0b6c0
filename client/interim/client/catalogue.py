"""What a server says of its models."""

from dataclasses import dataclass

from interim.v1 import inference_pb2 as pb


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelClass:
    """One class a pixel may have, or one joint.

    Attributes:
        id: its value in a mask.
        name: in words.
        rgb: its colour in pictures, three numbers from 0 to 255.
    """

    id: int
    name: str
    rgb: tuple[int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exit:
    """One exit of a model.

    Attributes:
        name: as its author calls it.
        quality: mean per-image score of stopping here, on a validation set; None where not measured.
        miou: data-set score, 0 to 1 (of a pose model its PCK); None where not measured.
        cost_ms: predicted on the server's device, cumulative from arrival; None where unknown.
    """

    name: str
    quality: float | None
    miou: float | None
    cost_ms: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One model a server has.

    Attributes:
        name: to ask for it by.
        task: "segmentation", "pose" or "classification".
        classes: what its masks are made of, or the joints it finds.
        exits: in order; exit k is `exits[k - 1]`.
        long_side: larger images are scaled down to this many pixels on their long side.
        threshold: a pixel is sure when its confidence is above this, 0 to 1; of a pose model, below it.
        masking: whether sure pixels are skipped.
        bones: pairs of joints, by class id, that a drawing joins by a line.
        mask_rule: what chooses the pixels to refine in place of the threshold; empty: nothing does.
    """

    name: str
    task: str
    classes: tuple[LabelClass, ...]
    exits: tuple[Exit, ...]
    long_side: int
    threshold: float
    masking: bool
    bones: tuple[tuple[int, int], ...] = ()
    mask_rule: str = ""


def model_of(message: pb.Model) -> Model:
    """Reads a model as it came."""
    return Model(
        name=message.name,
        task=message.task,
        classes=tuple(LabelClass(id=each.id, name=each.name, rgb=_rgb(each.rgb)) for each in message.classes),
        exits=tuple(_exit(each) for each in message.exits),
        long_side=message.long_side,
        threshold=message.threshold,
        masking=message.masking,
        bones=tuple((each.first, each.second) for each in message.bones),
        mask_rule=message.mask_rule,
    )


def _exit(message: pb.Exit) -> Exit:
    return Exit(
        name=message.name,
        quality=message.quality if message.HasField("quality") else None,
        miou=message.miou if message.HasField("miou") else None,
        cost_ms=message.cost_ms if message.HasField("cost_ms") else None,
    )


def _rgb(packed: int) -> tuple[int, int, int]:
    return packed >> 16 & 0xFF, packed >> 8 & 0xFF, packed & 0xFF
