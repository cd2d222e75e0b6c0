"""Overhead: whole requests with a generous budget against the bare loop, picture by picture, interleaved.

The server's time is its own `elapsed_ms` of the final message: from the picture's arrival to the hand-over
of the last of all exits' full-resolution masks.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.asking import refinements
from benchmarks.host import ROOT
from benchmarks.material import HEIGHT, WIDTH, count, pictures
from benchmarks.measured import Measured, serving_facts
from benchmarks.server_process import ServerError, serving

from interim.client import AsyncClient, Reason
from interim.loadtest.promises import Check
from interim.loadtest.quantiles import spread
from interim.server.front.cores import environment

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from benchmarks.server_process import RunningServer

    from interim.client import Worker

FACTOR, CONSTANT_MS = 1.10, 3.0
_WARM = 5

Pair = tuple[float, float]
"""Milliseconds for one picture: through the server, in the bare loop."""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--images", metavar="N", type=count, default=100, help="pictures (default: %(default)s)"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own."""
    with serving("--warm-sizes", f"{HEIGHT}x{WIDTH}", *asked.server) as server:
        return asyncio.run(_measure(server, asked))


async def _measure(server: RunningServer, asked: argparse.Namespace) -> Measured:
    sent, what = pictures(asked.data, 5 if asked.quick else asked.images)
    async with AsyncClient(server.target) as client:
        status = await client.status()
        with _bare_loop(status.workers[0], _model(asked.server)) as bare:
            pairs, shorter = await _pairs(client, bare, sent)
    facts = serving_facts(status)
    if bare.dtype != facts["dtype"]:
        raise ServerError(f"the bare loop ran {bare.dtype}, the server {facts['dtype']}: nothing is compared")
    if not pairs:
        raise ServerError("no request ended with the last exit: there is nothing to compare")
    served_ms, bare_ms = (median(column) for column in zip(*pairs, strict=True))
    return Measured(
        lines=(
            f"{len(pairs)} pictures ({what}), all exits, full masks; {shorter} left out that ended before the last exit",
            f"{'whole request':<22} median {served_ms:.1f} ms",
            f"{'bare loop':<22} median {bare_ms:.1f} ms",
            f"{'ratio':<22} {served_ms / bare_ms:.3f}",
            f"{'difference, paired':<22} median {median(a - b for a, b in pairs):.2f} ms",
        ),
        figures={
            "pictures": len(pairs),
            "request_ms": spread((a for a, _ in pairs), 0.1, 0.5, 0.9),
            "bare_ms": spread((b for _, b in pairs), 0.1, 0.5, 0.9),
            "ratio": served_ms / bare_ms,
            "difference_ms": median(a - b for a, b in pairs),
        },
        checks=(
            Check(
                promise=f"median whole request, ms (limit: {FACTOR:g} x the bare loop's + {CONSTANT_MS:g} ms)",
                measured=served_ms,
                limit=FACTOR * bare_ms + CONSTANT_MS,
            ),
        ),
        server=facts,
    )


class _Bare:
    """The other process: asked for one picture at a time."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self.dtype = self._line().split()[0]

    def milliseconds(self, picture: bytes) -> float:
        path = self._folder / "picture"
        path.write_bytes(picture)
        assert self._process.stdin is not None
        print(path, file=self._process.stdin, flush=True)
        return float(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ServerError(f"the bare loop ended with status {self._process.wait()}")
        return line


@contextmanager
def _bare_loop(worker: Worker, model: str) -> Iterator[_Bare]:
    words = {
        "--model": model,
        "--device": worker.device,
        "--masking": "on" if worker.masking else "off",
        "--threads": str(worker.threads),
    }
    command = [
        sys.executable,
        "-m",
        "benchmarks.bare_loop",
        *(word for pair in words.items() for word in pair),
    ]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment(worker.threads)},
        )
        try:
            yield _Bare(process, Path(folder))
        finally:
            process.kill()
            process.wait()


def _model(server_words: Sequence[str]) -> str:
    """What the server was told to serve, for the bare loop to load likewise."""
    words = [part for word in server_words for part in word.split("=", 1)]
    return words[words.index("--model") + 1] if "--model" in words else "default"


async def _pairs(client: AsyncClient, bare: _Bare, sent: Sequence[bytes]) -> tuple[list[Pair], int]:
    """Server and bare loop in turn, the first of the two changing; the first few pictures only warm up."""
    pairs, shorter = [], 0
    for turn, picture in enumerate([*sent[:_WARM], *sent]):
        bare_ms = bare.milliseconds(picture) if turn % 2 else 0.0
        final = (await refinements(client, picture))[-1]
        bare_ms = bare_ms or bare.milliseconds(picture)
        if turn < _WARM:
            continue
        if final.reason is Reason.FINAL_EXIT:
            pairs.append((final.elapsed_ms, bare_ms))
        else:
            shorter += 1
    return pairs, shorter
