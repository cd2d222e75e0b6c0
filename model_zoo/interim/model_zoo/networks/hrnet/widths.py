"""The sizes of HRNet that are built here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """One size of HRNet.

    `channels` at 1/4 of the image; each coarser branch has twice as many. `head`: channels inside a
    redesigned head.
    """

    channels: int
    bottlenecks: int
    modules: tuple[int, int, int]
    blocks: int
    head: int

    def branches(self, count: int) -> tuple[int, ...]:
        """Channels of the `count` finest branches."""
        return tuple(self.channels * 2**level for level in range(count))


WIDTHS = {
    "w18s": Width(channels=18, bottlenecks=2, modules=(1, 3, 2), blocks=2, head=64),
    "w18": Width(channels=18, bottlenecks=4, modules=(1, 4, 3), blocks=4, head=64),
    "w32": Width(channels=32, bottlenecks=4, modules=(1, 4, 3), blocks=4, head=64),
    "w48": Width(channels=48, bottlenecks=4, modules=(1, 4, 3), blocks=4, head=128),
}
"""Name to width; w18s is what HRNet's authors call W18-small-v2."""
