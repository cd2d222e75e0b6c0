"""One image on its way into its arena slot: when it will be there, and whether anybody still wants it."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from interim.server.engine.arena import Slot
from interim.server.front.images import Picture, decode
from interim.server.front.means import Means

if TYPE_CHECKING:
    from interim.server.front.pace import Decoding


class Decode:
    """The image of one request. It is decoded once, however often the request asks the engine.

    Args:
        means: The decoders, and what is known of their pace.
        picture: What to decode.
        slot: Where its pixels go.
        unwanted: Whether the request is over; called by a decoder as well.
    """

    def __init__(self, means: Means, picture: Picture, slot: Slot, unwanted: Callable[[], bool]) -> None:
        self.begun = False
        """Whether a decoder is at work on it, or was."""
        self.done = False
        """Whether its pixels are in the slot."""
        self._means = means
        self._picture = picture
        self._slot = slot
        self._unwanted = unwanted
        self._clock = asyncio.get_running_loop().time
        self._expected: Decoding | None = None
        self._expected_s = 0.0

    def ready_in_s(self) -> float:
        """Seconds from now within which it will usually be done; from now on others count with it."""
        if self.done:
            return 0.0
        self._expected_s = self._clock()
        if self._expected is None:
            height, width = self._picture.size
            pixels = height * width
            self._expected = self._means.pace.expect(self._picture.format, pixels, now_s=self._expected_s)
        return self._means.pace.ready_in_s(self._expected)

    def run(self, then: Callable[[BaseException | None], None]) -> None:
        """Have it decoded, and call `then` on the event loop: whether it is `done` shows, the argument is what went wrong.

        No task waits for it: in a flood of new requests each of its turns on the loop would come after all of theirs.

        Raises:
            RuntimeError: the server stops.
        """
        loop = asyncio.get_running_loop()

        def over(work: Future[float | None]) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._over, work, then)

        self._means.decoders.submit(self._decode).add_done_callback(over)

    def drop(self) -> None:
        """Nobody need count with it any more."""
        if self._expected is not None:
            self._means.pace.dropped(self._expected)
            self._expected = None

    def _over(self, work: Future[float | None], then: Callable[[BaseException | None], None]) -> None:
        error = None if work.cancelled() else work.exception()
        cpu_s = None if work.cancelled() or error else work.result()
        self.done = cpu_s is not None
        if cpu_s is not None and self._expected is not None:
            now_s = self._clock()
            took_s = now_s - self._expected_s
            self._means.pace.done(self._expected, cpu_s=cpu_s, took_s=took_s, now_s=now_s)
            self._expected = None
        then(error)

    def _decode(self) -> float | None:
        """In a decoder's thread: the processor time it took, in seconds."""
        if self._unwanted():
            return None
        self.begun = True
        began_s = time.thread_time()
        decode(self._picture, self._means.arena.input(self._slot, *self._picture.working))
        return time.thread_time() - began_s
