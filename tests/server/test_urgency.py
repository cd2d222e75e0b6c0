"""Threads that must answer at once: what they get, and that nobody inherits it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from interim.server.urgency import (
    LOWEST_REAL_TIME,
    PREFERRED_NICENESS,
    Urgency,
    go_before,
    make_urgent,
    weigh_more,
)

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
    found: list[int] = []

    def niceness() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def loop() -> None:
        niceness()
        go_before()
        niceness()
        assert os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER
        child = threading.Thread(target=niceness)
        child.start()
        child.join()

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    before, own, childs = found
    assert own in {before, min(before, PREFERRED_NICENESS)}
    assert childs == (0 if own < 0 else before)  # no advantage is inherited


def test_a_compute_thread_weighs_as_much_as_an_event_loop_and_so_do_the_threads_it_computes_with() -> None:
    """Ordinary work on its processor must not stand before a promised stage."""
    found: list[int] = []

    def niceness() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def loop() -> None:
        go_before()
        niceness()

    def compute() -> None:
        weigh_more()
        niceness()
        child = threading.Thread(target=niceness)
        child.start()
        child.join()

    for each in (loop, compute):
        thread = threading.Thread(target=each)
        thread.start()
        thread.join()
    assert found == found[:1] * 3
