"""The front's side of one engine: starts it, speaks with it, watches it, and starts it again when it dies."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from interim.server.engine.channel import PeerStuckError
from interim.server.engine.messages import Quit, Ready, Start
from interim.server.errors import ConfigError, StartError
from interim.server.front.cores import usable
from interim.server.front.life import Life, spawn_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from interim.server.engine.arena import Arena
    from interim.server.engine.messages import FromEngine, ToEngine
    from interim.server.front.life import Spawn

WATCH_S = 0.1
STOP_S = 1.0
BACK_OFF_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Waits before the first, second, … restart in a row; the last is repeated."""

SETTLED_S = 30.0
"""After so long a life the next death counts as the first again."""

log = logging.getLogger(__name__)


class Worker:
    """One engine and, when it dies, the next; to be used in the event loop's thread.

    Args:
        start: What to run; threads 0: one less than the processors. The arena's sizes are filled in.
        arena: The shared memory; it outlives engines.
        listener: Takes every message of an engine, in order, `Ready` of a restarted one included.
        lost: Called once for each engine that dies after `Ready`, when all it had said was heard. It may be
            called from within `drain`.
        replaced: Called each time an engine is started in the place of one that died.
        spawn: Starts a process.
        clock: Monotonic seconds.

    Attributes:
        restarts: How many engines were started after the first.
    """

    def __init__(
        self,
        start: Start,
        *,
        arena: Arena,
        listener: Callable[[FromEngine], None],
        lost: Callable[[], None],
        replaced: Callable[[], None] = lambda: None,
        spawn: Spawn = spawn_engine,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cores = usable(start.threads)
        """Who gets which processor."""
        self._start = replace(
            start,
            threads=self.cores.threads,
            cores=self.cores.pinned,
            slots=arena.slots,
            max_pixels=arena.max_pixels,
        )
        self._arena = arena
        self._listener = listener
        self._lost = lost
        self._replaced = replaced
        self._spawn_engine = spawn
        self._clock = clock
        self.restarts = 0
        self._life: Life | None = None
        self._dying: list[Life] = []
        self._deaths = 0
        self._watched_s = 0.0
        self._draining = False
        self._stopping = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._first: asyncio.Future[Ready] | None = None

    @property
    def up(self) -> bool:
        """Whether an engine is ready to take requests."""
        return self._life is not None and self._life.ready is not None

    @property
    def pid(self) -> int | None:
        """The process id of the engine, if there is one now."""
        return self._life.process.pid if self._life else None

    async def start(self) -> Ready:
        """Start the first engine; returns when it is ready.

        Raises:
            StartError: it cannot be, in one sentence.
        """
        self._first = asyncio.get_running_loop().create_future()
        try:
            self._spawn()
        except OSError as error:
            raise StartError(f"The engine's process cannot be started: {error}.") from error
        self._watched_s = self._clock()
        self._watch()
        return await self._first

    async def stop(self) -> None:
        """End the engine, kindly for a second, and do not start another."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        self.send(Quit())
        deadline_s = self._clock() + STOP_S
        lives = [*self._dying, *([self._life] if self._life else [])]
        while any(life.process.poll() is None for life in lives):
            if self._clock() > deadline_s:
                for life in lives:
                    life.kill(self._clock())
            await asyncio.sleep(0.005)
        if self._life is not None:
            self._bury(self._life)

    def send(self, message: ToEngine) -> None:
        """Send a message, without ever waiting; what is sent to a dead engine goes nowhere (`lost` follows)."""
        if self._life is None:
            return
        try:
            self._life.channel.send(message)
        except PeerStuckError:
            log.warning("The engine (process %d) has stopped reading: it is killed.", self.pid)
            self._life.kill(self._clock())
        if self._life.channel.pending:
            asyncio.get_running_loop().add_writer(self._life.channel, self._flush)

    def drain(self) -> None:
        """Hand over everything that the engine has said, now; a timer calls this before it decides."""
        if self._life is None or self._draining:
            return
        life, now_s = self._life, self._clock()
        over = life.over(now_s)  # asked first: what it said before it ended is then there to be received
        self._draining = True
        try:
            for message in life.receive(now_s):
                self._hand_over(message)
        finally:
            self._draining = False
        if over or life.channel.ended:
            self._mourn(life)

    def _hand_over(self, message: FromEngine) -> None:
        if isinstance(message, Ready) and self._first is not None and not self._first.done():
            self._first.set_result(message)
        try:
            self._listener(message)
        except Exception:
            log.exception("A message of the engine could not be handled: %s", message)

    def _spawn(self) -> None:
        self._life = Life(self._start, self._arena, spawn=self._spawn_engine, now_s=self._clock())
        asyncio.get_running_loop().add_reader(self._life.channel, self.drain)

    def _flush(self) -> None:
        """The socket is writable again."""
        if self._life is not None:
            self._life.channel.flush()
            if self._life.channel.pending:
                return
            asyncio.get_running_loop().remove_writer(self._life.channel)

    def _watch(self) -> None:
        """Every `WATCH_S`: does the engine live, and does it speak?"""
        self._timers["watch"] = asyncio.get_running_loop().call_later(WATCH_S, self._watch)
        now_s = self._clock()
        asleep, self._watched_s = now_s - self._watched_s > 5 * WATCH_S, now_s
        self._dying = [life for life in self._dying if life.process.poll() is None]
        self.drain()
        life = self._life
        if life is None:
            return
        if asleep:
            life.excuse(now_s)
        if life.hangs(now_s):
            log.warning("The engine (process %d) has been silent for too long: it is killed.", self.pid)
            life.kill(now_s)

    def _mourn(self, life: Life) -> None:
        """It is dead: say so once, and start the next after a while."""
        now_s = self._clock()
        life.kill(now_s)
        self._bury(life)
        if life.learned is not None:
            self._start = replace(
                self._start, learned=life.learned.costs, longest_slice_s=life.longest_slice_s
            )
        if self._first is not None and not self._first.done():
            error = ConfigError if life.wrong_use else StartError
            self._first.set_exception(error(life.unable or _LAST_WORDS))
        elif not self._stopping:
            if life.ready is not None and now_s - life.ready_s > SETTLED_S:
                self._deaths = 0
            why = life.unable or "its messages, above, may say why"
            self._plan_restart(f"The engine (process {life.process.pid}) has died ({why})")
        if life.ready is not None and not self._stopping:
            self._report_loss()

    def _bury(self, life: Life) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(life.channel)
        loop.remove_writer(life.channel)
        life.channel.close()
        self._dying.append(life)
        self._life = None

    def _plan_restart(self, what: str) -> None:
        wait_s = BACK_OFF_S[min(self._deaths, len(BACK_OFF_S) - 1)]
        self._deaths += 1
        log.error("%s; restart in %.1f s.", what, wait_s)
        self._timers["restart"] = asyncio.get_running_loop().call_later(wait_s, self._restart)

    def _restart(self) -> None:
        self.restarts += 1
        self._replaced()
        try:
            self._spawn()
        except OSError as error:
            self._plan_restart(f"No engine could be started ({error})")

    def _report_loss(self) -> None:
        try:
            self._lost()
        except Exception:
            log.exception("The loss of an engine could not be handled.")


_LAST_WORDS = "The engine ended before it was ready; its own messages, above, say why."
