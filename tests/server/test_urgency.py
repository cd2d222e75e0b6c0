"""Threads that must answer at once: what they get, and that nobody inherits it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from interim.server.urgency import (
    LOWEST_REAL_TIME,
    PREFERRED_NICENESS,
    Urgency,
    go_before,
    make_urgent,
    weigh_more,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WITHOUT_THE_RIGHT = """
import os
import interim.server.urgency as urgency

def refused(*_: object) -> None:
    raise PermissionError

os.sched_setscheduler = refused
print(urgency.make_urgent().value)
"""


def test_the_thread_gets_what_is_allowed_and_its_children_are_ordinary() -> None:
    """Decoding and computing threads must not go before the event loop that started them."""
    found: list[object] = []

    def child() -> None:
        found.append(os.sched_getscheduler(0))

    def urgent() -> None:
        found.append(make_urgent())
        found.append(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK)
        thread = threading.Thread(target=child)
        thread.start()
        thread.join()

    thread = threading.Thread(target=urgent)
    thread.start()
    thread.join()
    got, own, childs = found
    assert own == (os.SCHED_RR if got is Urgency.REAL_TIME else os.SCHED_OTHER)
    assert childs == os.SCHED_OTHER
    assert os.sched_get_priority_min(os.SCHED_RR) == LOWEST_REAL_TIME


def test_without_the_right_it_is_done_in_the_ordinary_class_and_never_an_error() -> None:
    """Short slices where the kernel has them, else nothing."""
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_RIGHT],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ).stdout.strip()
    assert said in {Urgency.SHORT_SLICE.value, Urgency.ORDINARY.value}


def test_an_event_loop_goes_before_others_and_its_children_do_not() -> None:
    """It stays in the ordinary class; with the right it weighs more, without it nothing fails."""
    before, own, childs, scheduler = _weights(go_before)
    assert scheduler & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER
    assert own in {before, min(before, PREFERRED_NICENESS)}
    assert childs == (0 if own < 0 else before)  # no advantage is inherited


def test_more_weight_is_an_event_loops_and_the_threads_one_computes_with_inherit_it() -> None:
    """Ordinary work on a compute thread's processor must not stand before a promised stage."""
    _, loops, _, _ = _weights(go_before)
    _, own, childs, _ = _weights(weigh_more)
    assert own == childs == loops


def _weights(ask: Callable[[], object]) -> list[int]:
    """In a new thread: its niceness before and after it asks, that of a thread it starts then, its scheduler."""
    found: list[int] = []

    def niceness() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def asks() -> None:
        niceness()
        ask()
        niceness()
        child = threading.Thread(target=niceness)
        child.start()
        child.join()
        found.append(os.sched_getscheduler(0))

    thread = threading.Thread(target=asks)
    thread.start()
    thread.join()
    return found
