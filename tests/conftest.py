"""What all tests share: how hard properties are tried, and virtual time for what an event loop does."""

import asyncio
import selectors
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# No test asserts an absolute time, and a busy machine is no fault: a property has all the time it needs.
settings.register_profile(
    "interim", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("interim")

# Tests that were begun in the background of a script ignore Ctrl-C, and so would all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class _Leap(selectors.DefaultSelector):
    """Waits for nothing: where the loop would wait, its clock leaps instead."""

    loop: "LeapingLoop"

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is scheduled any more: the test would wait for ever")
        if not ready and timeout:
            self.loop.now_s += timeout
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; `now_s` may be moved, as work that blocks the loop would."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        selector = _Leap()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s


@pytest.fixture
def in_virtual_time() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine in virtual time: hours pass in no time, and every instant is exact."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=LeapingLoop) as runner:
            return runner.run(main)

    return run
