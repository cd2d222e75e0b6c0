"""Sees to it that budgets follow what they depend on: the clock, the load, and what operators say."""

import asyncio
import logging
from math import inf

from interim.scheduling.budgets.caps import Cap
from interim.server.front.requests import Requests
from interim.server.telemetry.log import note

log = logging.getLogger("interim.front")

LOOK_S = 1.0
"""With windows, the wall clock is looked at this often: somebody may set it."""


class BudgetWatch:
    """One for a server; `start` it in the event loop. What an operator does is in the log and in the metrics."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self.book = requests.budgets.book
        self._metrics = requests.means.metrics
        self._timer: asyncio.TimerHandle | None = None
        self._open = self.book.open_windows(requests.budgets.now())

    def start(self) -> None:
        """Look now, and whenever something may have changed."""
        if self.book.load is not None:
            self._metrics.budget_share.labels(self.requests.budgets.model).set(self.book.load.share)
        self.turn()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def set_cap(self, cap: Cap) -> int:
        """Put an operator's cap in force at once; how many requests in flight it moved."""
        self.book.caps.set(cap)
        self._audit("set", cap)
        moved = self.requests.reconsider()
        self.turn()
        return moved

    def clear_caps(self, request_class: str | None) -> tuple[tuple[Cap, ...], int]:
        """Take a class's cap away ("": the one for everybody; None: all): those, and how many requests moved."""
        gone = self.book.caps.clear(request_class)
        for cap in gone:
            self._audit("cleared", cap)
        moved = self.requests.reconsider() if gone else 0
        self.turn()
        return gone, moved

    def turn(self) -> None:
        """Do what this instant brings, and plan the next."""
        at = self.requests.budgets.now()
        changed = [self._expire(at.now_s), self._windows(), self._load(at.now_s)]
        if any(changed):
            self.requests.reconsider()
        self._plan()

    def _expire(self, now_s: float) -> bool:
        over = self.book.caps.expire(now_s)
        for cap in over:
            self._audit("expired", cap)
        return bool(over)

    def _windows(self) -> bool:
        before, self._open = self._open, self.book.open_windows(self.requests.budgets.now())
        for window in self._open:
            if window not in before:
                note(log, "budget window opened", window=window.name, at_most_ms=window.at_most_s * 1e3)
        for window in before:
            if window not in self._open:
                note(log, "budget window closed", window=window.name)
        return before != self._open

    def _load(self, now_s: float) -> bool:
        load = self.book.load
        if load is None or not load.observe(now_s, self.requests.queue_s):
            return False
        self._metrics.budget_share.labels(self.requests.budgets.model).set(load.share)
        return True

    def _plan(self) -> None:
        self.stop()
        at, load = self.requests.budgets.now(), self.book.load
        next_s = self.book.next_change_s(at)
        if self.book.rules.windows:
            next_s = min(next_s, at.now_s + LOOK_S)
        if load is not None:
            next_s = min(next_s, at.now_s + load.rule.every_s)
        if next_s < inf:
            self._timer = asyncio.get_running_loop().call_at(next_s, self.turn)

    def _audit(self, action: str, cap: Cap) -> None:
        now_s = self.requests.budgets.now().now_s
        self._metrics.budget_caps.labels(self.requests.budgets.model, action).inc()
        self._metrics.budget_cap.clear()
        for each in self.book.caps.at(now_s):
            if not (each.dry_run or self.book.rules.dry_run):
                self._metrics.budget_cap.labels(each.request_class).set(each.at_most_s)
        note(
            log,
            f"budget cap {action}",
            request_class=cap.request_class or "every",
            at_most_ms=cap.at_most_s * 1e3,
            ends_in_s=max(cap.until_s - now_s, 0.0),
            set_by=cap.set_by,
            why=cap.why,
            dry_run=cap.dry_run,
        )
