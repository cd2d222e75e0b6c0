"""One connection to one server, and what both clients know of it."""

import asyncio
import math
import os
import re
import threading
import time
from typing import Any, Final

import grpc

from interim.client import errors
from interim.client.grpc_errors import NO_SERVER, error_of
from interim.v1.control_pb2_grpc import ControlStub
from interim.v1.inference_pb2_grpc import InferenceStub

MESSAGE_BYTES: Final = 64 << 20
"""The largest message either way: a raw image of 22 megapixels."""

CHANNEL_OPTIONS: Final = (
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.use_local_subchannel_pool", 1),  # a connection for each client: it balances, it closes alone
    ("grpc.min_reconnect_backoff_ms", 5000),  # how long one attempt may take, despite its name
    ("grpc.initial_reconnect_backoff_ms", 100),  # a server that restarts is found again soon;
    ("grpc.max_reconnect_backoff_ms", 250),  # well within _CONNECT_S; gRPC adds a fifth by lot
)

_LOOPBACK: Final = re.compile(r"unix(-abstract)?:|(dns:|ipv[46]:)?/*(localhost|127\.[\d.]+|\[::1\]):")
_PROXIES: Final = ("grpc_proxy", "https_proxy", "http_proxy")
"""The variables that gRPC looks at, the first that is set."""
_CONNECT_S: Final = 0.5
"""How long a call waits for a connection where none could be made the last time."""
_LOOK_S: Final = 0.01
"""How often a connection's state is looked at meanwhile, in asyncio."""
_LONGEST_S: Final = 1e9
"""From here on a deadline is none: gRPC counts nanoseconds, in 64 bits."""


def options_for(target: str) -> tuple[tuple[str, int], ...]:
    """The options of a channel: no proxy stands between a machine and itself."""
    return (*CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0)) if _LOOPBACK.match(target) else CHANNEL_OPTIONS


class Link:
    """A channel with its stubs; `closed` once the client gave it up.

    Args:
        channel: of `grpc` or `grpc.aio`.
        target: the server's address, for sentences.
    """

    def __init__(self, channel: Any, target: str) -> None:
        self.channel = channel
        self.target = target
        self.closed = False
        self._guard = threading.Lock()  # of `_ready`, among threads
        self._ready: _Ready | None = None  # None: nobody waits for a connection
        self._unmade: Any = None  # the failure of the last call, where no connection could be made for it
        self.inference: Any = InferenceStub(channel)  # type: ignore[no-untyped-call]  # generated
        self.control: Any = ControlStub(channel)  # type: ignore[no-untyped-call]  # generated

    def connected(self, deadline_ms: float | None = None) -> float | None:
        """Waits a moment for a connection where none could be made the last time: a server may be back.

        gRPC itself would fail at once, for seconds after a restart, with what it had found before. Its state
        is subscribed to once for all waits until there is a connection: gRPC's thread prints a trace where a
        channel with a second subscription is closed.

        Returns:
            What is left of the deadline, in ms.

        Raises:
            Unavailable: There is none yet.
        """
        if self._unmade is None or self.closed:
            return deadline_ms
        start_s = time.monotonic()
        with self._guard:
            if self._ready is None:
                self._ready = _Ready()
                self.channel.subscribe(self._ready.seen, try_to_connect=True)
            ready = self._ready
        if not ready.wait(_patience_s(deadline_ms)):
            raise self.error(self._unmade) from None
        with self._guard:
            if self._ready is ready:
                self._ready = self._unmade = None
                self.channel.unsubscribe(ready.seen)
        return _left_ms(deadline_ms, start_s)

    async def connected_async(self, deadline_ms: float | None = None) -> float | None:
        """The same for asyncio.

        The state is looked at again and again: a wait for its change that is given up ends in whatever event loop
        this program runs next, which gRPC then fills with traces.
        """
        if self._unmade is None or self.closed:
            return deadline_ms
        start_s = time.monotonic()
        while self.channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
            if time.monotonic() - start_s >= _patience_s(deadline_ms):
                raise self.error(self._unmade) from None
            await asyncio.sleep(_LOOK_S)
        self._unmade = None
        return _left_ms(deadline_ms, start_s)

    def call(self, method: Any, request: Any, deadline_ms: float | None = None) -> Any:
        """Starts an RPC with its deadline, in ms from now; what gRPC returns for it.

        Raises:
            ClientClosed: The client was closed before.
            InvalidArgument: A deadline that is no number.
        """
        if self.closed:
            raise errors.ClientClosed(f"the client of {self.target} is closed; make a new one")
        return method(request, timeout=_timeout_s(deadline_ms), wait_for_ready=self._unmade is not None)

    def error(self, failure: Any, *, heard: bool = False, unary: bool = False) -> errors.InterimError:
        """The error a failed RPC on this channel means; see `error_of`."""
        if self.closed:
            return errors.ClientClosed(f"the client of {self.target} was closed during the call")
        error = error_of(failure, target=self.target, heard=heard, unary=unary)
        if not str(error).startswith(NO_SERVER):
            return error
        self._unmade = failure
        proxy = next((each for each in _PROXIES if os.environ.get(each)), None)
        if proxy is None or _LOOPBACK.match(self.target):
            return error
        return errors.Unavailable(f"{error}, by way of the proxy {os.environ[proxy]} that ${proxy} names")


class _Ready(threading.Event):
    """Set while there is a connection; what gRPC's thread holds of a client, which may be dropped meanwhile."""

    def seen(self, state: grpc.ChannelConnectivity) -> None:
        """The connection's state is another one now."""
        (self.set if state is grpc.ChannelConnectivity.READY else self.clear)()


def remaining_ms(call: Any) -> float | None:
    """What is left of the deadline of a call; None: it has none."""
    remaining_s: float | None = call.time_remaining()
    return None if remaining_s is None else 1e3 * remaining_s


def is_cancelled() -> bool:
    """Whether somebody cancels the task that runs; if not, it was its call that was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _timeout_s(deadline_ms: float | None) -> float | None:
    try:
        timeout_s = math.inf if deadline_ms is None else deadline_ms / 1e3
    except (TypeError, OverflowError):
        timeout_s = math.nan
    if math.isnan(timeout_s):
        raise errors.InvalidArgument(
            f"deadline_ms={deadline_ms!r} is no number of milliseconds; None: no deadline"
        )
    return timeout_s if timeout_s < _LONGEST_S else None


def _patience_s(deadline_ms: float | None) -> float:
    timeout_s = _timeout_s(deadline_ms)
    return _CONNECT_S if timeout_s is None else min(_CONNECT_S, timeout_s)


def _left_ms(deadline_ms: float | None, start_s: float) -> float | None:
    return None if deadline_ms is None else max(deadline_ms - 1e3 * (time.monotonic() - start_s), 0.0)
