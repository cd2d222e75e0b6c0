"""What freshly loaded kernels must get right before anybody relies on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interim.model_zoo.native.library import Kernels


def fault(kernels: Kernels) -> str | None:
    """What is wrong with the kernels, in a few words; None when all is well."""
    return None if kernels.threaded in {True, False} else "no answer"
