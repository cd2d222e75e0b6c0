"""The pool of maps: memory comes back, borders stay zero, and who computes seldom waits for new memory."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import torch

from interim.model_zoo.native.maps import MapShape
from interim.model_zoo.native.pool import Pool
from interim.model_zoo.native.shelf import AHEAD, Maker, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = 1000


class Later:
    """Does nothing until it is told to."""

    def __init__(self) -> None:
        self.asked: list[Callable[[], None]] = []

    def submit(self, work: Callable[[], None]) -> None:
        self.asked.append(work)

    def run(self) -> None:
        while self.asked:
            self.asked.pop()()


def test_memory_is_lent_again_when_its_last_tensor_dies() -> None:
    """The second tensor lies where the first did, and nothing more was made."""
    pool = Pool()
    first = pool.floats((10, 100))
    where = first.data_ptr()
    view = first[2:]
    del first
    assert pool.floats((10, 100)).data_ptr() != where
    del view
    assert {pool.floats((1000,)).data_ptr() for _ in range(3)} <= {where}
    assert pool.made == 2


def test_idle_memory_of_sizes_that_are_no_longer_asked_for_is_given_back() -> None:
    """Two of three sizes are beyond what may lie idle; the one just used stays."""
    pool = Pool(idle_bytes=5000)
    for cells in (1000, 1001, 1002):
        pool.floats((cells,))
    pool.floats((1003,))
    made = pool.made
    pool.floats((1002,))
    assert pool.made == made
    pool.floats((1000,))
    assert pool.made == made + 1


def test_what_a_first_pass_needed_is_enough_for_the_next() -> None:
    """Nothing is ordered while memory is lent for the first time, nor while there is enough."""
    maker, shelf = Later(), Shelf(CELLS)
    first = [shelf.take() or shelf.make() for _ in range(3)]
    shelf.order(maker.submit)
    shelf.idle += first
    for _ in range(3):
        assert shelf.take() is not None
        shelf.order(maker.submit)
    assert not maker.asked


def test_where_a_crowd_grows_memory_is_ready_before_the_next_asks() -> None:
    """Too few once, though they had come back before: from then on there are always some ahead."""
    maker, shelf = Later(), Shelf(CELLS)
    shelf.idle.append(shelf.make())
    assert shelf.take() is not None
    assert shelf.take() is None
    for _ in range(3):
        shelf.order(maker.submit)
        assert len(maker.asked) == 1  # one order at a time
        maker.run()
        assert len(shelf.idle) == AHEAD
        for _ in range(AHEAD):
            memory = shelf.take()
            assert memory is not None
            assert memory.numel() == CELLS
            assert not memory.any()


def test_a_failed_order_can_be_placed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system had no memory for it: the next lend tries once more."""

    def nothing() -> torch.Tensor:
        raise MemoryError

    maker, shelf = Later(), Shelf(CELLS)
    shelf.idle.append(shelf.make())
    assert shelf.take() is not None
    assert shelf.take() is None
    monkeypatch.setattr(shelf, "make", nothing)
    shelf.order(maker.submit)
    with pytest.raises(MemoryError):
        maker.run()
    shelf.order(maker.submit)
    assert maker.asked


def test_a_pool_orders_from_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second map while one is out: those after it were made elsewhere, their borders zero."""
    with ThreadPoolExecutor(1) as elsewhere:
        monkeypatch.setattr(Maker, "submit", lambda _, work: elsewhere.submit(work).result())
        pool = Pool()
        shape = MapShape(images=1, channels=2, height=4, width=6, dtype=torch.float32)
        pool.map(shape).values.fill_(1.0)
        held = [pool.map(shape) for _ in range(2)]
        assert pool.made == 2
        held += [pool.map(shape) for _ in range(3 * AHEAD)]
    assert pool.made == 2
    assert not held[-1].all_cells.any()


def test_the_thread_runs_where_the_main_thread_may() -> None:
    """A compute thread is pinned, and what it starts would share its processor."""
    found: list[set[int]] = []
    done = threading.Event()

    def look() -> None:
        found.append(os.sched_getaffinity(0))
        done.set()

    def compute() -> None:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        Maker().submit(look)

    pinned = threading.Thread(target=compute)
    pinned.start()
    assert done.wait(10.0)
    pinned.join()
    assert found == [os.sched_getaffinity(os.getpid())]
