"""The idle memory of one shape, and a thread that adds to it before it runs out."""

from __future__ import annotations

import ctypes
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from interim.model_zoo.native.maps import memory_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

AHEAD = 4
"""Of a shape that was too few once, so many are kept idle beyond what is lent."""


class Shelf:
    """Memory of one size in cells, to be lent.

    Whoever touches new memory first waits for the system, for three times as long as exit 1 takes on some virtual
    machines: a stage that would is slow, the next ones like it are expected to be, and requests are refused for it.
    So where a crowd grows, another thread makes what the next of it needs.
    """

    def __init__(self, cells: int) -> None:
        self.idle: list[Tensor] = []
        self._cells = cells
        self._used_again = False
        self._grows = False
        self._ordered = threading.Semaphore(1)

    @property
    def idle_bytes(self) -> int:
        """How much lies here."""
        return sum(memory.nbytes for memory in tuple(self.idle))

    def take(self) -> Tensor | None:
        """Idle memory; None: there is none, and `make` it."""
        try:
            memory = self.idle.pop()
        except IndexError:
            # What a first pass makes is enough for the next one: only more than was ever lent at once is growth.
            self._grows = self._used_again
            return None
        self._used_again = True
        return memory

    def make(self) -> Tensor:
        """New memory, which nobody has touched yet."""
        return memory_of(self._cells)

    def order(self, later: Callable[[Callable[[], None]], object]) -> None:
        """Have more made where it will be wanted, by a call that `later` makes."""
        if self._grows and len(self.idle) < AHEAD and self._ordered.acquire(blocking=False):
            later(self._add)

    def _add(self) -> None:
        try:
            while len(self.idle) < AHEAD:
                memory = self.make()
                ctypes.memset(memory.data_ptr(), 0, memory.nbytes)  # others run meanwhile
                self.idle.append(memory)
        finally:
            self._ordered.release()


class Maker:
    """The thread; there is none until it is wanted. It runs where the main thread may, not on a pinned core."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, "memory", initializer=_beside)

    def submit(self, work: Callable[[], None]) -> None:
        """Do it some time."""
        with suppress(RuntimeError):  # the interpreter is ending
            self._threads.submit(work)


def _beside() -> None:
    os.sched_setaffinity(0, os.sched_getaffinity(os.getpid()))
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), 0))
