"""One sender: the requests of one process on their way to a server."""

from __future__ import annotations

import gc
import zlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from interim.client import AsyncClient
from interim.loadtest.runner import send_all
from interim.loadtest.streams import Streams

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterable, AsyncIterator, Callable

    import numpy as np
    from numpy.typing import NDArray

    from interim.client import Refinement, Revision
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.plan import Planned
    from interim.loadtest.runner import Answers

MOST_MASKS = 4096  # kept to be scored; images repeat, and so do their masks


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What one sender is to do; it can be sent to another process.

    Attributes:
        server: Where to.
        requests: What, in order of sending.
        pictures: Encoded images, sent in turn.
        model: The model's name; empty: the server's default.
        streams: How many long-lived streams share the requests that want one.
        newest_wins: Whether a newer request of a stream supersedes older ones.
        keep_masks: Whether final masks are kept, to be scored.
    """

    server: str
    requests: tuple[Planned, ...]
    pictures: tuple[bytes, ...]
    model: str = ""
    streams: int = 0
    newest_wins: bool = False
    keep_masks: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Sent:
    """What became of an errand: outcomes in order of sending, and which mask ended which request.

    `masks` by checksum: one mask may end many requests.
    """

    outcomes: tuple[Outcome, ...] = ()
    mask_of: dict[int, int] = field(default_factory=dict)
    masks: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def keep(self, index: int, mask: NDArray[np.uint8]) -> None:
        """Notes the final mask of a request."""
        key = zlib.crc32(mask.tobytes())
        if key in self.masks or len(self.masks) < MOST_MASKS:
            self.masks.setdefault(key, mask)
            self.mask_of[index] = key

    def joined(self, other: Sent) -> Sent:
        """Both, as if one sender had sent all."""
        outcomes = sorted((*self.outcomes, *other.outcomes), key=lambda outcome: outcome.index)
        masks = self.masks | other.masks
        return Sent(outcomes=tuple(outcomes), mask_of=self.mask_of | other.mask_of, masks=masks)


class Sender:
    """Connects when it is entered, sends when it is told to.

    Args:
        errand: What to send.
    """

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._open = AsyncExitStack()
        self._sent = Sent()

    async def __aenter__(self) -> Self:
        self._client = await self._open.enter_async_context(AsyncClient(self._errand.server))
        await self._client.models()  # connects before the first send is due
        self._streams = await self._open.enter_async_context(
            Streams(self._client, count=self._errand.streams, newest_wins=self._errand.newest_wins)
        )
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self._open.aclose()

    async def send(
        self, *, start_s: float | None, stop: asyncio.Event, ended: Callable[[Outcome], object]
    ) -> Sent:
        """Sends everything, and follows it to its end; see `runner.send_all`."""
        gc.collect()
        gc.freeze()  # what is there stays: no collection looks at it while requests are due
        try:
            outcomes = await send_all(
                self._errand.requests, self._ask, ended=ended, start_s=start_s, stop=stop
            )
        finally:
            gc.unfreeze()
        return replace(self._sent, outcomes=outcomes)

    def _ask(self, request: Planned) -> AsyncIterable[Refinement]:
        answers = self._answers(request)
        if not self._errand.keep_masks:
            return answers
        return _Keeping(answers, lambda mask: self._sent.keep(request.index, mask))

    def _answers(self, request: Planned) -> Answers:
        image = self._errand.pictures[request.dealt % len(self._errand.pictures)]
        if request.stream is not None and self._errand.streams:
            return self._streams.send(
                request.stream,
                image,
                budget_ms=request.budget_ms,
                model=self._errand.model,
                max_exit=request.max_exit,
                request_class=request.request_class,
            )
        return self._client.infer(
            image,
            budget_ms=request.budget_ms,
            model=self._errand.model,
            max_exit=request.max_exit,
            request_class=request.request_class,
        )


class _Keeping:
    """Answers that pass through here, so that the final mask can be kept."""

    def __init__(self, answers: Answers, keep: Callable[[NDArray[np.uint8]], None]) -> None:
        self._answers = answers
        self._keep = keep
        self.revise = answers.revise
        self.cancel = answers.cancel

    @property
    def revision(self) -> Revision | None:
        return self._answers.revision

    async def __aiter__(self) -> AsyncIterator[Refinement]:
        async for refinement in self._answers:
            if refinement.final and refinement.mask is not None:
                self._keep(refinement.mask)
            yield refinement
