"""The answer of one request as it grows: findings come in, are encoded off the loop, and are ready to go out."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from interim.server.engine.arena import Finding
from interim.server.front.actions import Send
from interim.server.front.encoding import Wanted, encode
from interim.server.front.means import Means
from interim.v1 import inference_pb2 as pb

Encoding = asyncio.Future[tuple[pb.SessionResponse, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What goes out now: a decision, the message with its answer in it (None: none), seconds of encoding."""

    send: Send
    encoded: pb.SessionResponse | None = None
    encode_s: float = 0.0


class Answer:
    """Encodes the finding of each exit on arrival (`eager`), or the newest once it is to be sent.

    `offer` is called whenever something newer can go out; `take` then gives it. `fail` gets the exception of
    an encoder, which is ours alone.
    """

    def __init__(
        self,
        means: Means,
        wanted: Wanted,
        *,
        eager: bool,
        offer: Callable[[Send], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._means = means
        self._wanted = wanted
        self._eager = eager
        self._offer = offer
        self._fail = fail
        self._findings: dict[int, Finding] = {}
        self._encodings: dict[int, Encoding] = {}
        self._due: Send | None = None
        self._offered: Send | None = None
        self._handed = 0

    def complete(self, exit_: int, finding: Finding) -> None:
        """Exit `exit_` is complete; it is the newest."""
        self._findings = {exit_: finding}
        if self._eager:
            self._encode(exit_)

    def say(self, send: Send) -> None:
        """Let this go out as soon as its answer is encoded; it replaces what was to be said before."""
        self._due = send
        self._settle()

    def take(self) -> Part | None:
        """What was offered last, to be handed over now; None: it was taken already."""
        send, self._offered = self._offered, None
        if send is None:
            return None
        if send.exit <= self._handed:
            return Part(send=send)
        self._handed = send.exit
        encoded, seconds = self._encodings[send.exit].result()
        self._encodings = {exit_: each for exit_, each in self._encodings.items() if exit_ > send.exit}
        return Part(send=send, encoded=encoded, encode_s=seconds)

    def _settle(self) -> None:
        due = self._due
        if due is None:
            return
        if due.exit > self._handed and not self._encode(due.exit).done():
            return
        self._due, self._offered = None, due
        self._offer(due)

    def _encode(self, exit_: int) -> Encoding:
        if exit_ not in self._encodings:
            work = self._means.timed(self._means.encoders, encode, self._findings[exit_], self._wanted)
            self._encodings[exit_] = encoding = asyncio.ensure_future(work)
            encoding.add_done_callback(self._encoded)
        return self._encodings[exit_]

    def _encoded(self, encoding: Encoding) -> None:
        if encoding.cancelled():
            return
        error = encoding.exception()
        if error is not None:
            self._fail(error)
        else:
            self._settle()
