"""What is refined while weights are trained, judged by confidence as it will be served: tempered, exit by exit."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.confidence import Rule, Seen


@dataclass(frozen=True)
class Tempered:
    """A rule that sees each exit's logits divided by its temperature; the logits stay as they are.

    A checkpoint's classifiers are divided instead (`interim.model_zoo.temperature`), which a loss would undo.
    """

    rule: Rule
    temperatures: tuple[float, ...]

    def confidence(self, logits: Tensor) -> Tensor:
        """As `Rule.confidence`, untempered: whose exit it is is not known here."""
        return self.rule.confidence(logits)

    def need(self, confidence: Tensor) -> Tensor:
        """As `Rule.need`."""
        return self.rule.need(confidence)

    def active(self, seen: Seen, threshold: float) -> Tensor:
        """As `Rule.active`, of tempered logits."""
        logits = seen.logits / self.temperatures[seen.exit_ - 1]
        tempered = dataclasses.replace(seen, logits=logits, confidence=self.rule.confidence(logits))
        return self.rule.active(tempered, threshold)
