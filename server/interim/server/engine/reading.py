"""What one exit found in one image, read off the model's prediction: a label map, or a person's joints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from interim.model_zoo.anytime import Task
from interim.model_zoo.joints import joints_of
from interim.model_zoo.label_map import coarse_confidence, coarse_label_map
from interim.server.engine.arena import Maps, Pose

if TYPE_CHECKING:
    from interim.model_zoo.anytime import ModelSpec, Prediction
    from interim.model_zoo.label_map import LabelMap
    from interim.server.engine.arena import Bytes, Finding, Shape
    from interim.server.engine.device import Device
    from interim.server.engine.request import Request


class Reading(Protocol):
    """Reads the prediction of one image, cropped to the request's working size, into host memory."""

    def __call__(self, prediction: Prediction, request: Request) -> Finding:
        """The finding; `prediction` is of one image, at the padded size."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MapReading:
    """Of a model that names a class for every pixel."""

    stride: int
    device: Device
    label_map: LabelMap

    def __call__(self, prediction: Prediction, request: Request) -> Maps:
        """Labels at the resolution that the request wants."""
        labels = self.label_map if request.full_resolution else coarse_label_map
        found = self.device.host(labels(prediction.logits, request.size, stride=self.stride)[0])
        return Maps(found, *_cells(prediction, request.size, self.stride, self.device))


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseReading:
    """Of a model that gives a heat map for every joint."""

    stride: int
    device: Device

    def __call__(self, prediction: Prediction, request: Request) -> Pose:
        """Joints inside the image, whatever its padding says."""
        rows, columns = _extent(request.size, self.stride)
        joints = joints_of(prediction.logits[:, :, :rows, :columns], stride=self.stride)
        table = torch.cat((joints.xy[0], joints.heat[0].clamp(0, 1).unsqueeze(1)), 1)
        found = self.device.host(table.contiguous().view(torch.uint8)).view(np.float32)
        return Pose(found, *_cells(prediction, request.size, self.stride, self.device))


def reading(spec: ModelSpec, *, device: Device, label_map: LabelMap) -> Reading:
    """How a model's predictions are read, by its task."""
    if spec.task is Task.POSE:
        return PoseReading(stride=spec.stride, device=device)
    return MapReading(stride=spec.stride, device=device, label_map=label_map)


def _cells(prediction: Prediction, size: Shape, stride: int, device: Device) -> tuple[Bytes, Bytes]:
    """Confidence and what is still active, a byte a cell."""
    rows, columns = _extent(size, stride)
    return (
        device.host(coarse_confidence(prediction.confidence, size, stride=stride)[0]),
        device.host(prediction.active[0, :rows, :columns].to(torch.uint8)),
    )


def _extent(size: Shape, stride: int) -> Shape:
    """How many rows and columns of cells cover an image."""
    return -(-size[0] // stride), -(-size[1] // stride)
