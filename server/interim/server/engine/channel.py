"""Messages between two processes of one machine: pickled values in length-framed pieces of a socket pair.

Nobody ever waits in here: sending keeps what the kernel does not take yet, receiving takes what is there.
"""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = struct.Struct("!I")
CHUNK = 1 << 16
MAX_PENDING = 1 << 20
"""Bytes kept for a peer that does not read: hundreds of times what a healthy one ever leaves."""


class PeerStuckError(ConnectionError):
    """The peer has stopped reading: it hangs, or it is stopped."""


class Frames:
    """Bytes in, messages out, however the bytes were cut."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """Every message that is complete once `data` has come in; an incomplete one waits for the rest."""
        self._bytes += data
        while len(self._bytes) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._bytes)
            end = LENGTH.size + length
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[LENGTH.size : end])
            del self._bytes[:end]
            yield pickle.loads(body)  # noqa: S301 -- from our own process, over a socket without a name

    @staticmethod
    def frame(message: object) -> bytes:
        """The bytes of one message."""
        body = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        return LENGTH.pack(len(body)) + body


class Channel:
    """One end of a socket pair that carries messages both ways.

    Any thread may send; one receives.
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self.socket = end
        self.ended = False
        self._frames = Frames()
        self._pending = bytearray()
        self._sending = threading.Lock()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends."""
        left, right = socket.socketpair()
        return cls(left), cls(right)

    def fileno(self) -> int:
        """The descriptor, for `select` and for a child to inherit."""
        return self.socket.fileno()

    @property
    def pending(self) -> bool:
        """Whether something waits until the socket is writable again; then call `flush`."""
        return bool(self._pending)

    def send(self, message: object) -> None:
        """Send a message, or keep it until the peer reads; to a peer that is gone it goes nowhere.

        Raises:
            PeerStuckError: more than `MAX_PENDING` bytes wait for the peer.
        """
        if self.ended:
            return
        data = Frames.frame(message)
        with self._sending:
            self._pending += data
            self._flush()
            if len(self._pending) > MAX_PENDING:
                raise PeerStuckError(
                    f"The peer has left {len(self._pending)} bytes unread: it hangs or is stopped."
                )

    def flush(self) -> None:
        """Hand the kernel what it takes now."""
        with self._sending:
            self._flush()

    def _flush(self) -> None:
        try:
            while self._pending:
                sent = self.socket.send(self._pending)
                del self._pending[:sent]
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._pending.clear()  # the peer is gone; what it sent before is still to be received

    def receive(self) -> Iterator[Any]:
        """Every message that is there now, complete also after the peer's death; sets `ended` at the end."""
        while not self.ended:
            try:
                data = self.socket.recv(CHUNK)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            self.ended = not data
            yield from self._frames.feed(data)

    def close(self) -> None:
        """Close this end."""
        self.ended = True
        self.socket.close()
