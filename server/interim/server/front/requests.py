"""The table of live requests to one engine: limits at the door, the engine's messages to whom they concern."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

from interim.scheduling.budgets.budget import BudgetRequest
from interim.server.engine.messages import (
    Beat,
    Begun,
    Failed,
    Freed,
    FromEngine,
    Learned,
    Published,
    Ready,
    Stepped,
    Unable,
    Verdict,
)
from interim.server.errors import OverloadedError, RequestError, UnavailableError
from interim.server.front.budgets import Budgets
from interim.server.front.live import Event, Live, Sink
from interim.server.front.means import RESTART_S, Means
from interim.server.front.orders import Order
from interim.server.front.served import ServedModel
from interim.server.front.truth import Phase, Truth
from interim.server.telemetry.log import note
from interim.v1 import inference_pb2 as pb

log = logging.getLogger("interim.front")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How much may be in flight at once."""

    max_requests: int
    max_bytes: int


class Requests:
    """Every request that is in flight at one engine; the listener of its worker."""

    def __init__(
        self, *, means: Means, door: Door, budgets: Budgets, learn: Callable[[Ready], ServedModel]
    ) -> None:
        self.model: ServedModel | None = None
        self.budgets = budgets
        self.bytes_in_flight = 0
        self.closing = False
        self.means = means
        budgets.busy = lambda: (self.in_flight, self.queue_s)
        self.longest_slice_s = 0.0
        self._door = door
        self._learn = learn
        self._ids = itertools.count(1)
        self._table: dict[int, Live] = {}
        self._open: dict[int, Live] = {}
        self._unread_bytes = 0

    @property
    def in_flight(self) -> int:
        """Requests asked for or admitted, and not ended."""
        return len(self._open)

    @property
    def queue_s(self) -> float:
        """What all that is in flight would still take the device, one after the other, to its last exit."""
        if self.model is None:
            return 0.0
        left_s = self.model.left_s
        return sum(
            left_s(live.truth.exit, live.truth.max_exit, live.order.picture.working)
            for live in self._open.values()
        )

    @property
    def latest_deadline_s(self) -> float:
        """The latest deadline in flight, of those that wait for exit 1 beyond theirs also; minus infinity: none is."""
        each_s = (max(live.truth.deadline_s, live.truth.timer_s) for live in self._open.values())
        return max(each_s, default=float("-inf"))

    async def idle(self, timeout_s: float) -> None:
        """Wait until everything in flight has ended, or the time is up."""
        if self._open:
            await asyncio.wait([live.ended for live in self._open.values()], timeout=timeout_s)

    def known_model(self) -> ServedModel:
        """The model, once the engine has told of it.

        Raises:
            UnavailableError: the engine is starting for the first time.
        """
        if self.model is None:
            raise UnavailableError("the model is still being loaded: try again soon", retry_after_s=RESTART_S)
        return self.model

    def open(
        self, order: Order, asked: BudgetRequest, sink: Sink, *, eager: bool, older: Sequence[Live] = ()
    ) -> Live:
        """Take a request in and ask the engine; what follows comes through `sink`.

        Args:
            order: The request, checked.
            asked: Its arrival, its own budget and its gRPC deadline.
            sink: Where its answers, or its refusal, go.
            eager: Whether each refinement is wanted, not only the answer.
            older: Frames whose place it takes.

        Raises:
            RequestError: refused at the door, with the cause and when to try again.
        """
        self._check_open(order)
        slot = self.means.arena.acquire()
        if slot is None:
            raise self._overloaded("memory", "all image slots are taken")
        truth = self._truth(order, asked, streaming=eager)
        self.means.metrics.budget.labels(self._name, truth.binding).observe(max(truth.budget_s, 0.0))
        live = Live(
            means=self.means,
            order=order,
            asked=asked,
            truth=truth,
            slot=slot,
            sink=sink,
            eager=eager,
            moved=self.budgets.moved,
            older=older,
        )
        self._table[live.id] = self._open[live.id] = live
        self.bytes_in_flight += order.size_bytes
        live.ended.add_done_callback(lambda _: self._close(live))
        live.over.add_done_callback(lambda _: self._table.pop(live.id))
        self._gauge()
        live.ask()
        self.budgets.begun(live.term)
        return live

    async def deliver(
        self, write: Callable[[pb.SessionResponse], Awaitable[None]], message: pb.SessionResponse
    ) -> None:
        """Write an answer; until the transport has taken it, its mask counts at the door as images do."""
        size_bytes = len(message.refinement.mask.data)
        self._unread_bytes += size_bytes
        try:
            await write(message)
        finally:
            self._unread_bytes -= size_bytes

    def reconsider(self) -> int:
        """What budgets depend on has changed: give each request the budget it has now; how many moved."""
        return sum(self.budgets.settle(live.term) for live in list(self._open.values()))

    def refused(self, error: RequestError) -> None:
        """Count a request that was not taken in."""
        why = error.cause or error.grpc_status.name.lower()
        self.means.metrics.refused.labels(self._name, why).inc()

    # --- the worker's side --------------------------------------------------------------------------

    def on(self, message: FromEngine) -> None:
        """Take one message of the engine."""
        match message:
            case Verdict() | Begun() | Published() | Failed() | Freed():
                self._measure(message)
                self._pass_on(message)
            case Ready():
                self._on_ready(message)
            case Stepped():
                self._on_stepped(message)
            case Beat():
                self.longest_slice_s = message.longest_slice_s
            case Learned() | Unable():
                pass  # the worker's business
            case _:
                assert_never(message)

    def lost(self) -> None:
        """The engine died or hangs; all it had said was heard."""
        metrics = self.means.metrics
        metrics.worker_up.labels(self._name).set(0)
        in_flight = list(self._table.values())
        for live in in_flight:
            live.lost()
        ended = [
            live.id for live in in_flight if live.truth.reason and live.truth.reason.name == "WORKER_LOST"
        ]
        note(
            log,
            "engine lost",
            level=logging.WARNING,
            in_flight=len(in_flight),
            ended=",".join(map(str, ended)) or "none",
        )

    def replaced(self) -> None:
        """Another engine was started in the place of one that died, whether or not that had been ready."""
        self.means.metrics.restarts.labels(self._name).inc()

    def shutdown(self) -> None:
        """End everything that is in flight with its newest exit, now."""
        for live in list(self._open.values()):
            live.shutdown()

    # --- inside -------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self.model.name if self.model else ""

    def _check_open(self, order: Order) -> None:
        if self.closing:
            raise UnavailableError("the server is stopping: use another", cause="shutdown")
        if not self.means.engine.up:
            raise UnavailableError(
                "the engine is being started: try again soon", cause="worker", retry_after_s=RESTART_S
            )
        if len(self._open) >= self._door.max_requests:
            raise self._overloaded("queue", f"{len(self._open)} requests are in flight, which is the limit")
        held_bytes = self.bytes_in_flight + self._unread_bytes
        if held_bytes + order.size_bytes > self._door.max_bytes:
            raise self._overloaded(
                "bytes",
                f"images in flight and answers that nobody reads hold {held_bytes} bytes of at most {self._door.max_bytes}",
            )

    def _overloaded(self, cause: str, what: str) -> OverloadedError:
        now_s = asyncio.get_running_loop().time()
        soonest_s = min((live.truth.deadline_s for live in self._open.values()), default=now_s) - now_s
        retry_s = min(max(soonest_s, 0.01), 10.0)
        return OverloadedError(
            f"{what}: try again in {retry_s * 1e3:.0f} ms", cause=cause, retry_after_s=retry_s
        )

    def _truth(self, order: Order, asked: BudgetRequest, *, streaming: bool) -> Truth:
        wish, in_force = self.budgets.asked(asked), self.budgets.in_force(asked)
        grpc_s = asked.grpc_deadline_s
        truth = Truth(
            id=next(self._ids),
            arrival_s=asked.arrival_s,
            deadline_s=wish.deadline_s,
            margin_s=self.means.margin.margin_s(order.wanted.positions),
            binding=wish.policy,
            budget_s=wish.budget_s,
            min_exit=order.min_exit,
            max_exit=order.max_exit,
            streaming=streaming,
            receive_by_s=None if grpc_s is None else grpc_s - self.budgets.guard_s,
        )
        if in_force.deadline_s < wish.deadline_s:
            truth.budget_moved(asked.arrival_s, in_force.deadline_s, in_force.policy)
        return truth

    def _close(self, live: Live) -> None:
        del self._open[live.id]
        self.bytes_in_flight -= live.order.size_bytes
        if live.cancelled:
            self.means.metrics.requests.labels(self._name, str(live.truth.exit), "CANCELLED").inc()
        self._gauge()

    def _gauge(self) -> None:
        self.means.metrics.in_flight.labels(self._name).set(len(self._open))

    def _pass_on(self, event: Event) -> None:
        live = self._table.get(event.id)
        if live is not None:
            live.on(event)

    def _measure(self, event: Event) -> None:
        live = self._table.get(event.id)
        if isinstance(event, Verdict) and live is not None and live.truth.phase is Phase.ASKED:
            waited_s = asyncio.get_running_loop().time() - live.truth.arrival_s
            self.means.metrics.verdict.labels(self._name).observe(waited_s)
        elif isinstance(event, Begun):
            self.means.metrics.queue.labels(self._name).observe(event.queued_s)
        elif isinstance(event, Freed):
            self.means.metrics.wasted.labels(self._name).inc(event.wasted_s)

    def _on_ready(self, ready: Ready) -> None:
        self.model = self._learn(ready)
        self.budgets.model = self.model.name
        self.longest_slice_s = ready.longest_slice_s
        self.means.metrics.exit_reached.expect(self.model.name, self.model.exits)
        self.means.metrics.worker_up.labels(self._name).set(1)
        self.means.metrics.native.labels(self._name).set(ready.execution.startswith("native"))
        for live in list(self._open.values()):
            live.again()

    def _on_stepped(self, step: Stepped) -> None:
        metrics, name, stage = self.means.metrics, self._name, str(step.exit)
        metrics.stage.labels(name, stage).observe(step.seconds)
        metrics.batch_size.labels(name).observe(step.batch)
        metrics.active_share.labels(name, stage).observe(step.active_share)
