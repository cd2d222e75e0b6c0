"""Who gets which processor."""

import os
import threading

import pytest

from interim.server.front.cores import Cores, divide, environment, keep_to, usable


@pytest.mark.parametrize(
    ("processors", "options", "cores"),
    [
        ((0,), {}, Cores(threads=1, pinned=(0,))),
        ((0, 1), {}, Cores(threads=1, pinned=(1,), others=(0,))),
        ((4, 5, 6, 7), {}, Cores(threads=3, pinned=(5, 6, 7), others=(4,))),
        ((0, 1, 2, 3), {"threads": 2}, Cores(threads=2, pinned=(2, 3), others=(0, 1))),
        ((0, 1), {"threads": 5}, Cores(threads=5, pinned=())),
        ((0, 1, 2, 3), {"quota": 2}, Cores(threads=1, pinned=())),
        ((0, 1, 2, 3), {"quota": 1}, Cores(threads=1, pinned=())),
        ((0, 1), {"quota": 4}, Cores(threads=1, pinned=(1,), others=(0,))),
    ],
)
def test_the_front_keeps_a_processor(
    processors: tuple[int, ...], options: dict[str, int], cores: Cores
) -> None:
    """One is left to it where there are two; in a container with a limit nothing is pinned."""
    assert divide(processors, **options) == cores


def test_here_and_now() -> None:
    """This process may use at least one."""
    assert usable().threads >= 1
    assert usable(3).threads == 3


def test_every_thread_of_the_front_keeps_away_from_compute_threads() -> None:
    """Those that run already, and those they start later; none given leaves all as they are."""
    mine = os.sched_getaffinity(0)
    seen: list[set[int]] = []
    told = threading.Event()

    def look() -> None:
        told.wait()
        seen.append(os.sched_getaffinity(0))

    early = threading.Thread(target=look)
    early.start()
    try:
        keep_to((min(mine),))
        late = threading.Thread(target=look)
        late.start()
        told.set()
        late.join()
        early.join()
        keep_to(())
        assert [*seen, os.sched_getaffinity(0)] == [{min(mine)}] * 3
    finally:
        keep_to(tuple(mine))


def test_threads_wait_passively() -> None:
    """A spinning thread takes the processor from the one it waits for."""
    assert environment(3)["OMP_NUM_THREADS"] == "3"
    assert environment(3)["OMP_WAIT_POLICY"] == "passive"
