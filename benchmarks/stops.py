"""Stops: how soon the final message leaves when the client wants the newest exit, while the device computes.

One frame at a time on one open session, stopped at a random instant after its first refinement. *By the
server*: from the stop, or the end of exit 1 where that came later, to the hand-over of the final, from the
histogram `interim_stop_seconds`. *By the client*: from the stop's sending to the final's receipt. The *floor* is
a revision of the frame that has just ended: the front alone answers it, at once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from benchmarks.asking import usual_ms
from benchmarks.busy import computing
from benchmarks.material import HEIGHT, WIDTH, count, pictures
from benchmarks.measured import Measured, in_ms, serving_facts
from benchmarks.server_process import beside, serving

from interim.client import AsyncClient, Reason, Rejection, Revision
from interim.loadtest.promises import Check
from interim.loadtest.quantiles import spread

if TYPE_CHECKING:
    import argparse

    from benchmarks.server_process import RunningServer

    from interim.client import AsyncSession

LIMIT_MS = 2.0
_BUDGET_MS = 10_000.0
_GAP_S = (0.003, 0.03)
_LONGEST_S = 0.03
_SETTLE_S = 1.0


@dataclass(slots=True, kw_only=True)
class Stops:
    """What was seen; times in milliseconds."""

    stopped_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    unstopped: int = 0  # were done before the stop was heard
    behind: int = 0  # finals with a shallower exit than one streamed before


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument("--stops", metavar="N", type=count, default=1000, help="(default: %(default)s)")


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own."""
    with serving("--warm-sizes", f"{HEIGHT}x{WIDTH}", *asked.server) as server, beside(server):
        return asyncio.run(_measure(server, asked))


async def _measure(server: RunningServer, asked: argparse.Namespace) -> Measured:
    [picture], _ = pictures(asked.data, 1)
    number = 30 if asked.quick else asked.stops
    clock = asyncio.get_running_loop().time
    async with AsyncClient(server.target) as client:
        await usual_ms(client, [picture])
        with computing(server.target, picture):
            await asyncio.sleep(_SETTLE_S)
            begun_s, computed_s, before = clock(), server.stage_seconds(), server.stops()
            seen = await _stop_all(client, picture, number)
            share = (server.stage_seconds() - computed_s) / (clock() - begun_s)
            heard, in_time = (now - then for now, then in zip(server.stops(), before, strict=True))
        status = await client.status()
    in_time_share = in_time / heard if heard else None
    by_client, floor = spread(seen.stopped_ms), spread(seen.floor_ms)
    return Measured(
        lines=(
            f"{number} frames, {seen.unstopped} of them done before they were stopped; a stage ran {100 * share:.0f} % of the time",
            f"{'by the server':<22} {in_time:.0f} of {heard:.0f} finals left within {LIMIT_MS:g} ms",
            f"{'by the client':<22} {in_ms(by_client)}",
            f"{'floor':<22} {in_ms(floor)}",
        ),
        figures={
            "stops": number,
            "unstopped": seen.unstopped,
            "in_time": in_time_share,
            "client_ms": by_client,
            "floor_ms": floor,
            "computing": share,
        },
        checks=(
            Check(
                promise="finals that left within 2 ms of a stop, as the server sees it",
                measured=in_time_share,
                limit=0.99,
                least=True,
            ),
            Check(promise="finals that were not the newest exit", measured=seen.behind, limit=0),
            Check(promise="share of the time a stage ran", measured=share, limit=0.5, least=True),
        ),
        server=serving_facts(status),
    )


async def _stop_all(client: AsyncClient, picture: bytes, number: int) -> Stops:
    random, stops = Random(1), Stops()
    async with client.session(newest_wins=False) as session:
        for _ in range(number):
            await asyncio.sleep(random.uniform(*_GAP_S))
            request_id = session.send(picture, budget_ms=_BUDGET_MS)
            await _stop(session, request_id, random.uniform(0.0, _LONGEST_S), stops)
            stops.floor_ms.append(await _floor_ms(session, request_id))
    return stops


async def _stop(session: AsyncSession, request_id: str, after_s: float, stops: Stops) -> None:
    """Stops one frame so long after its first refinement, and reads on to its final and the word on the stop."""
    loop = asyncio.get_running_loop()
    told_s, newest, awaited = 0.0, 0, 2
    timer: asyncio.TimerHandle | None = None

    def stop() -> None:
        nonlocal told_s
        told_s = loop.time()
        session.stop(request_id)

    async for answer in session:
        if isinstance(answer, Rejection):
            raise answer.error
        if isinstance(answer, Revision):
            awaited -= 1
        elif not answer.final:
            timer = timer or loop.call_later(after_s, stop)
            newest = answer.exit
        else:
            awaited -= 1
            stops.behind += answer.exit < newest
            if answer.reason is Reason.CLIENT_STOP:
                stops.stopped_ms.append((loop.time() - told_s) * 1e3)
            else:
                stops.unstopped += 1
            if not told_s:  # it was done before
                if timer is not None:
                    timer.cancel()
                return
        if not awaited:
            return


async def _floor_ms(session: AsyncSession, request_id: str) -> float:
    """How long an answer takes that the front alone gives: to a revision of what has ended, in milliseconds."""
    begun_s = asyncio.get_running_loop().time()
    session.revise(request_id, remaining_ms=1.0)
    async for answer in session:
        if isinstance(answer, Revision):
            break
    return (asyncio.get_running_loop().time() - begun_s) * 1e3
