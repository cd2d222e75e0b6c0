"""What the engine knows of one request whose image is here, and the step that the compute thread runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interim.model_zoo.anytime import State
    from interim.server.engine.arena import Shape, Slot


@dataclass(slots=True, eq=False, kw_only=True)
class Request:
    """One request; shared by the two threads, each field written by one of them.

    Control writes `forgotten`, the give-up flag: nothing more is wanted. Compute writes `state`, what the
    next stage needs (None before stage 1, and once nothing more will run). `size` is the working size in
    pixels, before padding; the other fields are the front's (`messages.Ask`).
    """

    id: int
    slot: Slot
    size: Shape
    full_resolution: bool = True
    min_exit: int = 1
    max_exit: int
    stop_below: float = 0.0
    forgotten: bool = False
    state: State | None = None

    def ends_with(self, exit_: int, active_share: float) -> bool:
        """Whether nothing more is to be run after this exit; the scheduler goes by the same rule."""
        return exit_ >= self.max_exit or (exit_ >= self.min_exit and active_share <= self.stop_below)


@dataclass(frozen=True, slots=True)
class Work:
    """Run the stage that ends at `exit` for `requests`, which all stand before it at one padded size."""

    exit: int
    requests: tuple[Request, ...]
