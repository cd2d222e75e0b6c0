"""A user's budget function, in a process of its own that is killed when it takes too long."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass

from interim.scheduling.budgets.function import FunctionRule, answer_s
from interim.server.budgets.facts import Facts
from interim.server.errors import ConfigError, StartError

START_S = 20.0
"""The module may be imported for so long."""

WAIT_S = 0.050
"""A request that waits longer than this for its turn keeps its budget."""

REST_S = (0.2, 1.0, 5.0, 10.0)
"""Between a failure of the process and the next start; the first again after a good answer."""

Then = Callable[[float | None], None]
"""Takes what the function said, in seconds from arrival; None: it has no say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    facts: Facts
    then: Then
    asked_s: float


class BudgetFunction:
    """Asks one function about one request at a time; all methods run on the event loop and none waits.

    Args:
        rule: What to call, and how long it may take.
        fell_back: Told why a request keeps its budget: one word ("raised", "hung", "nonsense", "died", "busy",
            "starting") and one sentence.

    Attributes:
        starts: How many processes were started.
    """

    def __init__(self, rule: FunctionRule, fell_back: Callable[[str, str], None]) -> None:
        self.rule = rule
        self.starts = 0
        self._fell_back = fell_back
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Question] = deque()
        self._current: _Question | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._heard = b""
        self._ready: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failures = 0
        self._stopped = False

    async def start(self) -> None:
        """Start the process; returns when the function is there.

        Raises:
            ConfigError: there is no such function, in one sentence.
            OSError: the system gives no process.
            StartError: it takes too long to be imported.
        """
        self._spawn()
        try:
            async with asyncio.timeout(START_S):
                assert self._ready is not None
                await self._ready
        except StartError:
            self.stop()
            raise
        except TimeoutError:
            self.stop()
            raise StartError(self._unable(f"it was not imported within {START_S:.0f} s")) from None

    def ask(self, facts: Facts, then: Then) -> None:
        """Ask about one request; `then` is called with the answer, or never where the request keeps its budget."""
        if self._ready is None or not self._ready.done():
            self._fell_back("starting", "its process is being started")
            return
        self._waiting.append(_Question(facts=facts, then=then, asked_s=self._loop.time()))
        self._next()

    def stop(self) -> None:
        """End the process."""
        self._stopped = True
        self._end()

    # --- one question at a time ---------------------------------------------------------------------

    def _next(self) -> None:
        while self._current is None and self._waiting and self._line is not None:
            question = self._waiting.popleft()
            if self._loop.time() - question.asked_s > WAIT_S:
                self._fell_back("busy", f"it was asked too often: a request waited {WAIT_S * 1e3:.0f} ms")
                continue
            self._current = question
            self._timer = self._loop.call_later(self.rule.limit_s, self._too_late)
            try:
                self._line.send(json.dumps(asdict(question.facts)).encode() + b"\n")
            except OSError:  # dead, or does not read: the timer, or the end of its line, says so
                return

    def _too_late(self) -> None:
        self._read()  # an answer that came in time counts, however late this loop is
        if self._current is not None:
            self._failed("hung", f"it took longer than {self.rule.limit_s * 1e3:g} ms and was killed")

    def _read(self) -> None:
        if self._line is None:
            return
        try:
            heard = self._line.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if not heard:
            self._failed("died", "its process ended")
            return
        *lines, self._heard = (self._heard + heard).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def _hear(self, said: dict[str, object]) -> None:
        if "ready" in said or "unable" in said:
            self._introduced(said)
            return
        question, self._current = self._current, None
        if self._timer is not None:
            self._timer.cancel()
        if question is not None:
            self._answer(question, said)
        self._next()

    def _answer(self, question: _Question, said: dict[str, object]) -> None:
        if "error" in said:
            self._fell_back("raised", f"it raised {said['error']}")
            return
        try:
            seconds = answer_s(said["ms"])
        except ValueError as error:
            self._fell_back("nonsense", str(error))
            return
        self._failures = 0
        question.then(seconds)

    # --- the process --------------------------------------------------------------------------------

    def _spawn(self) -> None:
        self.starts += 1
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self._line, self._heard, self._ready = ours, b"", self._loop.create_future()
        command = [sys.executable, "-m", "interim.server.budgets.child", self.rule.call, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=2,  # what the function prints is for the log
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                process_group=0,  # Ctrl-C is the server's business, also while this one still imports
            )
        self._loop.add_reader(ours, self._read)

    def _introduced(self, said: dict[str, object]) -> None:
        assert self._ready is not None
        if "ready" in said:
            self._ready.set_result(None)
        elif self.starts == 1:
            self._ready.set_exception(ConfigError(self._unable(str(said["unable"]))))

    def _unable(self, why: str) -> str:
        return f'budget.function: call = "{self.rule.call}" cannot be served: {why}; give MODULE:NAME of a function'

    def _failed(self, why: str, sentence: str) -> None:
        """The process is of no use any more: whoever asked keeps its budget, and another one is started."""
        asked = [] if self._current is None else [self._current]
        asked += self._waiting
        starting = self._ready is not None and not self._ready.done()
        if starting and self.starts == 1 and self._ready is not None:
            self._ready.set_exception(StartError(self._unable(sentence)))
        self._end()
        for _ in asked:
            self._fell_back(why, sentence)
        if not self._stopped and not (starting and self.starts == 1):
            rest_s = REST_S[min(self._failures, len(REST_S) - 1)]
            self._failures += 1
            self._loop.call_later(rest_s, self._again)

    def _again(self) -> None:
        if self._stopped:
            return
        try:
            self._spawn()
        except OSError as error:
            self._failed("died", f"no process could be started ({error})")
        else:
            assert self._ready is not None
            self._loop.call_later(START_S, self._not_there, self._ready)

    def _not_there(self, ready: asyncio.Future[None]) -> None:
        if ready is self._ready and not ready.done():
            self._failed("hung", f"it was not imported within {START_S:.0f} s")

    def _end(self) -> None:
        self._waiting.clear()
        self._current = self._ready = None
        if self._timer is not None:
            self._timer.cancel()
        if self._line is not None:
            self._loop.remove_reader(self._line)
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()  # it cannot refuse
            self._process = None
