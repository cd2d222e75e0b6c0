"""Long-lived streams that many requests share, each request followed by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from interim.client import Refinement, Rejection, Revision
from interim.client.errors import ConnectionLost, InterimError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Unpack

    from interim.client import AsyncClient, AsyncSession, Options
    from interim.client.transcript import Answer

_Told = Refinement | InterimError | None


class Streams:
    """`count` sessions of one client; open inside `async with`.

    Args:
        client: Whose.
        count: How many.
        newest_wins: Whether a newer request of a stream supersedes older ones.
    """

    def __init__(self, client: AsyncClient, *, count: int, newest_wins: bool = False) -> None:
        self._client = client
        self._count = count
        self._newest_wins = newest_wins
        self._lines: list[_Line] = []

    def send(self, stream: int, image: bytes, **options: Unpack[Options]) -> Followed:
        """Sends a request on stream number `stream` (modulo their count); one that broke is opened anew.

        Raises:
            InterimError: The request cannot be sent.
        """
        place = stream % self._count
        if self._lines[place].ended:
            self._lines[place] = self._line()
        return self._lines[place].send(image, options)

    def _line(self) -> _Line:
        return _Line(self._client.session(newest_wins=self._newest_wins))

    async def __aenter__(self) -> Self:
        self._lines = [self._line() for _ in range(self._count)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(line.close() for line in self._lines))


class Followed:
    """One request of a stream: its refinements as they come, and what may be asked of it meanwhile."""

    def __init__(self, session: AsyncSession, request_id: str) -> None:
        self._session = session
        self._id = request_id
        self._told: asyncio.Queue[_Told] = asyncio.Queue()
        self.revision: Revision | None = None

    def revise(self, *, total_ms: float) -> None:
        """Moves the deadline; does not wait."""
        self._session.revise(self._id, total_ms=total_ms)

    def cancel(self) -> None:
        """Nothing more is wanted; the iteration ends."""
        self._session.cancel(self._id)
        self._told.put_nowait(None)

    def tell(self, told: _Told) -> None:
        """The stream has heard something of this request; None: nothing more."""
        self._told.put_nowait(told)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Refinement:
        """The next refinement.

        Raises:
            InterimError: The request was refused or failed, or the stream broke.
        """
        told = await self._told.get()
        if told is None:
            raise StopAsyncIteration
        if isinstance(told, InterimError):
            raise told
        return told


class _Line:
    """One session, and who waits for its answers."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._live: dict[str, Followed] = {}
        self._reader = asyncio.get_running_loop().create_task(self._read())

    @property
    def ended(self) -> bool:
        """Whether its session is over: nothing more can be sent on it."""
        return self._reader.done()

    def send(self, image: bytes, options: Options) -> Followed:
        request_id = self._session.send(image, **options)
        followed = self._live[request_id] = Followed(self._session, request_id)
        return followed

    async def close(self) -> None:
        await self._session.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        broken: InterimError = ConnectionLost("the stream ended before its requests did")
        try:
            async for answer in self._session:
                self._heard(answer)
        except InterimError as error:
            broken = error
        for followed in self._live.values():
            followed.tell(broken)
        self._live.clear()

    def _heard(self, answer: Answer) -> None:
        followed = self._live.get(answer.request_id)
        if followed is None:
            return  # cancelled meanwhile, or a revision that came too late
        if isinstance(answer, Revision):
            followed.revision = answer
            return
        if isinstance(answer, Rejection) or answer.final:
            del self._live[answer.request_id]
        followed.tell(answer.error if isinstance(answer, Rejection) else answer)
