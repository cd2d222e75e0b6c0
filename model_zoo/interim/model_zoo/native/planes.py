"""Plain planes of floats for the kernels: tensors as the rest of the project has them (c/planes.h)."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    from torch import Tensor


class CPlanes(ctypes.Structure):
    """`Planes` of c/planes.h."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("image_stride", ctypes.c_int64),
        ("plane_stride", ctypes.c_int64),
        ("row_stride", ctypes.c_int64),
        ("images", ctypes.c_int32),
        ("channels", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
    )


def planes(tensor: Tensor) -> CPlanes:
    """A tensor (N, C, h, w) float32 as C takes it; good as long as the tensor lives.

    Raises:
        BadInputError: another dtype, or neighbours in a row that do not lie side by side.
    """
    if tensor.dtype != torch.float32 or tensor.ndim != 4 or (tensor.shape[3] > 1 and tensor.stride(3) != 1):
        raise BadInputError(
            f"a tensor of {tensor.dtype}, shape {tuple(tensor.shape)} and strides {tensor.stride()} does not fit: "
            "give (N, C, h, w) float32, channels first"
        )
    return CPlanes(tensor.data_ptr(), *tensor.stride()[:3], *tensor.shape)
