"""Temperature scaling: logits divided by one number per exit, so that confidence can be believed.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), section 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.conv import Conv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet


@torch.no_grad()
def temper(network: AnytimeHrnet, temperatures: Sequence[float]) -> None:
    """Divide each exit's logits by its temperature, in place; none are given: nothing changes.

    A head ends in a convolution, so its weights are divided instead: the same numbers, no work. Classes
    stay as they are, exit by exit; confidence changes, and with it which positions are refined.

    Raises:
        BadInputError: there is not one temperature above 0 for each exit.
    """
    if not temperatures:
        return
    if len(temperatures) != len(network.sections) or min(temperatures) <= 0:
        count = len(network.sections)
        raise BadInputError(f"temperatures {tuple(temperatures)} do not fit: give {count} numbers above 0")
    for section, temperature in zip(network.sections, temperatures, strict=True):
        last = section.head.classify  # type: ignore[union-attr]
        assert isinstance(last, Conv)
        last.weight.div_(temperature)
        if last.bias is not None:
            last.bias.div_(temperature)
