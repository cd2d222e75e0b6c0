"""One engine process: the control thread (this program's main thread) and the compute thread.

    python -m interim.server.engine --socket FD --arena FD --parent PID

Started by the front (`interim.server.front.worker`), which sets the environment that must stand before
the first import (threads, waiting, memory). It ends with the front, whatever happens to that.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
import threading
import traceback
from functools import partial
from typing import TYPE_CHECKING

from interim.scheduling.errors import UnknownPolicyError
from interim.server.engine.arena import Arena
from interim.server.engine.channel import Channel
from interim.server.engine.control import BEAT_S, Control
from interim.server.engine.messages import Learned, Quit, Start, Unable
from interim.server.engine.probe import Probe
from interim.server.urgency import make_urgent, weigh_more

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.server.engine.compute import Compute
    from interim.server.engine.request import Work
    from interim.server.engine.warm import WarmUp

SWITCH_S = 0.0005
"""How soon a thread that holds the interpreter must yield it: the verdict waits for it (default 5 ms)."""

NICENESS = 5
"""Of compute threads that share their processors with the front."""

PR_SET_PDEATHSIG = 1
KEEPING = ctypes.PyDLL(None)
"""The C library, called without letting go of the interpreter: who is woken so gets it in the next kernel."""

THREAD_DIED = 70


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the engine; never returns."""
    parser = argparse.ArgumentParser(prog="interim.server.engine", description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="descriptor of the channel to the front")
    parser.add_argument("--arena", type=int, required=True, help="descriptor of the arena")
    parser.add_argument("--parent", type=int, required=True, help="process id of the front")
    words = parser.parse_args(arguments)
    _live_and_die_with(words.parent)
    for descriptor in (words.socket, words.arena):
        os.set_inheritable(
            descriptor, False
        )  # what a model starts must not keep the front from seeing us end
    sys.setswitchinterval(SWITCH_S)
    Engine(Channel(socket.socket(fileno=words.socket)), words.arena).run()


class Engine:
    """The control thread's loop, and the start of the compute thread."""

    def __init__(self, channel: Channel, arena_descriptor: int) -> None:
        self._channel = channel
        self._arena_descriptor = arena_descriptor
        self._control: Control | None = None
        self._begun = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)  # a step has begun
        self._opened = threading.Event()

    def run(self) -> None:
        """Serve until the front says so, or is gone; never returns."""
        try:
            self._listen()
        except BaseException:  # noqa: BLE001 -- without this thread the process is of no use
            traceback.print_exc()
        finally:
            os._exit(THREAD_DIED)

    def _listen(self) -> None:
        while True:
            writing = [self._channel.fileno()] if self._channel.pending else []
            reading, _, _ = select.select([self._channel.fileno(), self._begun], writing, [], BEAT_S)
            if self._begun in reading:
                os.eventfd_read(self._begun)
            self._channel.flush()
            for message in self._channel.receive():
                self._receive(message)
            if self._channel.ended:
                os._exit(0)
            if self._control is not None:
                self._control.prepare()
                self._control.tick()

    def _receive(self, message: object) -> None:
        match message:
            case Start():
                if message.urgent:
                    make_urgent()
                threading.Thread(target=self._compute, args=(message,), name="compute", daemon=True).start()
            case Quit():
                os._exit(0)
            case _:
                self._opened.wait()  # Ready is out, and this thread will see it in a moment
                assert self._control is not None
                self._control.receive(message)  # type: ignore[arg-type]  # a ToEngine, by the protocol

    def _compute(self, start: Start) -> None:
        """The compute thread: load, warm, say so, work; the process ends with it."""
        try:
            self._settle(start)
            self._serve(start)
        except BaseException:  # noqa: BLE001 -- without this thread the process is of no use
            traceback.print_exc()
        finally:
            os._exit(THREAD_DIED)

    def _settle(self, start: Start) -> None:
        """Give this thread, and the threads it will start, their processors, or a place behind the front."""
        if start.cores:
            os.sched_setaffinity(0, start.cores)
            if start.urgent:
                weigh_more()
        else:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

    def _serve(self, start: Start) -> None:
        from interim.server.engine.device import DeviceError  # noqa: PLC0415 -- torch, in this thread alone
        from interim.server.engine.loading import LoadError  # noqa: PLC0415
        from interim.server.engine.setup import Setup  # noqa: PLC0415
        from interim.server.engine.warm import WarmUpError  # noqa: PLC0415

        try:
            setup = Setup(start)
        except (DeviceError, LoadError, UnknownPolicyError, WarmUpError) as error:
            self._channel.send(Unable(detail=str(error), wrong_use=not isinstance(error, WarmUpError)))
            return
        control = Control(
            scheduler=setup.scheduler(),
            multiple=setup.spec.multiple,
            pulse=setup.pulse,
            send=self._channel.send,
            begun=partial(KEEPING.eventfd_write, self._begun, ctypes.c_uint64(1)),
        )
        arena = Arena(self._arena_descriptor, slots=start.slots, max_pixels=start.max_pixels)
        compute = setup.compute(control, arena)
        _keep_for_good()
        self._channel.send(setup.ready())
        self._channel.send(Learned(costs=setup.costs.to_dict()))
        self._control = control
        self._opened.set()
        while True:
            _do(control.take(), control, compute, setup.warm_up)


def _do(next_: Work | Probe, control: Control, compute: Compute, warm_up: WarmUp) -> None:
    """Run what is next; of what it holds nothing outlives the call, so that its memory serves the one behind it."""
    if isinstance(next_, Probe):
        control.probed(next_, warm_up.probe(next_))
    else:
        compute.run(next_)


def _keep_for_good() -> None:
    """Let the garbage collector pass over what lives as long as the engine.

    Going through all that torch brings takes it a quarter of a second, at an instant of its own choice.
    """
    gc.collect()
    gc.freeze()


def _live_and_die_with(parent: int) -> None:
    """End when the front ends, even while stopped; do not end because a terminal's group is interrupted.

    A Ctrl-C or a service manager's SIGTERM reaches the whole group: the front answers what is in flight
    first, and then says `Quit`. A crash leaves no core file: writing one would keep the front waiting.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
