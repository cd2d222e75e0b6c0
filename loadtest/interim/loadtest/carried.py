"""What a server carries: requests one after another, some always waiting, none of them hurried."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from interim.client import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from interim.client import AsyncClient

UNHURRIED_MS = 60_000.0
_AT_ONCE = 4  # enough that the next one always waits when one ends


@dataclass(slots=True, kw_only=True)
class Carried:
    """Requests one after the other without a pause, in some turns.

    Attributes:
        count: How many.
        spent_s: How long they took together.
        gaps_ms: From the end of one to that of the next of a turn.
    """

    count: int = 0
    spent_s: float = 0.0
    gaps_ms: list[float] = field(default_factory=list)

    @property
    def hz(self) -> float:
        """How many a second."""
        return self.count / self.spent_s

    def ended(self, begun_s: float, ends_s: Sequence[float]) -> None:
        """Notes a turn: its begin, and when its requests ended."""
        ends_s = sorted(ends_s)
        self.count += len(ends_s)
        self.spent_s += ends_s[-1] - begun_s
        self.gaps_ms += [1e3 * (after - before) for before, after in itertools.pairwise(ends_s)]


async def carry(
    carried: Carried, client: AsyncClient, pictures: Sequence[bytes], seconds: float, **options: Any
) -> None:
    """Adds a turn of so many seconds, by the instants the server handed answers over.

    Raises:
        Unavailable: The server carried fewer than two requests.
    """
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    ends_s: list[float] = []

    async def ask(picture: bytes) -> None:
        sent_s = loop.time()
        answers = client.infer(picture, budget_ms=UNHURRIED_MS, **options)
        ends_s.extend([sent_s + each.elapsed_ms / 1e3 async for each in answers if each.final])

    await keep_asking(ask, pictures, seconds)
    if len(ends_s) < 2:
        raise Unavailable(f"the server carried fewer than two requests in {seconds:g} s: measure longer")
    carried.ended(begun_s, ends_s)


async def keep_asking(
    ask: Callable[[bytes], Awaitable[None]], pictures: Sequence[bytes], seconds: float
) -> None:
    """Asks for one picture after another, a few at once, so that some always wait; the refused pause first."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + seconds

    async def one_after_another(first: int) -> None:
        for picture in itertools.islice(itertools.cycle(pictures), first, None, _AT_ONCE):
            if loop.time() >= until_s:
                return
            try:
                await ask(picture)
            except Refused as refused:
                await asyncio.sleep(max(refused.retry_after_ms, 1.0) / 1e3)

    await asyncio.gather(*(one_after_another(first) for first in range(_AT_ONCE)))
