"""The server from start to end; starting and stopping read as two lists."""

import asyncio
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from interim.scheduling.budgets.book import Book
from interim.server.budgets.function import BudgetFunction
from interim.server.config import LONGEST_SIDE, MIB, Config
from interim.server.engine.arena import Arena
from interim.server.engine.messages import FromEngine, Ready, Start
from interim.server.front.budget_watch import BudgetWatch
from interim.server.front.budgets import Budgets
from interim.server.front.control_service import ControlService
from interim.server.front.health import Health
from interim.server.front.http import routes
from interim.server.front.images import Limits
from interim.server.front.inference_service import InferenceService
from interim.server.front.listening import CONTROL, INFERENCE, grpc_server, http_site
from interim.server.front.means import Means
from interim.server.front.reception import Reception
from interim.server.front.requests import Door, Requests
from interim.server.front.served import ServedModel, served
from interim.server.front.state import State
from interim.server.front.worker import Worker
from interim.server.telemetry.log import note
from interim.server.telemetry.metrics import Metrics

log = logging.getLogger("interim.front")

SPARE_SLOTS = 8  # requests that are over, but in a running step still
LAST_WORDS_S = 0.5  # for finals on their way, before streams that stay open are cut


class App:
    """One server. `start`, then wait for whatever ends it, then `stop`."""

    def __init__(self, config: Config) -> None:
        """Put the parts together; nothing runs yet. Call it within a running event loop."""
        self._config = config
        side = config.long_side or LONGEST_SIDE
        self.arena = Arena.create(slots=config.max_requests + SPARE_SLOTS, max_pixels=side * side)
        self.worker = Worker(
            _start(config),
            arena=self.arena,
            listener=self._on,
            lost=self._lost,
            replaced=self._replaced,
        )
        self.metrics = Metrics()
        self._pools = (ThreadPoolExecutor(2, "decode"), ThreadPoolExecutor(2, "encode"))
        self.requests = self._requests()
        self.watch = BudgetWatch(self.requests)
        loop = asyncio.get_running_loop()
        self.state = State(self.requests, loop.time, loop.time())
        self.health = Health((INFERENCE, CONTROL))
        self.grpc_address = self.http_address = ""
        self._function: BudgetFunction | None = None
        self._grpc: Any = None
        self._http: Any = None

    async def start(self) -> ServedModel:
        """Start; returns when requests are welcome.

        Raises:
            StartError: a port is taken, or the model cannot be served.
        """
        config = self._config
        limits = Limits(max_pixels=config.max_pixels)
        # 1. The ports, so that probes hear "not ready" while the model loads.
        inference = InferenceService(Reception(self.requests, limits), patience_s=config.slow_reader_s)
        self._grpc, self.grpc_address = grpc_server(
            config, inference, ControlService(self.state, self.watch), self.health
        )
        app = routes(self.state, self.metrics, self.grpc_address)
        self._http, self.http_address = await http_site(config, app)
        await self._grpc.start()
        # 2. The user's budget function, where there is one.
        await self._start_function()
        # 3. The engine: loads the model, warms it, measures its stages.
        await self.worker.start()
        # 4. Budgets follow the clock and the load.
        self.watch.start()
        # 5. Requests are welcome.
        self.health.set(serving=True)
        return self.requests.known_model()

    async def stop(self) -> None:
        """Answer what is in flight, then end; safe after a start that failed."""
        # 1. No new requests.
        self.requests.closing = True
        # 2. Balancers send no more.
        self.health.set(serving=False)
        # 3. What is in flight may finish, within limits.
        await self._drain()
        # 4. What is left ends with its newest exit.
        self.requests.shutdown()
        # 5. The last words go out, the ports close.
        if self._grpc is not None:
            await self._grpc.stop(LAST_WORDS_S)
        if self._http is not None:
            await self._http.cleanup()
        # 6. The engine quits, and the memory goes.
        self.watch.stop()
        if self._function is not None:
            self._function.stop()
        await self.worker.stop()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self.arena.close()

    async def _start_function(self) -> None:
        rule = self._config.budget.function
        if rule is not None:
            self._function = BudgetFunction(rule, self.requests.budgets.fell_back)
            await self._function.start()
            self.requests.budgets.consult = self._function.ask

    async def _drain(self) -> None:
        clock = asyncio.get_running_loop().time
        until_s = min(self.requests.latest_deadline_s, clock() + self._config.drain_s)
        if self.requests.in_flight:
            note(log, "draining", in_flight=self.requests.in_flight, at_most_s=max(until_s - clock(), 0.0))
        await self.requests.idle(max(until_s - clock(), 0.0))

    def _requests(self) -> Requests:
        config = self._config
        decoders, encoders = self._pools
        return Requests(
            means=Means(
                engine=self.worker,
                arena=self.arena,
                metrics=self.metrics,
                decoders=decoders,
                encoders=encoders,
            ),
            door=Door(max_requests=config.max_requests, max_bytes=config.max_bytes_mib * MIB),
            budgets=Budgets(Book(config.budgets), self.metrics),
            learn=self._learn,
        )

    def _learn(self, ready: Ready) -> ServedModel:
        return served(self._config.model, ready, long_side=self._config.long_side or LONGEST_SIDE)

    def _on(self, message: FromEngine) -> None:
        self.requests.on(message)
        if isinstance(message, Ready) and not self.requests.closing:
            self.health.set(serving=True)

    def _lost(self) -> None:
        if not self.requests.closing:
            self.health.set(serving=False)
        self.requests.lost()

    def _replaced(self) -> None:
        self.requests.replaced()


def stop_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT from now on; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            os._exit(1)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    return asked


def _start(config: Config) -> Start:
    sizes = [size.split("x") for size in config.warm_sizes] or [["512", "1024"]]
    return Start(
        model=config.model,
        device=config.device,
        masking=config.masking == "on",
        mask_rule=config.mask_rule,
        execution=config.execution,
        dtype=config.dtype,
        threads=config.threads,
        warm_sizes=tuple((int(height), int(width)) for height, width in sizes),
        most_slice_s=config.slice_ms / 1e3,
        urgent=config.urgency == "auto",
        policy=config.policy,
    )
