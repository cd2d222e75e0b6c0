"""One engine process, from its birth to its death, as the front sees it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from interim.server.engine.channel import Channel
from interim.server.engine.messages import (
    Beat,
    Begun,
    Failed,
    Learned,
    Published,
    Ready,
    Start,
    Stepped,
    Unable,
)
from interim.server.front.cores import environment

if TYPE_CHECKING:
    from interim.server.engine.arena import Arena
    from interim.server.engine.messages import FromEngine

SILENCE_S, SILENCE_SLICES = 2.0, 10
"""An engine hangs when its compute thread gives no sign for that long, and for that many of its longest slices."""

_SIGNS = (Ready, Beat, Begun, Published, Failed, Stepped)
"""What shows that the compute thread lives. Verdicts do not: another thread gives them, whatever becomes of it."""

START_S = 120.0
"""An engine that is not ready by then, loading from a slow disk included, counts as hung."""

KILL_S = 1.0
"""A killed process that is still there after that long sits in the kernel and will run no more code."""


class Life:
    """A process, its channel, and what was last heard of it.

    Attributes:
        ready: What it said when it was ready; None before.
        unable: Why it cannot serve its model, in its own words; empty if it can.
        wrong_use: Whether that is for want of what was named, and not a failure.
        learned: The costs it told last; None before.
        longest_slice_s: How long it can be silent, as it told last.
    """

    def __init__(self, start: Start, arena: Arena, *, spawn: Spawn, now_s: float) -> None:
        """Start the process; it loads and warms the model by itself and then says `Ready`.

        Raises:
            OSError: the system gives no process.
        """
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        with theirs:
            try:
                self.process = spawn(theirs, arena, start.threads)
            except OSError:
                self.channel.close()
                raise
        self.ready: Ready | None = None
        self.unable, self.wrong_use = "", False
        self.learned: Learned | None = None
        self.ready_s = now_s
        self._heard_s = now_s
        self._killed_s: float | None = None
        self.longest_slice_s = start.longest_slice_s
        self.channel.send(start)

    def receive(self, now_s: float) -> list[FromEngine]:
        """All that it has said, complete also after its death; what concerns only its life is kept here."""
        messages: list[FromEngine] = []
        for message in self.channel.receive():
            if isinstance(message, _SIGNS):
                self._heard_s = now_s
            match message:
                case Ready():
                    self.ready, self.ready_s = message, now_s
                    self.longest_slice_s = message.longest_slice_s
                case Beat():
                    self.longest_slice_s = message.longest_slice_s
                case Unable():
                    self.unable, self.wrong_use = message.detail, message.wrong_use
                    continue
                case Learned():
                    self.learned = message
                    continue
            messages.append(message)
        return messages

    def over(self, now_s: float) -> bool:
        """Whether it has ended; once it has, `receive` gives the last it said."""
        buried = self._killed_s is not None and now_s - self._killed_s > KILL_S
        return self.channel.ended or self.process.poll() is not None or buried

    def excuse(self, now_s: float) -> None:
        """Count its silence from now: it was the listener that slept."""
        self._heard_s = now_s

    def hangs(self, now_s: float) -> bool:
        """Whether its compute thread has given no sign for too long."""
        limit_s = max(SILENCE_S, SILENCE_SLICES * self.longest_slice_s) if self.ready else START_S
        return now_s - self._heard_s > limit_s

    def kill(self, now_s: float) -> None:
        """End it at once, stopped or not."""
        if self._killed_s is None:
            self._killed_s = now_s
        self.process.kill()


Spawn = Callable[[socket.socket, "Arena", int], subprocess.Popen[bytes]]
"""Starts an engine that speaks through the socket, shares the arena, and computes with so many threads."""


def spawn_engine(end: socket.socket, arena: Arena, threads: int) -> subprocess.Popen[bytes]:
    """A process with the same modules in reach; nothing of the current folder shadows them (-P)."""
    command = [sys.executable, "-P", "-m", "interim.server.engine"]
    words = {"--socket": end.fileno(), "--arena": arena.descriptor, "--parent": os.getpid()}
    modules = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [*command, *(str(part) for word in words.items() for part in word)],
        pass_fds=(end.fileno(), arena.descriptor),
        env=os.environ | environment(threads) | modules,
        process_group=0,  # Ctrl-C is the front's business, also while the engine still imports
    )
