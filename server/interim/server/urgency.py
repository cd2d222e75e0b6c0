"""A thread that must answer at once is woken at once, also where a busy processor has to be taken from others.

Linux lets a running thread finish its slice (about 3 ms) before one that wakes up; a verdict, a timer or a
refinement waits that long. Two ways out: a real-time priority, which needs a right (CAP_SYS_NICE, or
`ulimit -r`), and a slice of one's own (Linux 6.12: sched_setattr(2)), which needs none: who asks for short
turns gets them sooner.
"""

from __future__ import annotations

import ctypes
import enum
import os
import platform
import struct
import threading
from contextlib import suppress

LOWEST_REAL_TIME = 1
SLICE_NS = 100_000
PREFERRED_NICENESS = -10
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period
_NORMAL, _RESET_ON_FORK = 0, 1


class Urgency(enum.Enum):
    """How soon a thread runs when it wakes."""

    REAL_TIME = "real-time"
    SHORT_SLICE = "short slices"
    ORDINARY = "ordinary"


def make_urgent() -> Urgency:
    """Make the calling thread as urgent as is allowed; threads and processes it starts are ordinary.

    Its own work must be short: on a real-time priority nobody else has that processor meanwhile (the kernel
    leaves the others 5 % of it at least).
    """
    if _real_time():
        return Urgency.REAL_TIME
    return Urgency.SHORT_SLICE if _short_slice() else Urgency.ORDINARY


def go_before() -> None:
    """Let the calling thread, an event loop, go before others on its processor without keeping it for long.

    Short slices, and more weight where that is allowed. Less than `make_urgent`: a front of real-time
    priority delayed clients on the same machine. Threads and processes it starts are ordinary.
    """
    weigh_more()
    _short_slice()


def weigh_more() -> None:
    """Give the calling thread more weight than ordinary work, where that is allowed; threads it starts inherit it.

    For a compute thread on processors of its own, too: other work took them away for 8 to 17 ms. The front's decoders
    and encoders stay ordinary: with more weight too, no fewer answers were late.
    """
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(
            os.PRIO_PROCESS, thread, min(PREFERRED_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
        )


def _real_time() -> bool:
    try:
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(LOWEST_REAL_TIME))
    except (OSError, AttributeError):
        return False
    return True


def _short_slice() -> bool:
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None or platform.system() != "Linux":
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, _NORMAL, _RESET_ON_FORK, nice, 0, SLICE_NS, 0, 0)
    refused: int = ctypes.CDLL(None).syscall(number, 0, ctypes.create_string_buffer(asked), 0)
    return refused == 0
