"""Sends requests when they are due, whatever became of the ones before.

Open loop, never coordinated: a slow answer holds back no later request, and every time runs from the
instant a request was *meant* to be sent (Schroeder, Wierman and Harchol-Balter, "Open versus closed: a
cautionary tale", NSDI 2006). The sender's own lag is part of each record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, cast

from interim.client.errors import InterimError
from interim.loadtest.record import Record

if TYPE_CHECKING:
    from interim.client.refinement import Refinement
    from interim.client.transcript import Revision
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.plan import Planned

GRACE_S = 15.0
"""How long after its budget a request may still end; one that does not is given up as failed."""

LEAD_S = 0.05
"""Between the start and the first send, so that the first is not late already."""


class Answers(Protocol):
    """The refinements of one request as they come, and what may be asked of it meanwhile.

    Iterating raises InterimError where the request is refused or fails.
    """

    def __aiter__(self) -> AsyncIterator[Refinement]: ...

    @property
    def revision(self) -> Revision | None:
        """What became of the last revision the server has answered."""
        ...

    def revise(self, *, total_ms: float) -> None:
        """Moves the deadline, to `total_ms` after the arrival at the server; does not wait."""
        ...

    def cancel(self) -> None:
        """Nothing more is wanted; the iteration ends."""
        ...


Ask = Callable[["Planned"], AsyncIterable["Refinement"]]
"""Sends one request; gives its `Answers`, or (where it is neither revised nor cancelled) a bare iterable."""


async def send_all(
    requests: Sequence[Planned],
    ask: Ask,
    *,
    ended: Callable[[Outcome], object] = lambda _: None,
    start_s: float | None = None,
    stop: asyncio.Event | None = None,
) -> tuple[Outcome, ...]:
    """Sends every request at its instant and follows each to its end.

    Args:
        requests: in the order of their instants.
        ask: sends one.
        ended: is told of each outcome as it comes.
        start_s: the run's start by the event loop's clock; None: in a moment.
        stop: once it is set nothing more is sent; what is in flight is still followed to its end.

    Returns:
        The outcomes of what was sent, in the order of `requests`.
    """
    loop = asyncio.get_running_loop()
    begin_s = loop.time() + LEAD_S if start_s is None else start_s
    stop = stop or asyncio.Event()

    async def due(request: Planned) -> Outcome:
        outcome = await follow(request, ask, intended_s=begin_s + request.send_s)
        ended(outcome)
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = []
        for request in requests:
            await until(begin_s + request.send_s, stop)
            if stop.is_set():
                break
            tasks.append(group.create_task(due(request)))
    return tuple(task.result() for task in tasks)


async def until(at_s: float, stop: asyncio.Event) -> None:
    """Waits for an instant of the loop's clock, or for `stop`."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(at_s):
            await stop.wait()


async def follow(request: Planned, ask: Ask, *, intended_s: float) -> Outcome:
    """Sends one request now and follows it to its end.

    Args:
        request: what to send.
        ask: sends it.
        intended_s: when it was to be sent, by the event loop's clock.
    """
    loop = asyncio.get_running_loop()
    record = Record(request, intended_s=intended_s, begun_s=loop.time())
    longest_ms = max(request.budget_ms, request.move.total_ms if request.move else 0.0)
    answers: AsyncIterable[Refinement] | None = None
    try:
        async with asyncio.timeout_at(intended_s + longest_ms / 1e3 + GRACE_S):
            answers = ask(request)
            with _steered(request, record, answers, intended_s):
                outcome = await _heard(answers, record, request.pause_ms / 1e3)
    except InterimError as error:
        outcome = record.broken(error, loop.time())
    except TimeoutError:
        outcome = None
    if outcome is None:
        outcome = record.given_up(loop.time()) if record.cancelled else record.abandoned(loop.time())
    return record.with_revision(outcome, getattr(answers, "revision", None))


async def _heard(answers: AsyncIterable[Refinement], record: Record, pause_s: float) -> Outcome | None:
    """Reads to the final message, slowly where that is wanted; None: there was none."""
    loop = asyncio.get_running_loop()
    if pause_s:
        await asyncio.sleep(pause_s)
    async for refinement in answers:
        outcome = record.heard(refinement, loop.time())
        if outcome is not None:
            return outcome
        if pause_s:
            await asyncio.sleep(pause_s)
    return None


@contextmanager
def _steered(
    request: Planned, record: Record, answers: AsyncIterable[Refinement], intended_s: float
) -> Iterator[None]:
    """Sends the planned revision and the planned cancel at their instants, unless the request ends before."""
    if request.move is None and request.cancel_ms is None:
        yield
        return
    steered = cast("Answers", answers)

    def revise(total_ms: float) -> None:
        record.moved()
        steered.revise(total_ms=total_ms)

    def cancel() -> None:
        record.cancel()
        steered.cancel()

    loop = asyncio.get_running_loop()
    timers = []
    if request.move is not None:
        timers.append(loop.call_at(intended_s + request.move.at_ms / 1e3, revise, request.move.total_ms))
    if request.cancel_ms is not None:
        timers.append(loop.call_at(intended_s + request.cancel_ms / 1e3, cancel))
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
