"""Senders in processes of their own, begun at one instant; what they hear comes back as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from interim.client import ConnectionLost, InterimError
from interim.loadtest.runner import LEAD_S
from interim.loadtest.sender import Errand, Sender, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from interim.loadtest.outcome import Outcome

_TELL_S = 0.2  # how often a process tells what has ended
_STOP = "stop"


def shared_out(errand: Errand, processes: int) -> tuple[Errand, ...]:
    """The errand for several senders; all requests of one stream go to the same one."""
    shares: list[list[Any]] = [[] for _ in range(processes)]
    for place, request in enumerate(errand.requests):
        shares[(place if request.stream is None else request.stream) % processes].append(request)
    return tuple(replace(errand, requests=tuple(share)) for share in shares)


def send_here(errand: Errand, ended: Callable[[Outcome], object]) -> tuple[Sent, bool]:
    """Sends from this process; what became of it, and whether Ctrl-C ended it early.

    Raises:
        InterimError: No server answers.
    """

    async def run() -> tuple[Sent, bool]:
        async with Sender(errand) as sender:
            stop = stopped_by_a_key()
            sent = await sender.send(start_s=None, stop=stop, ended=ended)
        return sent, stop.is_set()

    return asyncio.run(run())


def stopped_by_a_key() -> asyncio.Event:
    """An event of the running loop that the first Ctrl-C sets; a second one is as always."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def pressed() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: nobody presses keys
        loop.add_signal_handler(signal.SIGINT, pressed)
    return stop


def send_side_by_side(errands: Sequence[Errand], ended: Callable[[Outcome], object]) -> tuple[Sent, bool]:
    """Sends each errand from a process of its own; what became of all, and whether Ctrl-C ended it early.

    Raises:
        ConnectionLost: A sender could not connect, or died.
    """
    context = get_context("spawn")
    ends = [context.Pipe() for _ in errands]
    senders = [
        context.Process(target=_sender, args=(theirs, errand), daemon=True)
        for (_, theirs), errand in zip(ends, errands, strict=True)
    ]
    with deaf():
        for sender, (_, theirs) in zip(senders, ends, strict=True):
            sender.start()
            theirs.close()
    ours = [end for end, _ in ends]
    try:
        with _stopped_by_keys(ours) as stopped:
            for end in ours:
                _received(end)
            start_s = time.monotonic() + LEAD_S
            for end in ours:
                with contextlib.suppress(OSError):  # it was stopped before the start, and is gone
                    end.send(start_s)
            return _collected(ours, ended), bool(stopped)
    finally:
        for sender, end in zip(senders, ours, strict=True):
            end.close()
            sender.join(5)
            sender.kill()


def _collected(ends: Sequence[Connection], ended: Callable[[Outcome], object]) -> Sent:
    """Hears every sender to its end."""
    total = Sent()
    open_ = list(ends)
    while open_:
        for end in wait(open_):
            heard = _received(end)  # type: ignore[arg-type]  # these are all connections
            if isinstance(heard, Sent):
                total = total.joined(heard)
                open_.remove(end)  # type: ignore[arg-type]
            else:
                for outcome in heard:
                    ended(outcome)
    return total


def _received(end: Connection) -> Any:
    try:
        heard = end.recv()
    except (EOFError, OSError) as error:
        raise ConnectionLost("a sender's process ended before its work was done") from error
    if isinstance(heard, str) and heard:
        raise ConnectionLost(heard)
    return heard


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """Processes begun meanwhile ignore Ctrl-C from their first instruction on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _stopped_by_keys(ends: Sequence[Connection]) -> Iterator[list[int]]:
    """While this lasts the first Ctrl-C tells the senders to stop; a second one is as always."""
    pressed: list[int] = []

    def stop(number: int, _: object) -> None:
        pressed.append(number)
        for end in ends:
            with contextlib.suppress(OSError):
                end.send(_STOP)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        before = signal.signal(signal.SIGINT, stop)
    except ValueError:  # not the main thread: nobody presses keys
        yield pressed
        return
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _sender(end: Connection, errand: Errand) -> None:
    """What runs in a sender's process: "" once connected, then outcomes as they come, at last what was sent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    try:
        asyncio.run(_send(end, errand))
    except InterimError as error:
        with contextlib.suppress(OSError):
            end.send(str(error))


async def _send(end: Connection, errand: Errand) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    told: list[Outcome] = []

    def tell() -> None:
        nonlocal told
        if told:
            end.send(told)
            told = []

    async def tell_now_and_then() -> None:
        while True:
            await asyncio.sleep(_TELL_S)
            tell()

    async with Sender(errand) as sender:
        end.send("")
        start_s = await loop.run_in_executor(None, end.recv)
        if start_s == _STOP:  # Ctrl-C came before the start
            end.send(Sent())
            return

        def told_to_stop() -> None:
            loop.remove_reader(end.fileno())  # what was said stays there to be read: it is told for ever
            stop.set()

        loop.add_reader(end.fileno(), told_to_stop)
        telling = loop.create_task(tell_now_and_then())
        sent = await sender.send(start_s=start_s, stop=stop, ended=told_to(lambda: told))
        telling.cancel()
        loop.remove_reader(end.fileno())
    tell()
    end.send(sent)


def told_to(which: Callable[[], list[Outcome]]) -> Callable[[Outcome], None]:
    """Adds an outcome to the list there is at that time."""
    return lambda outcome: which().append(outcome)
