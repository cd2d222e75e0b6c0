"""The way out of one stream: a slow reader gets the newest, not a backlog.

One write is in flight; while it lasts, a newer answer of the same request takes the place of the waiting
one. A message is built when its write begins, so that what it says of time is true then. A final that is
not taken in time ends the stream: nobody reads at the other end. What was held for it is let go at once; the
write in flight is left to the transport, which can end a stream only after it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Protocol

from interim.server.errors import ServerError
from interim.server.telemetry.log import note

log = logging.getLogger("interim.front")


class SlowReaderError(ServerError):
    """The client did not take its answer; the stream is given up."""


class Parcel(Protocol):
    """Something to hand over, packed as late as possible."""

    def pack(self, now_s: float) -> Any | None:
        """The message as of now; None: there is nothing left to say."""

    def taken(self, handed_s: float, now_s: float) -> None:
        """The transport took between `handed_s` and `now_s` to take it."""


class Outgoing:
    """The messages waiting for one stream, at most one a key, in the order in which keys came to wait.

    `given_up` is called, once, when a message was not taken by its time.
    """

    def __init__(
        self, write: Callable[[Any], Awaitable[None]], given_up: Callable[[], None] = lambda: None
    ) -> None:
        self._write = write
        self._given_up = given_up
        self._waiting: dict[Hashable, Parcel] = {}
        self._limits: dict[Hashable, asyncio.TimerHandle] = {}
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False
        self._stuck = False

    def put(self, key: Hashable, parcel: Parcel, *, take_by_s: float | None = None) -> None:
        """Hand `parcel` over when its turn comes; it replaces what waits under the same key.

        `take_by_s`: the instant (of the loop's clock) by which the client must have taken it.
        """
        if self._stuck:
            return
        self._waiting[key] = parcel
        if take_by_s is not None:
            self._limits[key] = asyncio.get_running_loop().call_at(take_by_s, self._give_up)
        self._news.set()

    def drop(self, key: Hashable) -> None:
        """Nothing more is wanted under this key; a write in flight goes on."""
        self._waiting.pop(key, None)
        self._settle(key)

    async def room(self, most: int) -> None:
        """Wait until fewer than `most` messages wait."""
        while len(self._waiting) >= most:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Nothing more comes: `run` returns once everything is out."""
        self._closed = True
        self._news.set()

    async def run(self) -> None:
        """Write until closed and empty.

        Raises:
            SlowReaderError: a message was not taken by its time, and the write in flight then is over now.
        """
        try:
            while await self._any():
                key = next(iter(self._waiting))
                parcel = self._waiting.pop(key)
                self._room.set()
                await self._hand_over(parcel)
                if key not in self._waiting:
                    self._settle(key)
        finally:
            for key in list(self._limits):
                self._settle(key)
        if self._stuck:
            raise SlowReaderError("the client did not take its answer: the stream is given up")

    async def _any(self) -> bool:
        while not self._waiting:
            if self._closed:
                return False
            self._news.clear()
            await self._news.wait()
        return True

    async def _hand_over(self, parcel: Parcel) -> None:
        clock = asyncio.get_running_loop().time
        handed_s = clock()
        message = parcel.pack(handed_s)
        if message is not None:
            await self._write(message)
            parcel.taken(handed_s, clock())

    def _settle(self, key: Hashable) -> None:
        limit = self._limits.pop(key, None)
        if limit is not None:
            limit.cancel()

    def _give_up(self) -> None:
        if not self._stuck:
            self._stuck = True
            note(log, "slow client dropped", level=logging.WARNING, waiting=len(self._waiting))
            self._waiting.clear()
            self.close()
            self._given_up()
