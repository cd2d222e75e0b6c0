"""Verdicts: how soon a request that cannot be met is told so, while the device computes.

Measured from outside, on one open session, one probe at a time at random instants. A *verdict* is a
request whose budget not even exit 1 can meet: the front asks the engine's admission, which refuses. The
*floor* is a request for a model that does not exist: the front alone answers, so it costs transport and
parsing but no verdict. Both carry the same picture and alternate. The verdict's time is what the client
saw, less the floor's median on the idle server; where other processes share the client's processors, the
floor itself rises, and what the verdict adds is the difference of the two under the same load.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.asking import usual_ms
from benchmarks.busy import computing
from benchmarks.material import HEIGHT, WIDTH, count, pictures
from benchmarks.measured import Measured, Spread, in_ms, serving_facts
from benchmarks.server_process import beside, serving

from interim.client import AsyncClient, Refused, Rejection, UnknownModel
from interim.loadtest.promises import Check
from interim.loadtest.quantiles import spread

if TYPE_CHECKING:
    import argparse

    from benchmarks.server_process import RunningServer

    from interim.client import AsyncSession

LIMIT_MS = 3.0
_NOBODY = "no-such-model"
_GAP_S = (0.003, 0.03)
_SETTLE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """Times in milliseconds as the client saw them, and what share of the time the device computed."""

    floor: Spread
    verdict: Spread
    admitted: int
    computing: float
    in_time: float  # share of verdicts within 3 ms of arrival, as the server saw them


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--probes", metavar="N", type=count, default=500, help="of each kind (default: %(default)s)"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own."""
    with serving("--warm-sizes", f"{HEIGHT}x{WIDTH}", *asked.server) as server, beside(server):
        return asyncio.run(_measure(server, asked))


async def _measure(server: RunningServer, asked: argparse.Namespace) -> Measured:
    [picture], _ = pictures(asked.data, 1)
    probes = 40 if asked.quick else asked.probes
    async with AsyncClient(server.target) as client:
        first_ms = await usual_ms(client, [picture] * 3, max_exit=1)
        impossible_ms = first_ms / 2
        idle = await _probe(server, client, picture, impossible_ms, probes)
        with computing(server.target, picture):
            await asyncio.sleep(_SETTLE_S)
            busy = await _probe(server, client, picture, impossible_ms, probes)
        status = await client.status()
    floor_ms, seen_ms = idle.floor["p50"], busy.verdict["p99"]
    verdict_ms = None if floor_ms is None or seen_ms is None else seen_ms - floor_ms
    busy_ms = busy.floor["p99"]
    added_ms = None if busy_ms is None or seen_ms is None else seen_ms - busy_ms
    return Measured(
        lines=(
            f"{probes} probes of each kind; exit 1 takes {first_ms:.1f} ms, the impossible budget is {impossible_ms:.1f} ms",
            *_lines("idle", idle),
            *_lines("computing", busy),
            f"{'computing, verdict':<22} p99 less the idle floor's median: {verdict_ms or 0.0:.2f} ms",
        ),
        figures={
            "probes": probes,
            "idle": _plain(idle),
            "computing": _plain(busy),
            "verdict_p99_ms": verdict_ms,
            "verdict_added_ms": added_ms,
        },
        checks=(
            Check(
                promise="verdict while a stage runs, as the client sees it: p99 less the floor's p99 meanwhile, ms",
                measured=added_ms,
                limit=LIMIT_MS,
            ),
            Check(
                promise="verdicts within 3 ms of arrival while a stage runs, as the server sees it",
                measured=busy.in_time,
                limit=0.99,
                least=True,
            ),
            Check(promise="share of the time a stage ran", measured=busy.computing, limit=0.5, least=True),
            Check(promise="impossible requests admitted", measured=idle.admitted + busy.admitted, limit=0),
        ),
        server=serving_facts(status),
    )


async def _probe(
    server: RunningServer, client: AsyncClient, picture: bytes, impossible_ms: float, probes: int
) -> Probes:
    loop, random = asyncio.get_running_loop(), Random(1)
    computed_s, begun_s, before = server.stage_seconds(), loop.time(), server.verdicts()
    floor, verdict, admitted = [], [], 0
    async with client.session(newest_wins=False) as session:
        for _ in range(probes):
            await asyncio.sleep(random.uniform(*_GAP_S))
            floor.append(await _rejected(session, picture, model=_NOBODY, budget_ms=impossible_ms))
            await asyncio.sleep(random.uniform(*_GAP_S))
            seen_ms = await _rejected(session, picture, budget_ms=impossible_ms)
            admitted += seen_ms is None
            verdict.append(seen_ms)
    took_s, after = loop.time() - begun_s, server.verdicts()
    return Probes(
        floor=spread(ms for ms in floor if ms is not None),
        verdict=spread(ms for ms in verdict if ms is not None),
        admitted=admitted,
        computing=(server.stage_seconds() - computed_s) / took_s,
        in_time=(after[1] - before[1]) / max(after[0] - before[0], 1.0),
    )


async def _rejected(session: AsyncSession, picture: bytes, **options: Any) -> float | None:
    """How long one probe's rejection took, in milliseconds; None where it was admitted."""
    request_id = session.send(picture, **options)
    async for answer in session:
        if isinstance(answer, Rejection):
            if not isinstance(answer.error, Refused | UnknownModel):
                raise answer.error
            return answer.seen_ms
        if answer.request_id == request_id and getattr(answer, "final", False):
            return None
    return None


def _lines(name: str, probes: Probes) -> list[str]:
    return [
        f"{name + ', floor':<22} {in_ms(probes.floor)}",
        f"{name + ', verdict':<22} {in_ms(probes.verdict)} (a stage ran {100 * probes.computing:.0f} % of the time)",
    ]


def _plain(probes: Probes) -> dict[str, Any]:
    return {
        "floor_ms": probes.floor,
        "verdict_ms": probes.verdict,
        "computing": probes.computing,
        "in_time": probes.in_time,
    }
