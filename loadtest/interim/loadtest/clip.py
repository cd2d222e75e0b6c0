"""The scenario `clip`: the frames of one camera on one session, and what was delivered of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from interim.client import InterimError, Rejection, Revision
from interim.loadtest.plan import Planned
from interim.loadtest.record import Record
from interim.loadtest.runner import GRACE_S, LEAD_S, until
from interim.loadtest.score import Shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from interim.client import Refinement
    from interim.client.transcript import Answer
    from interim.loadtest.outcome import Outcome


class Channel(Protocol):
    """One session, as `interim.client` has it: frames out, answers in."""

    def send(self, image: bytes, *, budget_ms: float, model: str) -> str:
        """Sends a frame without waiting; its id."""
        ...

    def finish(self) -> None:
        """No more frames."""
        ...

    def __aiter__(self) -> AsyncIterator[Answer]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClipRun:
    """What became of a clip: each frame's outcome, every mask that arrived, each answered frame's last."""

    outcomes: tuple[Outcome, ...]
    shown: tuple[Shown, ...]
    finals: dict[int, NDArray[np.uint8]]


async def send_clip(
    session: Channel,
    frames: Sequence[bytes],
    *,
    fps: float,
    budget_ms: float,
    model: str = "",
    ended: Callable[[Outcome], object] = lambda _: None,
    stop: asyncio.Event | None = None,
) -> ClipRun:
    """Sends frames at their instants, whatever became of the ones before, and hears every answer.

    Args:
        session: an open session.
        frames: encoded images, in order; frame i is due i / `fps` seconds after the start.
        fps: frames per second.
        budget_ms: of each frame.
        model: its name; "": the server's default.
        ended: is told of each outcome as it comes.
        stop: once it is set no frame is sent any more; those in flight are still heard to their end.
    """
    stop = stop or asyncio.Event()
    listener = _Listener(session, ended)
    last_s = listener.start_s + len(frames) / fps + budget_ms / 1e3
    try:
        async with asyncio.timeout_at(last_s + GRACE_S), asyncio.TaskGroup() as group:
            group.create_task(listener.listen())
            for index, image in enumerate(frames):
                request = Planned(index=index, send_s=index / fps, budget_ms=budget_ms)
                await until(listener.start_s + request.send_s, stop)
                if stop.is_set():
                    break
                listener.send(request, image, model)
            session.finish()
    except TimeoutError:
        pass  # what has not ended is counted as failed
    return listener.run()


class _Listener:
    """Both ends of the session, and the records of the frames between them."""

    def __init__(self, session: Channel, ended: Callable[[Outcome], object]) -> None:
        self._session = session
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self.start_s = self._loop.time() + LEAD_S
        self._live: dict[str, tuple[Planned, Record]] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._shown: list[Shown] = []
        self._finals: dict[int, NDArray[np.uint8]] = {}

    def send(self, request: Planned, image: bytes, model: str) -> None:
        intended_s = self.start_s + request.send_s
        record = Record(request, intended_s=intended_s, begun_s=self._loop.time())
        try:
            request_id = self._session.send(image, budget_ms=request.budget_ms, model=model)
        except InterimError as error:
            self._end(request, record.broken(error, self._loop.time()))
        else:
            self._live[request_id] = (request, record)

    async def listen(self) -> None:
        try:
            async for answer in self._session:
                self._heard(answer, self._loop.time())
        except InterimError as error:  # the stream itself broke, and every frame in flight with it
            for request, record in self._taken():
                self._end(request, record.broken(error, self._loop.time()))

    def run(self) -> ClipRun:
        for request, record in self._taken():
            self._end(request, record.abandoned(self._loop.time()))
        outcomes = tuple(self._outcomes[index] for index in sorted(self._outcomes))
        return ClipRun(outcomes=outcomes, shown=tuple(self._shown), finals=self._finals)

    def _heard(self, answer: Answer, now_s: float) -> None:
        if isinstance(answer, Revision):
            return
        request, record = self._live[answer.request_id]
        if isinstance(answer, Rejection):
            outcome: Outcome | None = record.broken(answer.error, now_s)
        else:
            self._show(request, answer, now_s)
            outcome = record.heard(answer, now_s)
        if outcome is not None:
            del self._live[answer.request_id]
            self._end(request, outcome)

    def _show(self, request: Planned, answer: Refinement, now_s: float) -> None:
        if answer.mask is None:
            return
        at_s = now_s - self.start_s
        self._shown.append(Shown(at_s=at_s, frame=request.index, exit=answer.exit, mask=answer.mask))
        if answer.final:
            self._finals[request.index] = answer.mask

    def _end(self, request: Planned, outcome: Outcome) -> None:
        self._outcomes[request.index] = outcome
        self._ended(outcome)

    def _taken(self) -> list[tuple[Planned, Record]]:
        """The frames in flight, which are so no longer."""
        live = list(self._live.values())
        self._live.clear()
        return live
