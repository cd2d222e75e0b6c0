"""A real server, started as people start it, over a scripted model or the shipped one."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "client", "loadtest", "model_zoo", "protos", "server")
PATIENCE_S = 60.0


class Running:
    """A server's process; `said` grows with what it prints, `grpc` and `http` are its addresses."""

    def __init__(self, *options: str) -> None:
        environment = os.environ | {"PYTHONPATH": ":".join(str(ROOT / each) for each in FOLDERS)}
        command = [sys.executable, "-m", "interim.server.main"]
        ports = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *ports, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        self.said = ""
        self.grpc = self.http = ""
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            self.said += line

    def await_banner(self) -> None:
        """Wait until it says where it listens."""
        self.until(lambda: self._find(r"\n  try .*\n") or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        self.grpc = self._find(r"gRPC +(\S+)")
        self.http = self._find(r"HTTP +http://(\S+)")

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something; how long is in vain, not how long is good."""
        give_up_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < give_up_s, self.said
            time.sleep(0.01)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an HTTP page."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ready(self) -> bool:
        """What /readyz says."""
        return self.get("/readyz")[0] == 200

    @property
    def engine(self) -> int:
        """The engine's process id; waits for one."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.until(lambda: self._engines(children.read_text()))
        return self._engines(children.read_text())[0]

    def end(self) -> None:
        """Stop it, by force if need be, and read what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _find(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        return (match[1] if match.re.groups else match[0]) if match else ""

    @staticmethod
    def _engines(children: str) -> list[int]:
        return [int(pid) for pid in children.split() if alive(int(pid))]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextlib.contextmanager
def serving(*options: str) -> Iterator[Running]:
    """A server that is up, as long as the context lasts."""
    server = Running(*options)
    try:
        server.await_banner()
        yield server
    finally:
        server.end()


def scripted(name: str) -> tuple[str, ...]:
    """The options that serve one of the scripted models."""
    return ("--model", f"tests.server.scripted:{name}", "--warm-sizes", "64x96")


@pytest.fixture(scope="module")
def quick_server() -> Iterator[Running]:
    """Stages of 3 ms; messages of at most 2 MiB."""
    with serving(*scripted("quick"), "--max-message-mib", "2") as server:
        yield server


@pytest.fixture
def steady_server() -> Iterator[Running]:
    """Stages of 100 ms: time enough to interfere."""
    with serving(*scripted("steady")) as server:
        yield server


@pytest.fixture
def start_server() -> Callable[..., Running]:
    """Starts a server that the test ends itself."""
    return Running
