"""The budgets of requests as of now: from the book to their terms, and what a dry run would make of them."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from interim.scheduling.budgets.book import Book
from interim.scheduling.budgets.budget import Budget, BudgetRequest, Instant
from interim.server.budgets.facts import Facts
from interim.server.engine.messages import Verdict
from interim.server.front.term import Term
from interim.server.telemetry.metrics import Metrics
from interim.server.telemetry.seldom import Seldom

Consult = Callable[[Facts, Callable[[float | None], None]], None]


class Budgets:
    """Reads the book with the loop's clock and the wall's; to be made in the event loop.

    Args:
        book: The policies.
        metrics: Where moves, dry runs and failures are counted.
        wall: POSIX seconds.

    Attributes:
        model: The name for metrics.
        consult: Asks the user's function about a request, where there is one.
        busy: How many requests are in flight, and what they would still take the device, in seconds.
    """

    def __init__(self, book: Book, metrics: Metrics, *, wall: Callable[[], float] = time.time) -> None:
        self.book = book
        self.guard_s = book.rules.guard_s
        self.model = ""
        self.consult: Consult | None = None
        self.busy: Callable[[], tuple[int, float]] = lambda: (0, 0.0)
        self._metrics = metrics
        self._wall = wall
        self._clock = asyncio.get_running_loop().time
        self._seldom = Seldom(logging.getLogger("interim.front"), self._clock)

    def now(self) -> Instant:
        """This instant, on both clocks."""
        return Instant(self._clock(), self._wall())

    def asked(self, request: BudgetRequest) -> Budget:
        """The budget the request comes with, before any policy."""
        return self.book.asked(request, self.now())

    def in_force(self, request: BudgetRequest) -> Budget:
        """The budget it has now."""
        return self.book.budget(request, self.now())

    # --- requests in flight -------------------------------------------------------------------------

    def begun(self, term: Term) -> None:
        """A request came in, with the budget it has now; the user's function is asked about it."""
        self._rehearse(term)
        self._ask_function(term)

    def settle(self, term: Term) -> bool:
        """Give a request the budget it has now; False: it has it already."""
        moved = term.settle(self.in_force(term.asked))
        self._rehearse(term)
        return moved

    async def revise(self, term: Term, own_s: float) -> Verdict:
        """The client gave its request another budget (from arrival); says whether that holds now."""
        asked = replace(term.asked, own_s=own_s)
        verdict = await term.revise(asked, self.asked(asked), self.in_force)
        if verdict.admitted:
            self.begun(term)
        return verdict

    def moved(self, policy: str, outcome: str) -> None:
        """Count what became of a policy's move."""
        self._metrics.budget_moves.labels(self.model, policy, outcome).inc()

    def fell_back(self, why: str, detail: str) -> None:
        """The user's function failed on a request, which keeps the budget it has."""
        self._metrics.budget_fallbacks.labels(self.model, why).inc()
        self._seldom.note(
            f"function {why}",
            "budget function failed: the request keeps its budget",
            level=logging.WARNING,
            why=why,
            detail=detail,
        )

    # --- inside -------------------------------------------------------------------------------------

    def _ask_function(self, term: Term) -> None:
        """The request keeps the budget it has until there is an answer."""
        if self.consult is None:
            return

        def answered(function_s: float | None) -> None:
            term.asked = replace(term.asked, function_s=function_s)
            self.settle(term)

        in_flight, queue_s = self.busy()
        height, width = term.asked.size or (0, 0)
        facts = Facts(
            request_class=term.asked.request_class,
            height=height,
            width=width,
            budget_ms=self.asked(term.asked).budget_s * 1e3,
            in_flight=in_flight,
            queue_ms=queue_s * 1e3,
        )
        self.consult(facts, answered)

    def _rehearse(self, term: Term) -> None:
        """Report, once for each change, what would be in force if nothing were a dry run."""
        at = self.now()
        would = self.book.rehearsed(term.asked, at)
        if would == term.rehearsed:
            return
        term.rehearsed = would
        if would is None:
            return
        self._metrics.budget_dry_run.labels(self.model, would.policy).observe(max(would.budget_s, 0.0))
        self._seldom.note(
            would.policy,
            "budget dry run",
            policy=would.policy,
            would_be_ms=would.budget_s * 1e3,
            is_ms=self.book.budget(term.asked, at).budget_s * 1e3,
        )
