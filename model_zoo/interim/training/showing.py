"""What every exit makes of one image: classes, confidence, and what each stage computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.label_map import label_map
from interim.model_zoo.metrics import image_score
from interim.training.data.sample import VOID, shrunk
from interim.training.evaluation import padded, run_exits
from interim.training.paint import painted_classes, painted_confidence
from interim.training.sheet import Panel
from interim.training.work_rows import confidences, work_row

if TYPE_CHECKING:
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.sample import Sample


def panels(model: AnytimeHrnet, whole: Sample) -> list[list[Panel]]:
    """Three rows, a column for each exit after the first one's image, truth and share of work.

    An image whose labels are all `VOID` has no truth to draw or to score against.
    """
    sample = shrunk(whole, model.spec.long_side)
    predictions = run_exits(model, padded(sample.image, model.spec.multiple))
    classes = model.spec.classes
    known = bool((sample.labels != VOID).any())
    size = (sample.labels.shape[0], sample.labels.shape[1])
    maps = [label_map(each.logits, size, stride=model.spec.stride)[0].numpy() for each in predictions]
    sure = confidences(predictions, model.spec.stride, size)
    names = [each.name for each in model.spec.exits]
    scores = [image_score(sample.labels, labels, len(classes)) if known else None for labels in maps]
    truth = painted_classes(sample.image, sample.labels, classes) if known else sample.image
    return [
        [
            Panel(picture=sample.image, caption=f"{sample.name}, {size[1]}x{size[0]}"),
            *(
                Panel(picture=painted_classes(sample.image, labels, classes), caption=_scored(name, score))
                for name, labels, score in zip(names, maps, scores, strict=True)
            ),
        ],
        [
            Panel(picture=truth, caption="labels" if known else ""),
            *(
                Panel(picture=painted_confidence(each), caption=f"confidence: mean {each.mean():.2f}")
                for each in sure
            ),
        ],
        work_row(model, sample.image, predictions, "confidence: 0 to 1"),
    ]


def _scored(name: str, score: float | None) -> str:
    return name if score is None else f"{name}: mIoU {100 * score:.1f} %"
