"""One request after another: a closed loop, for what a single client sees."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import TYPE_CHECKING, Any

from interim.client import Refused
from interim.loadtest.plan import Planned
from interim.loadtest.runner import follow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.client import AsyncClient, Refinement
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.runner import Ask
    from interim.loadtest.streams import Streams

GENEROUS_MS = 60_000.0


async def ask(client: AsyncClient, picture: bytes, budget_ms: float, **options: Any) -> Outcome:
    """Sends one picture now and follows it to its end; `options` are those of `AsyncClient.infer`."""
    return await _asked(budget_ms, lambda _: client.infer(picture, budget_ms=budget_ms, **options))


async def ask_on(stream: Streams, picture: bytes, budget_ms: float) -> Outcome:
    """The same on a stream that is open already."""
    return await _asked(budget_ms, lambda _: stream.send(0, picture, budget_ms=budget_ms))


async def _asked(budget_ms: float, send: Ask) -> Outcome:
    now_s = asyncio.get_running_loop().time()
    return await follow(Planned(index=0, send_s=now_s, budget_ms=budget_ms), send, intended_s=now_s)


async def refinements(client: AsyncClient, picture: bytes, **options: Any) -> list[Refinement]:
    """Every refinement of one picture that may take its time."""
    return [refinement async for refinement in client.infer(picture, budget_ms=GENEROUS_MS, **options)]


async def usual_ms(client: AsyncClient, pictures: Sequence[bytes], **options: Any) -> float:
    """What a request alone takes, by the server's clock: the median over `pictures`, after one more."""
    await refinements(client, pictures[0], **options)
    return median([(await refinements(client, picture, **options))[-1].elapsed_ms for picture in pictures])


async def least_ms(client: AsyncClient, picture: bytes, *, high_ms: float, steps: int = 9) -> float:
    """The smallest budget that an idle server admits, by bisection below `high_ms`."""
    low_ms = 0.0
    for _ in range(steps):
        middle_ms = (low_ms + high_ms) / 2
        if await _admits(client, picture, middle_ms):
            high_ms = middle_ms
        else:
            low_ms = middle_ms
    return high_ms


async def _admits(client: AsyncClient, picture: bytes, budget_ms: float) -> bool:
    try:
        async for _ in client.infer(picture, budget_ms=budget_ms, max_exit=1):
            pass
    except Refused:
        return False
    return True
