"""Which processors compute threads get and which the front keeps to, and which environment makes them behave."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
THREADS = Path("/proc/self/task")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """`threads` compute threads, pinned to `pinned`, which leaves `others`; both empty: nothing is pinned."""

    threads: int
    pinned: tuple[int, ...]
    others: tuple[int, ...] = ()


def divide(processors: tuple[int, ...], *, quota: int | None = None, threads: int = 0) -> Cores:
    """Leave the front one processor, if there are two.

    Args:
        processors: Those that this process may run on.
        quota: How many of them its container may keep busy, if that is limited; then nothing is pinned,
            since other containers may pin to the same ones.
        threads: How many compute threads were asked for; 0: as many as are left.
    """
    if quota is not None and quota < len(processors):
        return Cores(threads=threads or max(quota - 1, 1), pinned=())
    wanted = threads or max(len(processors) - 1, 1)
    if wanted > len(processors):
        return Cores(threads=wanted, pinned=())
    return Cores(threads=wanted, pinned=processors[-wanted:], others=processors[:-wanted])


def usable(threads: int = 0) -> Cores:
    """`divide` for this process, here and now."""
    processors = tuple(sorted(os.sched_getaffinity(0)))
    return divide(processors, quota=_quota(), threads=threads)


def keep_to(processors: tuple[int, ...]) -> None:
    """Keep every thread of this process, and those they start, to these processors; none given: wherever it is.

    A decoder on the processor of a compute thread halves its speed, and a promise is broken.
    """
    for thread in THREADS.iterdir() if processors else ():
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setaffinity(int(thread.name), processors)


def environment(threads: int) -> dict[str, str]:
    """What must stand in a compute process's environment before it starts.

    Threads wait passively: at a barrier, one that spins takes the processor from the one it waits for.
    Freed memory is kept: giving pages back and faulting them in again took a quarter of the processor time
    of a 1024x2048 image, and stalled the step after next for some milliseconds. So the allocator (glibc's;
    mallopt(3)) keeps one heap, maps nothing apart and never trims, and torch asks for huge pages.
    """
    return {
        "OMP_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "passive",
        "KMP_BLOCKTIME": "0",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        "MALLOC_TOP_PAD_": str(64 << 20),
        "THP_MEM_ALLOC_ENABLE": "1",
    }


def _quota() -> int | None:
    """The container's limit (cgroup v2) in whole processors, rounded up; None: none is known."""
    try:
        limit, period = CPU_QUOTA.read_text(encoding="ascii").split()
        return math.ceil(int(limit) / int(period))
    except (OSError, ValueError):
        return None
