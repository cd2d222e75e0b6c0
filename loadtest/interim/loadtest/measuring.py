"""Measures what a server can carry, through the server: unhurried requests alone, then as many as it takes."""

from __future__ import annotations

import asyncio
from statistics import fmean, median
from typing import TYPE_CHECKING

from interim.client import AsyncClient, Refused, Unavailable
from interim.loadtest.costs import Costs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.client import Model, Refinement

UNHURRIED_MS = 60_000.0
MOST_PICTURES = 16  # that are looked at one by one
RUNS = 5  # of each
_AT_ONCE = 4  # enough that the next one always waits when one ends
_LEAST_STAGE_MS = 0.01


async def measure(
    server: str,
    pictures: Sequence[bytes],
    *,
    model: str = "",
    seconds: float = 4.0,
    done: Callable[[], object] = lambda: None,
) -> Costs:
    """What the stages of each picture take, and how many requests a second the server carries.

    Args:
        server: Its address; nobody else should use it meanwhile.
        pictures: Encoded images; the first few are looked at one by one.
        model: Its name; empty: the server's default.
        seconds: How long each of the two rates is measured.
        done: Is called after each of `steps(pictures)` steps.

    Raises:
        InterimError: The server does not answer.
    """
    async with AsyncClient(server) as client:
        known = await client.model(model)
        await _unhurried(client, pictures[0], model)  # the first of a size is measured by the server itself
        runs: list[tuple[tuple[float, ...], ...]] = []
        firsts: list[float] = []
        fulls: list[float] = []
        for picture in pictures[:MOST_PICTURES]:
            seen = [await _unhurried(client, picture, model) for _ in range(RUNS)]
            runs.append(tuple(stages(refinements) for refinements in seen))
            firsts += [refinements[0].elapsed_ms for refinements in seen]
            fulls += [refinements[-1].elapsed_ms for refinements in seen]
            done()
        rates = []
        for max_exit in (1, 0):
            rates.append(await _carried_hz(client, pictures, model, max_exit, seconds))
            done()
    exit1_hz, full_hz = rates
    overhead_ms = max(median(firsts) - 1e3 / exit1_hz, 0.0)
    return Costs(
        model=known.name,
        quality=_quality(known),
        exit1_hz=exit1_hz,
        full_hz=full_hz,
        full_ms=median(fulls),
        overhead_ms=overhead_ms,
        pictures=_on_device(runs, overhead_ms, first_ms=1e3 / exit1_hz, full_ms=1e3 / full_hz),
    )


def steps(pictures: Sequence[bytes]) -> int:
    """How many steps a measurement has."""
    return min(len(pictures), MOST_PICTURES) + 2


async def _unhurried(client: AsyncClient, picture: bytes, model: str) -> list[Refinement]:
    """Every refinement of a picture that may take its time."""
    answers = client.infer(picture, budget_ms=UNHURRIED_MS, model=model)
    refinements = {each.exit: each async for each in answers if each.exit}
    if not refinements:
        raise Unavailable("the server ended an unhurried request without any exit")
    return [refinements[exit_] for exit_ in sorted(refinements)]


def stages(refinements: Sequence[Refinement]) -> tuple[float, ...]:
    """What each stage took, by the instants its exit was handed over; the first with all that came before.

    An exit that a newer one overtook on its way shares the time of that one; exits after the last cost nothing.
    """
    spent_ms: list[float] = []
    before_ms = 0.0
    for each in refinements:
        skipped = each.exit - len(spent_ms)
        spent_ms += [(each.elapsed_ms - before_ms) / skipped] * skipped
        before_ms = each.elapsed_ms
    return (*spent_ms, *([0.0] * (refinements[-1].exits - len(spent_ms))))


def _on_device(
    pictures: Sequence[Sequence[tuple[float, ...]]], overhead_ms: float, *, first_ms: float, full_ms: float
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """What stages take of the device: seen one at a time, each bears a hand-over that others' work hides.

    All stages after the first are shortened alike, so that with the first they take what the rates say.
    """
    later_ms = fmean(sum(run[1:]) for runs in pictures for run in runs)
    factor = (full_ms - first_ms) / later_ms if full_ms > first_ms and later_ms > 0.0 else 1.0
    return tuple(
        tuple(
            tuple(
                max(ms, _LEAST_STAGE_MS)
                for ms in (run[0] - overhead_ms, *(each * factor for each in run[1:]))
            )
            for run in runs
        )
        for runs in pictures
    )


async def _carried_hz(
    client: AsyncClient, pictures: Sequence[bytes], model: str, max_exit: int, seconds: float
) -> float:
    """Requests a second while some always wait, none of them hurried."""
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    ends: list[float] = []

    async def one_after_another(first: int) -> None:
        place = first
        while loop.time() < begin_s + seconds:
            picture = pictures[place % len(pictures)]
            try:
                async for _ in client.infer(picture, budget_ms=UNHURRIED_MS, model=model, max_exit=max_exit):
                    pass
            except Refused as refused:
                await asyncio.sleep(max(refused.retry_after_ms, 1.0) / 1e3)
            else:
                ends.append(loop.time())
            place += _AT_ONCE

    await asyncio.gather(*(one_after_another(first) for first in range(_AT_ONCE)))
    if len(ends) < 2:
        raise Unavailable(f"the server carried fewer than two requests in {seconds:g} s: measure longer")
    return (len(ends) - 1) / (ends[-1] - ends[0])


def _quality(model: Model) -> tuple[float, ...]:
    known = [one.quality for one in model.exits if one.quality is not None]
    return tuple(known) if len(known) == len(model.exits) else ()
