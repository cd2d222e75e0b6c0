"""The requests of one run, drawn from a scenario and its seed before the first is sent."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from random import Random
from typing import TYPE_CHECKING

from interim.loadtest.entries import ScenarioError
from interim.loadtest.traffic import RequestClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interim.loadtest.traffic import Revisions, Traffic


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The client moves the deadline, `at_ms` after the request's send, to `total_ms` after it."""

    at_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One request to send: when (seconds from the run's start), and how long it may take.

    Attributes:
        index: From 0, in the order of sending.
        send_s: When it is to be sent.
        budget_ms: How long it may take.
        request_class: Its class; empty: none.
        max_exit: The last exit wanted; 0: the model's.
        picture: Which picture (modulo how many there are); None: by its index.
        stream: Which long-lived stream it goes on; None: one of its own.
        move: A revision in flight; void once the request has ended.
        cancel_ms: When it is cancelled, after its send; None: never.
        pause_ms: How long its reader waits before it takes each message.
    """

    index: int
    send_s: float
    budget_ms: float
    request_class: str = ""
    max_exit: int = 0
    picture: int | None = None
    stream: int | None = None
    move: Move | None = None
    cancel_ms: float | None = None
    pause_ms: float = 0.0

    @property
    def dealt(self) -> int:
        """The picture it carries (modulo how many there are), on a server as in the simulator."""
        return self.index if self.picture is None else self.picture


def plan(traffic: Traffic) -> tuple[Planned, ...]:
    """Every request of the scenario, in the order they are sent; see `draw`."""
    return tuple(draw(traffic))


def draw(traffic: Traffic) -> Iterator[Planned]:
    """The requests of the scenario one by one, in the order they are sent.

    Arrivals, budgets, classes, revisions and readers are drawn from streams of their own, so that one can
    change without the others.

    Raises:
        ScenarioError: The scenario is told in shares of a capacity that nobody has measured.
    """
    if traffic.relative:
        raise ScenarioError(
            f"The scenario {traffic.name!r} is told in shares of what the server can carry: "
            "add --measure, or --costs with a file of `interim-load measure`."
        )
    lots = _Draw(traffic)
    instants = traffic.arrivals.instants(Random(f"{traffic.seed} arrivals"))
    for index, send_s in enumerate(takewhile(lambda at_s: at_s < traffic.duration_s, instants)):
        yield lots.request(index, send_s)


class _Draw:
    """Draws one request after another; each trait from a stream of its own."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._kinds = traffic.classes or (
            RequestClass(
                name=traffic.request_class, share=1.0, budgets=traffic.budgets, max_exit=traffic.max_exit
            ),
        )
        self._budgets, self._classes, self._moves, self._readers = (
            Random(f"{traffic.seed} {what}") for what in ("budgets", "classes", "revisions", "readers")
        )

    def request(self, index: int, send_s: float) -> Planned:
        kind = self._kind()
        budget_ms = kind.budgets.draw(self._budgets)
        readers, streams = self._traffic.readers, self._traffic.streams
        cancelled, slow = (self._readers.random() < share for share in (readers.cancelled, readers.slow))
        cancel_at = self._readers.uniform(0.1, 0.9)
        return Planned(
            index=index,
            send_s=send_s,
            budget_ms=budget_ms,
            request_class=kind.name,
            max_exit=kind.max_exit or self._traffic.max_exit,
            stream=index % streams if streams and not slow else None,
            move=_move(budget_ms, self._traffic.revisions, self._moves),
            cancel_ms=budget_ms * cancel_at if cancelled else None,
            pause_ms=readers.pause_ms if slow else 0.0,
        )

    def _kind(self) -> RequestClass:
        if len(self._kinds) == 1:
            return self._kinds[0]
        return self._classes.choices(self._kinds, weights=[kind.share for kind in self._kinds])[0]


def _move(budget_ms: float, revisions: Revisions, random: Random) -> Move | None:
    """As in the published suite: when, and whether and how far it is shortened or extended."""
    revised, shortens = (random.random() < share for share in (revisions.share, revisions.shorten))
    at_ms = budget_ms * random.uniform(0.1, 0.9)
    keep, more = random.uniform(0.0, 0.7), random.uniform(0.2, 1.0)
    if not revised:
        return None
    left_ms = budget_ms - at_ms
    total_ms = at_ms + left_ms * keep if shortens else budget_ms * (1.0 + more)
    return Move(at_ms=at_ms, total_ms=total_ms)
