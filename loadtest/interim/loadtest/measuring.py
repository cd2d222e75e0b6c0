"""Measures what a server carries, through it: unhurried requests alone, as many as it takes, then hurried ones.

What is compared is measured by turns, as machines are faster and slower by the second.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from interim.client import AsyncClient, Reason, Refused, Unavailable
from interim.client.picture import read_pixels
from interim.loadtest.carried import UNHURRIED_MS, Carried, carry, keep_asking
from interim.loadtest.costs import Costs
from interim.loadtest.seen import Passage, as_seen, stage_runs_s

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.client import Model, Refinement
    from interim.client.request import ImageSource

    Runs = Sequence[Sequence[Refinement]]

MOST_PICTURES = 16  # that are looked at one by one
RUNS = 5  # of each, and
RAW_RUNS = 2  # more as pixels, which need no decoding
_TURNS = 4
_LEAST_STAGE_MS = 0.01
_LEAST_RATIO = 0.5
_HALVINGS = 9
_HURRIED_RUNS = (0.5, 4.0)  # budgets while the margin is looked for, in full runs


async def measure(
    server: str,
    pictures: Sequence[bytes],
    *,
    model: str = "",
    seconds: float = 4.0,
    done: Callable[[], object] = lambda: None,
) -> Costs:
    """What the stages of each picture take, what lies before and after them, and what the server carries.

    Args:
        server: Its address; nobody else should use it meanwhile.
        pictures: Encoded images; the first few are looked at one by one.
        model: Its name; empty: the server's default.
        seconds: How long each of the two rates, and hurried requests, are measured.
        done: Is called after each of `steps(pictures)` steps.

    Raises:
        InterimError: The server does not answer.
    """
    async with AsyncClient(server) as client:
        known = await client.model(model)
        await _unhurried(client, pictures[0], model)  # the first of a size is measured by the server itself
        alone = Alone()
        for picture in pictures[:MOST_PICTURES]:
            alone.runs.append([await _unhurried(client, picture, model) for _ in range(RUNS)])
            pixels = read_pixels(picture)
            for _ in range(RAW_RUNS):
                alone.raw.append(await _unhurried(client, pixels, model, max_exit=1))
            done()
        exit1, full = Carried(), Carried()
        for _ in range(_TURNS):
            for max_exit, carried in ((1, exit1), (0, full)):
                await carry(carried, client, pictures, seconds / _TURNS, model=model, max_exit=max_exit)
            done()
        hurried = await _hurry(client, pictures, model, alone, seconds)
        done()
    return _costs(known, alone, (exit1, full), hurried)


def steps(pictures: Sequence[bytes]) -> int:
    """How many steps a measurement has."""
    return min(len(pictures), MOST_PICTURES) + _TURNS + 1


@dataclass(slots=True, kw_only=True)
class Alone:
    """Unhurried requests one by one: by picture, the refinements of each run; and of runs without decoding."""

    runs: list[Runs] = field(default_factory=list)
    raw: list[Sequence[Refinement]] = field(default_factory=list)

    @property
    def full_ms(self) -> float:
        """What a full run takes, as the server says."""
        return median(run[-1].elapsed_ms for each in self.runs for run in each)

    @property
    def ready_ms(self) -> float:
        """What decoding takes, about."""
        encoded = median(run[0].elapsed_ms for each in self.runs for run in each)
        return max(encoded - median(run[0].elapsed_ms for run in self.raw), 0.0)


@dataclass(slots=True, kw_only=True)
class Hurried:
    """Requests with deadlines on a busy server.

    Attributes:
        passages: How they went.
        left_ms: What was left at deadlines.
        least_ms: The least budget with hope.
    """

    passages: list[Passage] = field(default_factory=list)
    left_ms: list[float] = field(default_factory=list)
    least_ms: float = 0.0

    def ended(self, sent_s: float, answers: Sequence[Refinement], ready_ms: float) -> None:
        """Notes a request that was sent then, and all that came of it."""
        final = answers[-1]
        if final.reason is Reason.DEADLINE and final.exit:
            self.left_ms.append(final.remaining_ms)
        first = {each.exit: sent_s + each.elapsed_ms / 1e3 for each in reversed(answers) if each.exit}
        self.passages.append(Passage(ready_s=sent_s + ready_ms / 1e3, exits=tuple(sorted(first.items()))))


def _costs(known: Model, alone: Alone, carried: tuple[Carried, Carried], hurried: Hurried) -> Costs:
    exit1, full = carried
    first_ms = 1e3 / exit1.hz
    # All but decoding: half of it before stage 1, half after.
    around_ms = max(median(run[0].elapsed_ms for run in alone.raw) - first_ms, 0.0)
    before_ms = first_ms + around_ms / 2
    pictures, noise = _stages(alone.runs, first_ms=first_ms, full_ms=1e3 / full.hz)
    costs = Costs(
        model=known.name,
        quality=_quality(known),
        exit1_hz=exit1.hz,
        full_hz=full.hz,
        full_ms=alone.full_ms,
        pictures=pictures,
        shares=tuple(_shares(each) for each in alone.runs),
        noise=(_ratios(exit1.gaps_ms), *noise),
        ready_ms=tuple(max(run[0].elapsed_ms - before_ms, 0.0) for each in alone.runs for run in each),
        after_ms=around_ms / 2,
        margin_ms=around_ms / 2,
        least_ms=hurried.least_ms,
    )
    return as_seen(costs, stage_runs_s(hurried.passages), hurried.left_ms)


async def _unhurried(
    client: AsyncClient, picture: ImageSource, model: str, **options: Any
) -> list[Refinement]:
    """Every refinement of a picture that may take its time."""
    answers = client.infer(picture, budget_ms=UNHURRIED_MS, model=model, **options)
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


def _stages(
    runs: Sequence[Runs], *, first_ms: float, full_ms: float
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """By picture, what its stages take of the device; by stage after the first, what runs took of that.

    Seen one at a time, a stage bears a hand-over that others' work hides: all stages after the first are
    shortened alike, so that with the first they take what the rates say.
    """
    seen = [[stages(run) for run in each] for each in runs]
    means = [[fmean(times) for times in zip(*each, strict=True)] for each in seen]
    later_ms = fmean(sum(mean[1:]) for mean in means)
    factor = (full_ms - first_ms) / later_ms if full_ms > first_ms and later_ms > 0.0 else 1.0
    pictures = tuple((first_ms, *(max(ms * factor, _LEAST_STAGE_MS) for ms in mean[1:])) for mean in means)
    noise = tuple(
        tuple(
            max(run[stage] / max(mean[stage], _LEAST_STAGE_MS), _LEAST_RATIO)
            for each, mean in zip(seen, means, strict=True)
            for run in each
        )
        for stage in range(1, len(means[0]))
    )
    return pictures, noise


def _shares(runs: Runs) -> tuple[float, ...]:
    """The share of positions that each stage refines: what the exit before left."""
    left = {each.exit: each.active_share for run in runs for each in run}
    exits = runs[0][-1].exits
    return (1.0, *(left.get(exit_, 0.0) for exit_ in range(1, exits)))


def _ratios(gaps_ms: Sequence[float]) -> tuple[float, ...]:
    mean = fmean(gaps_ms)
    return tuple(max(gap / mean, _LEAST_RATIO) for gap in gaps_ms)


async def _hurry(
    client: AsyncClient, pictures: Sequence[bytes], model: str, alone: Alone, seconds: float
) -> Hurried:
    """Requests with deadlines, some always waiting; in their second half the least budget with hope is sought."""
    loop = asyncio.get_running_loop()
    seen = Hurried()
    random = Random(1)

    async def ask(picture: bytes) -> None:
        sent_s, budget_ms = loop.time(), alone.full_ms * random.uniform(*_HURRIED_RUNS)
        answers = client.infer(picture, budget_ms=budget_ms, model=model)
        seen.ended(sent_s, [each async for each in answers], alone.ready_ms)

    async def seek() -> None:
        await asyncio.sleep(seconds / 2)
        seen.least_ms = await _least_ms(client, pictures[0], model, 2.0 * alone.full_ms)

    await asyncio.gather(seek(), keep_asking(ask, pictures, seconds))
    return seen


async def _least_ms(client: AsyncClient, picture: bytes, model: str, high_ms: float) -> float:
    """The least budget that is not hopeless, whatever else is to be done: it is admitted, or to be tried again."""
    low_ms = 0.0
    for _ in range(_HALVINGS):
        middle_ms = (low_ms + high_ms) / 2
        hopeless = await _is_hopeless(client, picture, model, middle_ms)
        low_ms, high_ms = (middle_ms, high_ms) if hopeless else (low_ms, middle_ms)
    return high_ms


async def _is_hopeless(client: AsyncClient, picture: bytes, model: str, budget_ms: float) -> bool:
    """Whether a budget is refused without a word of trying again; what is said while costs are in doubt is tried."""
    for _ in range(2):
        try:
            async for _ in client.infer(picture, budget_ms=budget_ms, model=model, max_exit=1):
                pass
        except Refused as refused:
            if not refused.retry_after_ms:
                return True
            await asyncio.sleep(refused.retry_after_ms / 1e3)
        else:
            break
    return False


def _quality(model: Model) -> tuple[float, ...]:
    known = [one.quality for one in model.exits if one.quality is not None]
    return tuple(known) if len(known) == len(model.exits) else ()
