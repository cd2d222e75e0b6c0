"""Keeps a server computing, from a process of its own: unhurried requests, two at a time, until it is ended.

python -m benchmarks.busy HOST:PORT PICTURE, which `computing` does for as long as a `with` lasts.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.host import ROOT

from interim.client import AsyncClient, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT_ONCE = 2  # the next one waits already when the server has ended one
_BUDGET_MS = 30_000.0


@contextmanager
def computing(target: str, picture: bytes) -> Iterator[None]:
    """Another process keeps the server computing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jpg"
        path.write_bytes(picture)
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.busy", target, str(path)], cwd=ROOT)
        try:
            yield
        finally:
            process.kill()
            process.wait()


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
