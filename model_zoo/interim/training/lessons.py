"""What a network is trained on: images, step by step, and what every exit's answers cost there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from interim.training.losses import exit_losses, heat_losses
from interim.training.overlap import overlap_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from interim.training.data.batches import Batch, Batches
    from interim.training.data.people.batches import PeopleBatch, PeopleBatches


class Lesson(Protocol):
    """One step's images, and the truth to hold answers against."""

    @property
    def images(self) -> Tensor:
        """(N, 3, H, W) uint8 RGB."""
        ...

    def losses(self, logits: Sequence[Tensor], *, step: int) -> Tensor:
        """One loss per exit, float32 (exits,), on the logits' device."""
        ...


class Lessons(Protocol):
    """All lessons of a training: the same ones whenever they are asked for."""

    @property
    def steps(self) -> int:
        """How many there are in one epoch."""
        ...

    def draw(self, epoch: int, step: int, scenes_share: float = 0.0) -> Lesson:
        """The lesson of one step; `scenes_share`: how much of it is drawn scenes, where there are any."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLesson:
    """Labelled pixels; see `PixelLessons`."""

    batch: Batch
    weights: Tensor
    overlap: float

    @property
    def images(self) -> Tensor:
        """See `Lesson`."""
        return self.batch.images

    def losses(self, logits: Sequence[Tensor], *, step: int) -> Tensor:
        """Class-weighted cross-entropies, and `overlap` times the Lovász-softmax losses."""
        device, offset = logits[0].device, step // 2 % 2
        labels, weights = self.batch.labels.to(device), self.weights.to(device)
        losses = exit_losses(logits, labels, weights, offset=offset)
        if not self.overlap:
            return losses
        return losses + self.overlap * overlap_losses(logits, labels, offset=offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLessons:
    """Crops of labelled images.

    `weights` (classes,): what a class counts in the cross-entropy. `overlap`: what the Lovász-softmax loss
    weighs beside it.
    """

    batches: Batches
    weights: Tensor
    overlap: float = 0.0

    @property
    def steps(self) -> int:
        """See `Lessons`."""
        return self.batches.steps

    def draw(self, epoch: int, step: int, scenes_share: float = 0.0) -> PixelLesson:
        """See `Lessons`."""
        batch = self.batches.draw(epoch, step, scenes_share)
        return PixelLesson(batch=batch, weights=self.weights, overlap=self.overlap)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseLesson:
    """People's joints, as heat maps whose bells have this `sigma` in cells."""

    batch: PeopleBatch
    sigma: float

    @property
    def images(self) -> Tensor:
        """See `Lesson`."""
        return self.batch.images

    def losses(self, logits: Sequence[Tensor], *, step: int) -> Tensor:  # noqa: ARG002 - all steps are alike
        """Squared errors of the heat maps; see `heat_losses`."""
        device = logits[0].device
        xy, known = self.batch.xy.to(device), self.batch.known.to(device)
        return heat_losses(
            logits, xy, known, stride=self.images.shape[-1] // logits[0].shape[-1], sigma=self.sigma
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseLessons:
    """Crops of people."""

    batches: PeopleBatches
    sigma: float

    @property
    def steps(self) -> int:
        """See `Lessons`."""
        return self.batches.steps

    def draw(self, epoch: int, step: int, scenes_share: float = 0.0) -> PoseLesson:  # noqa: ARG002 - no scenes
        """See `Lessons`."""
        return PoseLesson(batch=self.batches.draw(epoch, step), sigma=self.sigma)
