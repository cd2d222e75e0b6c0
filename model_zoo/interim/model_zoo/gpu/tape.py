"""Kernel launches written down once, to run again and again, in lanes where they do not wait for each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One kernel.

    `run` queues it on the current stream. `reads`, `writes`: what tells the memory from other memory.
    `work`: multiply-accumulates, were every position active.
    """

    run: Callable[[], None]
    reads: frozenset[int]
    writes: frozenset[int]
    work: int = 0


@dataclass(frozen=True, slots=True)
class Placed:
    """A launch on a lane; `waits`: numbers of launches on other lanes that must have ended before."""

    launch: Launch
    lane: int
    waits: tuple[int, ...]


def segments(launches: Iterable[Launch], work: int) -> list[list[Launch]]:
    """Launches cut into parts, in order; a part ends with the launch that brings it to so much work."""
    parts: list[list[Launch]] = [[]]
    done = 0
    for launch in launches:
        if done >= work:
            parts.append([])
            done = 0
        parts[-1].append(launch)
        done += launch.work
    return [part for part in parts if part]


def lanes(launches: Sequence[Launch], count: int) -> list[Placed]:
    """Launches on up to `count` lanes: a lane runs in order, and nothing overtakes what it depends on.

    A launch depends on those before it that write what it touches or read what it writes. It goes on
    where what it depends on was last on a lane, else to the lane that has been left alone for longest.
    """
    placed: list[Placed] = []
    tails: list[int] = []
    seen: list[
        dict[int, int]
    ] = []  # by launch: the last one of each lane that surely has ended before it ends
    for number, needs in enumerate(_dependencies(launches)):
        lane = _lane(placed, tails, needs, count)
        known = dict(seen[tails[lane]]) if lane < len(tails) else {}
        waits = []
        for need in sorted(needs, reverse=True):
            if need > known.get(placed[need].lane, -1):
                waits.append(need)
                _merge(known, seen[need])
        known[lane] = number
        seen.append(known)
        tails[lane : lane + 1] = [number]
        placed.append(Placed(launches[number], lane, tuple(waits)))
    return placed


def _dependencies(launches: Sequence[Launch]) -> Iterable[set[int]]:
    """For each launch the numbers of those that it must come after."""
    writer: dict[int, int] = {}
    readers: dict[int, list[int]] = {}
    for number, launch in enumerate(launches):
        needs = {writer[each] for each in launch.reads | launch.writes if each in writer}
        for each in launch.writes:
            needs.update(readers.pop(each, ()))
            writer[each] = number
        for each in launch.reads:
            readers.setdefault(each, []).append(number)
        yield needs - {number}


def _lane(placed: Sequence[Placed], tails: Sequence[int], needs: set[int], count: int) -> int:
    """Where a launch goes on."""
    follows = [placed[need].lane for need in needs if tails[placed[need].lane] == need]
    if follows:
        return max(follows, key=lambda lane: tails[lane])
    if len(tails) < count:
        return len(tails)
    return min(range(len(tails)), key=lambda lane: tails[lane])


def _merge(known: dict[int, int], more: dict[int, int]) -> None:
    """What is known of either."""
    for lane, number in more.items():
        known[lane] = max(number, known.get(lane, -1))
