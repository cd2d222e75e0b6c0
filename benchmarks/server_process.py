"""A server of one's own: started on free loopback ports for one measurement, stopped after it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from interim.server.front.cores import keep_to
from interim.server.urgency import weigh_more

if TYPE_CHECKING:
    from collections.abc import Iterator

START_S = 180.0
STOP_S = 20.0


class ServerError(RuntimeError):
    """The server did not start; the message ends with the last it said."""


class RunningServer:
    """A server that answers: `target` is where gRPC listens."""

    def __init__(self, process: subprocess.Popen[bytes], target: str, http: str) -> None:
        self.process = process
        self.target = target
        self._http = http

    def ready(self) -> bool:
        """Whether it takes requests."""
        try:
            with urllib.request.urlopen(f"http://{self._http}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every sample of /metrics by name and labels, `model` left out."""
        with urllib.request.urlopen(f"http://{self._http}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return {
            (
                sample.name,
                tuple(sorted((k, v) for k, v in sample.labels.items() if k != "model")),
            ): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def exits_reached(self) -> dict[int, int]:
        """Answers by exit so far, from the histogram `interim_exit_reached`."""
        cumulative = {
            dict(labels)["le"]: value
            for (name, labels), value in self.metrics().items()
            if name == "interim_exit_reached_bucket"
        }
        bounds = sorted(float(bound) for bound in cumulative if bound != "+Inf")
        counts = [cumulative[str(bound)] for bound in bounds]
        return {int(bound): int(n - m) for bound, n, m in zip(bounds, counts, [0.0, *counts], strict=False)}

    def verdicts(self) -> tuple[float, float]:
        """Verdicts so far, and those within 3 ms of the request's arrival, as the server sees it."""
        return self._within("interim_verdict_seconds", "0.003")

    def stops(self) -> tuple[float, float]:
        """Frames that were stopped so far, and those whose final left within 2 ms, as the server sees it."""
        return self._within("interim_stop_seconds", "0.002")

    def _within(self, histogram: str, bound: str) -> tuple[float, float]:
        metrics = self.metrics()
        within = metrics.get((f"{histogram}_bucket", (("le", bound),)), 0.0)
        return metrics.get((f"{histogram}_count", ()), 0.0), within

    def stage_seconds(self) -> float:
        """How long stages have run so far, from the histogram `interim_stage_seconds`."""
        return sum(
            value for (name, _), value in self.metrics().items() if name == "interim_stage_seconds_sum"
        )


@contextmanager
def serving(*options: str) -> Iterator[RunningServer]:
    """A server with these options of `interim-server`, ready; it is told to end afterwards.

    Raises:
        ServerError: it ended, or was not ready in time.
    """
    grpc, http = (f"127.0.0.1:{port}" for port in _free_ports(2))
    command = [sys.executable, "-m", "interim.server.main", "--grpc", grpc, "--http", http, *options]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        server = RunningServer(process, grpc, http)
        try:
            _wait_until_ready(server, log)
            yield server
        finally:
            _stop(process)


@contextmanager
def beside(server: RunningServer) -> Iterator[None]:
    """Keep the asking side to the processors of the server's front, off those that it computes on.

    Clients are elsewhere where it matters. On the compute thread's processor they would measure themselves:
    stages of 15 ms waited up to 22 ms for it.
    """
    before = os.sched_getaffinity(0)
    keep_to(tuple(os.sched_getaffinity(server.process.pid)))
    try:
        yield
    finally:
        keep_to(tuple(before))


@contextmanager
def sending(server: RunningServer) -> Iterator[None]:
    """The same for a sender that has a schedule to keep: it goes before others there, where that is allowed.

    Behind the server's front on one processor its own lag would be the server's doing, and the run void.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with beside(server):
        weigh_more()
        try:
            yield
        finally:
            os.setpriority(os.PRIO_PROCESS, 0, before)


def _wait_until_ready(server: RunningServer, log: IO[bytes]) -> None:
    give_up_s = time.monotonic() + START_S
    while not server.ready():
        if server.process.poll() is not None:
            raise ServerError(f"The server ended with status {server.process.returncode}:\n{_tail(log)}")
        if time.monotonic() > give_up_s:
            raise ServerError(f"The server was not ready after {START_S:.0f} s:\n{_tail(log)}")
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return "\n".join(log.read().decode(errors="replace").splitlines()[-15:])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
