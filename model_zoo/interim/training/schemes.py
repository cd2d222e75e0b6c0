"""Loss schemes: what each exit's loss weighs in a step.

After Hu et al., "Learning Anytime Predictions in Neural Networks via Adaptive Loss Balancing" (AAAI 2019);
exit-dropout after Kouris et al., "Multi-Exit Semantic Segmentation Networks" (ECCV 2022).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMES = ("given", "const", "linear", "half-end", "adaloss", "exit-dropout")
"""Names that `scheme` knows."""

GAMMA = 0.05
MOMENTUM = 0.9
LEAST = 0.25
"""What LINEAR gives the first exit; the last one has 1."""
FLOOR = 1e-8


class Scheme(Protocol):
    """How exits share a step's loss."""

    def weights(self, losses: Tensor) -> Tensor:
        """The weights (exits,) of this step, from its losses (exits,) without a gradient; once a step."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What going on later needs."""
        ...

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Go on from such a state; an empty one begins anew."""
        ...


class Fixed:
    """Weights that never change."""

    def __init__(self, weights: Sequence[float]) -> None:
        self._weights = torch.tensor(list(weights), dtype=torch.float32)

    def weights(self, losses: Tensor) -> Tensor:
        """See `Scheme`."""
        return self._weights.to(losses.device)

    def state(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to go on from."""


class AdaLoss:
    """Weights in inverse proportion to each exit's own mean loss, so that all count alike in relative terms.

    The weight of exit i is (1 - gamma) · min(l) / l_i + gamma: that of the least loss weighs 1. l_i is a
    moving average, without bias towards its start. With gamma = 1 it is CONST.

    Args:
        gamma: How much of CONST is mixed in.
        momentum: How much of the averages each step keeps.
    """

    def __init__(self, *, gamma: float = GAMMA, momentum: float = MOMENTUM) -> None:
        self._gamma, self._momentum = gamma, momentum
        self._sum: Tensor | None = None
        self._mass = 0.0

    def weights(self, losses: Tensor) -> Tensor:
        """See `Scheme`."""
        before = torch.zeros_like(losses) if self._sum is None else self._sum.to(losses.device)
        self._sum = self._momentum * before + (1 - self._momentum) * losses
        self._mass = self._momentum * self._mass + (1 - self._momentum)
        means = (self._sum / self._mass).clamp(min=FLOOR)
        return means.min() * (1 - self._gamma) / means + self._gamma

    def state(self) -> dict[str, Tensor]:
        """The averages."""
        return (
            {}
            if self._sum is None
            else {"sum": self._sum, "mass": torch.tensor(self._mass, dtype=torch.float64)}
        )

    def load(self, state: Mapping[str, Tensor]) -> None:
        """See `Scheme`."""
        if state:
            self._sum, self._mass = state["sum"], float(state["mass"])


class ExitDropout:
    """The last exit and one early exit a step, in turns; the others have no weight (MESS, section 4.3).

    The printed equation 2 would never drop the first exit; this is what the text says.

    Args:
        exits: How many there are.
    """

    def __init__(self, exits: int) -> None:
        self._exits = exits
        self._turn = 0

    def weights(self, losses: Tensor) -> Tensor:
        """See `Scheme`."""
        made = torch.zeros(self._exits, device=losses.device)
        made[-1] = 1
        if self._exits > 1:
            made[self._turn % (self._exits - 1)] = 1
        self._turn += 1
        return made

    def state(self) -> dict[str, Tensor]:
        """Whose turn it is."""
        return {"turn": torch.tensor(self._turn)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """See `Scheme`."""
        self._turn = int(state["turn"]) if state else 0


def scheme(name: str, given: Sequence[float]) -> Scheme:
    """A scheme for as many exits as there are `given` weights, which "given" takes as they are.

    "const": all weigh 1; "linear": from 1/4 to 1; "half-end": the last has half of all weight, the others
    share the other half; "adaloss": see `AdaLoss`; "exit-dropout": see `ExitDropout`.

    Raises:
        ValueError: there is no such scheme.
    """
    count = len(given)
    fixed = {
        "given": given,
        "const": [1.0] * count,
        "linear": [LEAST + (1 - LEAST) * index / max(1, count - 1) for index in range(count)],
        "half-end": [1 / max(1, count - 1)] * (count - 1) + [1.0],
    }
    if name in fixed:
        return Fixed(fixed[name])
    if name == "adaloss":
        return AdaLoss()
    if name == "exit-dropout":
        return ExitDropout(count)
    raise ValueError(f"There is no loss scheme {name!r}: there are {', '.join(SCHEMES)}.")
