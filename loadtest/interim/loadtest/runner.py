"""Sends requests when they are due, whatever became of the ones before.

Open loop, never coordinated: a slow answer holds back no later request, and every time runs from the
instant a request was *meant* to be sent (Schroeder, Wierman and Harchol-Balter, "Open versus closed: a
cautionary tale", NSDI 2006). The sender's own lag is part of each record.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from typing import TYPE_CHECKING

from interim.client.errors import InterimError
from interim.loadtest.record import Record

if TYPE_CHECKING:
    from interim.client.refinement import Refinement
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.plan import Planned

GRACE_S = 15.0
"""How long after its budget a request may still end; one that does not is given up as failed."""

LEAD_S = 0.05
"""Between the start and the first send, so that the first is not late already."""

Ask = Callable[["Planned"], AsyncIterable["Refinement"]]
"""Sends one request; its refinements as they come. Raises InterimError where it is refused or fails."""


async def send_all(
    requests: Sequence[Planned], ask: Ask, *, ended: Callable[[Outcome], object] = lambda _: None
) -> tuple[Outcome, ...]:
    """Sends every request at its instant and follows each to its end.

    Args:
        requests: in the order of their instants.
        ask: sends one.
        ended: is told of each outcome as it comes.

    Returns:
        The outcomes, in the order of `requests`.
    """
    loop = asyncio.get_running_loop()
    start_s = loop.time() + LEAD_S

    async def due(request: Planned) -> Outcome:
        outcome = await follow(request, ask, intended_s=start_s + request.send_s)
        ended(outcome)
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = []
        for request in requests:
            await asyncio.sleep(max(0.0, start_s + request.send_s - loop.time()))
            tasks.append(group.create_task(due(request)))
    return tuple(task.result() for task in tasks)


async def follow(request: Planned, ask: Ask, *, intended_s: float) -> Outcome:
    """Sends one request now and follows it to its end.

    Args:
        request: what to send.
        ask: sends it.
        intended_s: when it was to be sent, by the event loop's clock.
    """
    loop = asyncio.get_running_loop()
    record = Record(request, intended_s=intended_s, begun_s=loop.time())
    try:
        async with asyncio.timeout_at(intended_s + request.budget_ms / 1e3 + GRACE_S):
            async for refinement in ask(request):
                outcome = record.heard(refinement, loop.time())
                if outcome is not None:
                    return outcome
    except InterimError as error:
        return record.broken(error, loop.time())
    except TimeoutError:
        pass
    return record.abandoned(loop.time())
