"""What early exits learn from the last one: distillation, and positive filtering distillation.

Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022), section 4.3 and equation 3, beside
Hinton et al., "Distilling the Knowledge in a Neural Network" (2014).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch.nn.functional as F

from interim.training.data.sample import VOID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

ALPHA = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How much an early exit's loss owes to the truth and how much to the last exit.

    `alpha`: the truth's share; the rest is the last exit's. `filtered`: the truth counts only where the
    last exit is right (PFD).
    """

    alpha: float
    filtered: bool = False


LESSONS: Mapping[str, Lesson] = MappingProxyType(
    {
        "ce": Lesson(alpha=1.0),
        "kd": Lesson(alpha=0.0),
        "ce+kd": Lesson(alpha=ALPHA),
        "pfd": Lesson(alpha=ALPHA, filtered=True),
    }
)
"""The paper's four: cross-entropy, distillation, both, and both with the filter (table 6)."""


def lesson_loss(lesson: Lesson, student: Tensor, teacher: Tensor, labels: Tensor) -> Tensor:
    """The loss of one early exit, a mean over the labelled pixels.

    The distillation is KL(teacher || student), the customary order, at temperature 1.

    Args:
        lesson: What to learn from.
        student: Logits (N, C, h, w) of the early exit.
        teacher: Logits (N, C, h, w) of the last one; nothing flows back into them.
        labels: Class ids (N, h, w) int64, or `VOID`.
    """
    teacher = teacher.detach()
    known = labels != VOID
    pixels = known.sum().clamp(min=1)
    loss = student.sum() * 0
    if lesson.alpha > 0:
        counted = known & (teacher.argmax(1) == labels) if lesson.filtered else known
        truth = F.cross_entropy(student, labels, ignore_index=VOID, reduction="none")
        loss = loss + lesson.alpha * (truth * counted).sum() / pixels
    if lesson.alpha < 1:
        apart = F.kl_div(student.log_softmax(1), teacher.log_softmax(1), reduction="none", log_target=True)
        loss = loss + (1 - lesson.alpha) * (apart.sum(1) * known).sum() / pixels
    return loss
