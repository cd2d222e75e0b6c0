"""What every exit makes of one person: joints, heat, and what each stage computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from interim.model_zoo.joint_metrics import joint_hits, pck
from interim.model_zoo.joints import joints_of
from interim.training.data.errors import DataError
from interim.training.data.people.crops import PersonRule, portrait, whole_crop
from interim.training.data.people.folder import open_people_folder
from interim.training.data.pixels import read_pixels
from interim.training.data.sample import VOID, Sample, shrunk
from interim.training.evaluation import padded, run_exits
from interim.training.paint import painted_confidence, painted_joints
from interim.training.sheet import Panel
from interim.training.work_rows import confidences, work_row

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from interim.model_zoo.anytime import ModelSpec, Prediction
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.people.crops import PersonCrop


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Figure:
    """A person's picture (H, W, 3) uint8 RGB as it is computed; `truth` is None where nobody annotated it."""

    name: str
    image: NDArray[np.uint8]
    truth: PersonCrop | None = None


def whole_figure(path: Path, spec: ModelSpec) -> Figure:
    """A picture that is taken to show one person, as a server takes it.

    Raises:
        DataError: there is no such picture.
    """
    image = read_pixels(path)
    blank = Sample(name=path.name, image=image, labels=np.full(image.shape[:2], VOID, np.uint8))
    return Figure(name=path.name, image=shrunk(blank, spec.long_side).image)


def annotated_figure(root: Path, name: str, spec: ModelSpec) -> Figure:
    """The first person annotated in an image of a folder of people, cut out as for evaluation.

    Raises:
        DataError: the folder is not as it should be, or nobody is annotated in such an image.
    """
    rule = PersonRule(height=spec.long_side, width=spec.long_side)
    for split in sorted({path.stem for path in root.glob("*.*") if path.suffix in {".json", ".mat"}}):
        people = open_people_folder(root, split).people(split)
        found = next((person for person in people if person.image.name == name), None)
        if found is not None:
            crop = whole_crop(portrait(found, rule), rule)
            return Figure(name=name, image=crop.image, truth=crop)
    raise DataError(f"Nobody is annotated in an image {name} of {root}: name one of its images/.")


def pose_panels(model: AnytimeHrnet, figure: Figure) -> list[list[Panel]]:
    """Three rows, a column for each exit after the first one's image, truth and share of work."""
    spec = model.spec
    height, width = figure.image.shape[:2]
    predictions = run_exits(model, padded(figure.image, spec.multiple))
    named = zip(spec.exits, predictions, strict=True)
    heats = confidences(predictions, spec.stride, (height, width))
    return [
        [
            Panel(picture=figure.image, caption=f"{figure.name}, {width}x{height}"),
            *(_found(spec, figure, exit_.name, prediction) for exit_, prediction in named),
        ],
        [
            _truth(spec, figure),
            *(Panel(picture=painted_confidence(heat), caption=_hottest(heat)) for heat in heats),
        ],
        work_row(model, figure.image, predictions, "heat: 0 to 1"),
    ]


def _found(spec: ModelSpec, figure: Figure, name: str, prediction: Prediction) -> Panel:
    """What one exit found, scored where the truth is known."""
    rows, columns = (-(-side // spec.stride) for side in figure.image.shape[:2])
    joints = joints_of(prediction.logits[:, :, :rows, :columns], stride=spec.stride)
    xy, heat = joints.xy[0].numpy(), joints.heat[0].numpy()
    picture = painted_joints(figure.image, xy, heat, spec.classes, spec.bones)
    return Panel(picture=picture, caption=name + _score(figure.truth, xy))


def _score(truth: PersonCrop | None, xy: NDArray[np.float32]) -> str:
    if truth is None or not truth.length > 0:
        return ""
    hits = joint_hits(truth.xy[None], xy[None], np.array([truth.length]))
    return f": PCK {100 * pck(hits, truth.annotated[None]):.0f} %"


def _truth(spec: ModelSpec, figure: Figure) -> Panel:
    """The annotated joints; the image alone where there are none."""
    if figure.truth is None:
        return Panel(picture=figure.image, caption="")
    known = figure.truth.known.astype(np.float32)
    picture = painted_joints(figure.image, figure.truth.xy, known, spec.classes, spec.bones)
    return Panel(picture=picture, caption="annotated")


def _hottest(heat: NDArray[np.float32]) -> str:
    return f"heat: at most {heat.max():.2f}"
