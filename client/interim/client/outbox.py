"""What waits to be sent on one stream."""

import asyncio
import threading
from collections import deque
from typing import Self

from interim.v1 import inference_pb2 as pb


class Outbox:
    """Messages in order: any thread puts them in without waiting, gRPC's own thread takes them out.

    With `newest_wins` at most one frame waits here: a newer one takes its place, so that a network
    slower than the camera makes the camera skip frames and not fall behind.
    """

    def __init__(self, *, newest_wins: bool = False) -> None:
        self._newest_wins = newest_wins
        self._waiting: deque[pb.SessionRequest] = deque()
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: pb.SessionRequest) -> str | None:
        """Queues a message; the id of the frame that made room for it, if one did. Void once closed."""
        with self._changed:
            replaced = self._replaced_by(message)
            if not self._closed:
                self._waiting.append(message)
            self._wake()
        return replaced

    def close(self) -> None:
        """Nothing more will be put; what waits is still taken."""
        with self._changed:
            self._closed = True
            self._wake()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pb.SessionRequest:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if not self._waiting:
                raise StopIteration
            return self._waiting.popleft()

    def _wake(self) -> None:
        self._changed.notify()

    def _replaced_by(self, message: pb.SessionRequest) -> str | None:
        if not self._newest_wins or not message.HasField("frame"):
            return None
        for older in self._waiting:
            if older.HasField("frame"):
                self._waiting.remove(older)
                return older.frame.request_id
        return None


class AsyncOutbox(Outbox):
    """The same for one event loop: a task takes, and everyone is on the loop's thread."""

    def __init__(self, *, newest_wins: bool = False) -> None:
        super().__init__(newest_wins=newest_wins)
        self._stirred = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pb.SessionRequest:
        while not self._waiting and not self._closed:
            self._stirred.clear()
            await self._stirred.wait()
        if not self._waiting:
            raise StopAsyncIteration
        return self._waiting.popleft()

    def _wake(self) -> None:
        self._stirred.set()
