"""Deadlines: pictures times budgets, one at a time and from several clients at once.

Every admitted request should be handed over within its budget, with the deepest exit that was complete.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from benchmarks.asking import ask, ask_on, least_ms, refinements, usual_ms
from benchmarks.material import HEIGHT, WIDTH, count, pictures
from benchmarks.measured import Measured, serving_facts
from benchmarks.server_process import beside, serving

from interim.client import AsyncClient
from interim.loadtest.promises import Check, deadline_checks
from interim.loadtest.quantiles import spread
from interim.loadtest.streams import Streams
from interim.loadtest.summary import summarise

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Sequence

    from benchmarks.server_process import RunningServer

    from interim.loadtest.outcome import Outcome

_COUNTED_S = 0.3  # an answer is counted just after it was sent

Pair = tuple[bytes, float]
"""One request: the picture, and its budget in milliseconds."""


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument(
        "--images", metavar="N", type=count, default=100, help="pictures (default: %(default)s)"
    )
    parser.add_argument(
        "--budgets", metavar="N", type=count, default=6, help="budgets a picture (default: %(default)s)"
    )
    parser.add_argument(
        "--clients", metavar="N", type=count, default=8, help="clients at once (default: %(default)s)"
    )
    parser.add_argument(
        "--rounds",
        metavar="N",
        type=count,
        default=3,
        help="how often clients at once ask for all of it: most is refused, and a p99 wants hundreds"
        " (default: %(default)s)",
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own."""
    with serving("--warm-sizes", f"{HEIGHT}x{WIDTH}", *asked.server) as server, beside(server):
        return asyncio.run(_measure(server, asked))


async def _measure(server: RunningServer, asked: argparse.Namespace) -> Measured:
    sent, what = pictures(asked.data, 5 if asked.quick else asked.images)
    async with AsyncClient(server.target) as client:
        full_ms = await usual_ms(client, sent[:5])
        tight_ms = 1.1 * await least_ms(client, sent[0], high_ms=full_ms)
        budgets = _ladder(tight_ms, 1.5 * full_ms, 3 if asked.quick else asked.budgets)
        status = await client.status()
        alone = await _Phase.run(server, _alone(client, sent, budgets))
    pairs = [
        (picture, budget_ms)
        for _ in range(1 if asked.quick else asked.rounds)
        for picture in sent
        for budget_ms in budgets
    ]
    together = await _Phase.run(server, _together(server.target, pairs, asked.clients))
    settings = f"{len(sent)} pictures ({what}) x budgets of {', '.join(f'{ms:.1f}' for ms in budgets)} ms"
    lines = (
        settings,
        "",
        "one at a time",
        *alone.lines(),
        "",
        f"{asked.clients} clients at once",
        *together.lines(),
    )
    figures = {"pictures": len(sent), "what": what, "budgets_ms": budgets, "full_ms": full_ms}
    return Measured(
        lines=lines,
        figures={**figures, "alone": alone.figures(), "together": together.figures()},
        checks=(*alone.checks("alone"), *together.checks("together")),
        server=serving_facts(status),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one phase sent: the requests that count, and exits of others that the server counts as well.

    `shallower`: answers with an exit that the same picture, unhurried, had passed by then; None: not known.
    """

    outcomes: list[Outcome]
    others: list[int]
    shallower: int | None


class _Phase:
    """One way of asking, beside the exits that the server's own metrics counted meanwhile."""

    def __init__(self, asked: Asked, counted: Counter[int]) -> None:
        self._asked = asked
        self._counted = counted
        self._summary = summarise(asked.outcomes)
        by_deadline = [outcome for outcome in asked.outcomes if outcome.reason == "DEADLINE"]
        self._over_ms = spread(-outcome.server_slack_ms for outcome in by_deadline)

    @classmethod
    async def run(cls, server: RunningServer, asking: Awaitable[Asked]) -> _Phase:
        before = Counter(server.exits_reached())
        asked = await asking
        await asyncio.sleep(_COUNTED_S)
        return cls(asked, Counter(server.exits_reached()) - before)

    def lines(self) -> list[str]:
        lines = self._summary.as_table().splitlines()
        lines.append(f"{'ended by the deadline':<22} handed over {_signed(self._over_ms)} ms after it")
        if self._asked.shallower is not None:
            text = f"{self._asked.shallower} (than the same picture, unhurried, had reached by then)"
            lines.append(f"{'shallower':<22} {text}")
        return lines

    def figures(self) -> dict[str, Any]:
        own = {"over_ms_at_deadline": self._over_ms, "exits_by_metrics": self._counted}
        return {**self._summary.as_json(), **own, "shallower": self._asked.shallower}

    def checks(self, phase: str) -> list[Check]:
        exits = Counter(outcome.exit for outcome in self._asked.outcomes if outcome.admitted)
        exits.update(self._asked.others)
        differing = (exits - self._counted).total() + (self._counted - exits).total()
        told = Check(promise="answers that /metrics counts otherwise", measured=differing, limit=0)
        return [
            dataclasses.replace(check, promise=f"{phase}: {check.promise}")
            for check in (*deadline_checks(self._asked.outcomes), told)
        ]


async def _alone(client: AsyncClient, sent: Sequence[bytes], budgets: Sequence[float]) -> Asked:
    """Each picture unhurried first, then under every budget, in an order of its own."""
    random, outcomes, others, shallower = Random(1), [], [], 0
    for picture in sent:
        unhurried = await refinements(client, picture)
        others.append(unhurried[-1].exit)
        for budget_ms in random.sample(budgets, len(budgets)):
            outcome = await ask(client, picture, budget_ms)
            reached = max((one.exit for one in unhurried if one.elapsed_ms <= budget_ms), default=0)
            shallower += outcome.admitted and outcome.exit < reached
            outcomes.append(outcome)
            await _pause(outcome)
    return Asked(outcomes=outcomes, others=others, shallower=shallower)


async def _together(target: str, pairs: list[Pair], clients: int) -> Asked:
    """`pairs`, dealt out to clients that each have one stream open and wait for one answer at a time."""
    pairs = Random(2).sample(pairs, len(pairs))
    connected = asyncio.Barrier(clients)

    async def in_turn(share: Sequence[Pair]) -> list[Outcome]:
        outcomes = []
        async with AsyncClient(target) as client, Streams(client, count=1) as stream:
            await client.models()
            await connected.wait()
            for picture, budget_ms in share:
                outcomes.append(await ask_on(stream, picture, budget_ms))
                await _pause(outcomes[-1])
        return outcomes

    shares = await asyncio.gather(*(in_turn(pairs[first::clients]) for first in range(clients)))
    return Asked(outcomes=[one for share in shares for one in share], others=[], shallower=None)


async def _pause(outcome: Outcome) -> None:
    """A refused client asks again when its answer would have been due, not at once."""
    if not outcome.admitted:
        await asyncio.sleep(max(0.0, outcome.slack_ms) / 1e3)


def _ladder(low: float, high: float, steps: int) -> list[float]:
    """Budgets from tight to generous, each the same factor above the one before."""
    high = max(high, 2 * low)
    return [low * (high / low) ** (step / max(steps - 1, 1)) for step in range(steps)]


def _signed(over_ms: dict[str, float | None]) -> str:
    return (
        ", ".join(f"{name} {value:+.2f}" for name, value in over_ms.items() if value is not None) or "nothing"
    )
