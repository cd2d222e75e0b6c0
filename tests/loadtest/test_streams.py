"""Long-lived streams that requests share."""

import asyncio
from typing import Any

import pytest

from interim.client import AsyncClient, InterimError
from interim.loadtest.streams import Streams


def test_a_stream_that_broke_is_opened_anew(scripted: Any) -> None:
    """Whoever was on it failed; the next request of the same stream is answered."""
    target, script = scripted
    script.broken = 1

    async def last_exit(streams: Streams) -> int:
        async for refinement in streams.send(0, b"image", budget_ms=5000):
            if refinement.final:
                return refinement.exit
        return 0

    async def run() -> list[int]:
        async with AsyncClient(target) as client, Streams(client, count=1) as streams:
            with pytest.raises(InterimError, match="this stream breaks"):
                await last_exit(streams)
            return [await last_exit(streams) for _ in "ab"]

    assert asyncio.run(run()) == [4, 4]
    assert script.sessions == 2
