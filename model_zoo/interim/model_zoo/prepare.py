"""Makes a network ready to serve: the same answers, sooner."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.conv import Conv, ConvNorm
from interim.model_zoo.masked.fill import NoFill
from interim.model_zoo.networks.hrnet.intake import WithOnes, with_ones
from interim.model_zoo.networks.hrnet.stem import Stem

if TYPE_CHECKING:
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet


def prepare(
    model: AnytimeHrnet, *, dtype: torch.dtype = torch.float32, masking: bool | None = None
) -> AnytimeHrnet:
    """A copy of a network for inference alone: normalisations folded, channels last.

    Folding is exact in either case; what is folded where depends on `masking`, which therefore must
    not be changed on the result. The threshold (`spec`) may be.

    Args:
        model: The network, with the weights to serve; it stays as it is.
        dtype: torch.float32 or torch.bfloat16; confidence is computed in float32 in either case.
        masking: Whether confidence adaptivity is on; None: as in `model`.

    Raises:
        BadInputError: masking is asked of a network without masked convolutions.
    """
    masked = model.masking if masking is None else masking
    served = copy.deepcopy(model).eval()
    convs = [part for part in served.modules() if isinstance(part, Conv)]
    if masked and not served.filling.keeps:
        raise BadInputError(f"{model.spec.name} has no masked convolutions: serve it with masking off")
    for part in [*served.modules()]:
        if isinstance(part, ConvNorm):
            part.fold(masked=masked)
        if isinstance(part, Stem):
            part.first.conv.weight = torch.nn.Parameter(with_ones(part.first.conv.weight.detach()))
    for conv in convs:
        conv.fill = conv.fill.frozen() if masked else NoFill()
    served.intake = WithOnes()
    served.masking = masked
    served.requires_grad_(False)
    served.to(dtype)
    served.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
    return served
