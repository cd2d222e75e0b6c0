"""Where the tensors live: host memory, or one stream of one CUDA device."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from interim.server.engine.arena import Bytes


class DeviceError(Exception):
    """There is no such device here."""


class Device:
    """Brings images to the device and maps back, and keeps the device's queue short.

    On CUDA everything runs in one stream, copies go through pinned memory, and at most one slice is queued
    ahead of the one that runs, so that giving up takes effect within two slices.
    """

    def __init__(self, name: str) -> None:
        """`name`: `auto` (CUDA if there is a device), `cpu` or `cuda:N`.

        Raises:
            DeviceError: it is not there.
        """
        there = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
        name = there[:2][-1] if name == "auto" else name
        if name not in there:
            raise DeviceError(f"There is no device {name!r} here: choose auto, {' or '.join(there)}.")
        self.device = torch.device(name)
        self._cuda = self.device.type == "cuda"
        self._stream = torch.cuda.Stream(self.device) if self._cuda else None  # type: ignore[no-untyped-call]
        self._queued: torch.cuda.Event | None = None

    def enter(self) -> None:
        """Make this thread work on the device; once, by the thread that computes."""
        if self._stream is not None:
            torch.cuda.set_device(self.device)
            torch.cuda.set_stream(self._stream)

    def image(self, pixels: Bytes, multiple: int) -> Tensor:
        """An image (height, width, 3) as (1, 3, H, W) uint8 on the device, H and W padded to `multiple`.

        The border is repeated into the padding, so that no edge appears where the image ends.
        """
        padded = torch.from_numpy(_padded(pixels, multiple))
        if self._cuda:
            padded = padded.pin_memory().to(self.device, non_blocking=True)
        return padded.permute(2, 0, 1).unsqueeze(0)

    def pace(self) -> None:
        """Called after each slice: returns when the slice before it is done."""
        if self._stream is None:
            return
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(self._stream)
        if self._queued is not None:
            self._queued.synchronize()
        self._queued = done

    def settle(self) -> None:
        """Return when everything queued is done."""
        if self._stream is not None:
            self._stream.synchronize()
            self._queued = None

    def host(self, tensor: Tensor) -> Bytes:
        """A uint8 tensor as an array in host memory, complete on return."""
        if self._cuda:
            pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            tensor = pinned.copy_(tensor, non_blocking=True)
            self.settle()
        array: Bytes = tensor.numpy()
        return array


def _padded(pixels: Bytes, multiple: int) -> Bytes:
    """The image itself where it needs no padding, else a padded copy."""
    height, width, channels = pixels.shape
    rows, columns = -(-height // multiple) * multiple, -(-width // multiple) * multiple
    if (rows, columns) == (height, width):
        return pixels
    padded = np.empty((rows, columns, channels), np.uint8)
    padded[:height, :width] = pixels
    padded[:height, width:] = pixels[:, -1:]
    padded[height:] = padded[height - 1]
    return padded
