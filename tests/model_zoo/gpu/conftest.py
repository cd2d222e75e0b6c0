"""The kernels run on the GPU where there is one, else in Triton's interpreter."""

import os

import pytest
import torch

from interim.model_zoo.gpu.target import Target

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when a kernel is defined


@pytest.fixture(scope="session")
def target() -> Target:
    """Where kernels run."""
    return Target.of(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
