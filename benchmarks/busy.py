"""Keeps a server computing, from a process of its own: unhurried requests, two at a time, until it is ended.

python -m benchmarks.busy HOST:PORT PICTURE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from interim.client import AsyncClient, Refused

_AT_ONCE = 2  # the next one waits already when the server has ended one
_BUDGET_MS = 30_000.0


async def _keep_busy(target: str, picture: bytes) -> None:
    async with AsyncClient(target) as client:
        await asyncio.gather(*(_one_after_another(client, picture) for _ in range(_AT_ONCE)))


async def _one_after_another(client: AsyncClient, picture: bytes) -> None:
    while True:
        try:
            async for _ in client.infer(picture, budget_ms=_BUDGET_MS, resolution="quarter"):
                pass
        except Refused as refused:
            await asyncio.sleep(max(refused.retry_after_ms, 1.0) / 1e3)


if __name__ == "__main__":
    asyncio.run(_keep_busy(sys.argv[1], Path(sys.argv[2]).read_bytes()))
