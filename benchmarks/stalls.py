"""How often the machine itself stands still: a sleeper of the highest priority, and how late it wakes.

python -m benchmarks.stalls STEP_S
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STEP_S = 0.001
"""The sleeper asks to be woken this often; later than one step more is a stall."""


@dataclass(slots=True)
class Stalls:
    """What the sleeper saw while it slept; figures are 0 until the measurement has ended.

    `highest_priority`: it ran before every ordinary process (SCHED_FIFO), so what held it up was the
    machine; without that right (a container, an ordinary user) other work counts as a stall too.
    """

    seconds: float = 0.0
    count: int = 0
    total_ms: float = 0.0
    p99_ms: float = 0.0
    longest_ms: float = 0.0
    highest_priority: bool = False

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_line(self) -> str:
        """One line for people."""
        if not self.seconds:
            return "machine's own stalls: not measured"
        whose = "machine's own stalls" if self.highest_priority else "stalls (the machine's and other work's)"
        return (
            f"{whose} over {1e3 * STEP_S:g} ms: {self.count} in {self.seconds:.0f} s, "
            f"{self.total_ms:.0f} ms together, p99 {self.p99_ms:.1f} ms, longest {self.longest_ms:.1f} ms"
        )


@contextmanager
def stall_meter() -> Iterator[Stalls]:
    """Measures beside what runs inside the `with`, in a process of its own; costs under 1 % of a core."""
    stalls = Stalls()
    command = [sys.executable, "-m", "benchmarks.stalls", str(STEP_S)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sleeper:
        try:
            yield stalls
        finally:
            said, _ = sleeper.communicate()  # the end of its input ends it
    for name, value in json.loads(said or "{}").items():
        setattr(stalls, name, value)


def summarised(late_s: list[float], seconds: float, *, highest_priority: bool) -> Stalls:
    """The stalls among wakings that were `late_s` seconds late each."""
    stalls = sorted(late for late in late_s if late > STEP_S)
    return Stalls(
        seconds=seconds,
        count=len(stalls),
        total_ms=1e3 * sum(stalls),
        p99_ms=1e3 * stalls[int(0.99 * (len(stalls) - 1))] if stalls else 0.0,
        longest_ms=1e3 * max(stalls, default=0.0),
        highest_priority=highest_priority,
    )


def _outrank() -> bool:
    """Become more urgent than every ordinary process; whether that was allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    return True


def _sleep(step_s: float) -> Stalls:
    """Sleep and wake until the standard input ends."""
    highest_priority = _outrank()
    os.set_blocking(sys.stdin.fileno(), False)
    begun_s = due_s = time.monotonic()
    late_s: list[float] = []
    while _goes_on():
        due_s += step_s
        time.sleep(max(due_s - time.monotonic(), 0.0))
        now_s = time.monotonic()
        if now_s - due_s > step_s:
            late_s.append(now_s - due_s)
            due_s = now_s
    return summarised(late_s, time.monotonic() - begun_s, highest_priority=highest_priority)


def _goes_on() -> bool:
    """Whether the one who asked still holds the other end of the pipe."""
    try:
        return os.read(sys.stdin.fileno(), 1) != b""
    except BlockingIOError:
        return True


if __name__ == "__main__":
    print(json.dumps(_sleep(float(sys.argv[1])).as_json()))
