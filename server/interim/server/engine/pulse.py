"""The pulse of the compute thread: when it last passed a slice border, and how long slices are."""

from __future__ import annotations

FADE = 0.999
"""A single slow slice (a page fault, a busy neighbour) is forgotten after some thousand ordinary ones."""


class Pulse:
    """Written by the compute thread, read by the control thread."""

    def __init__(self) -> None:
        self.borders = 0
        self.longest_slice_s = 0.0
        self._since_s = 0.0

    def reset(self, longest_slice_s: float = 0.0) -> None:
        """Forget the slices so far; the longest is taken to be the one given."""
        self.longest_slice_s = longest_slice_s

    def begin(self, now_s: float) -> None:
        """A stretch of work begins."""
        self._since_s = now_s

    def pass_border(self, now_s: float) -> None:
        """A point where the work could have been given up."""
        slice_s = now_s - self._since_s
        self.longest_slice_s = max(slice_s, self.longest_slice_s * FADE)
        self._since_s = now_s
        self.borders += 1
