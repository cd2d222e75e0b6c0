"""Handing an answer over: the message as of this instant, and what telemetry makes of it."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from interim.server.front.actions import Reason, Send
from interim.server.front.live import Live
from interim.server.front.means import RESTART_S, Means
from interim.server.front.served import ServedModel
from interim.server.telemetry.log import note
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    from interim.server.front.answer import Part

log = logging.getLogger("interim.front")

_REASONS: dict[Reason, pb.Reason] = {each: getattr(pb, each.name) for each in Reason}


class Handover:
    """A parcel (see `outgoing`): the newest answer of one request; `done` is called when the final is out.

    Every final counts once: when it is handed over, or when it is given up.
    """

    def __init__(self, live: Live, model: ServedModel, means: Means, done: Callable[[], None]) -> None:
        self._live = live
        self._done = done
        self._model = model
        self._means = means
        self._part: Part | None = None
        self._masked_s: float | None = None
        self._counted = False

    def pack(self, now_s: float) -> pb.SessionResponse | None:
        """The newest answer, with the times as of `now_s`; None: it went out already."""
        part = self._part = self._live.answer.take()
        if part is None:
            return None
        truth, send = self._live.truth, part.send
        response = part.encoded or pb.SessionResponse()
        message = response.refinement
        message.request_id = self._live.order.request_id or str(self._live.id)
        message.model, message.exits = self._model.name, self._model.exits
        message.exit, message.active_share = send.exit, self._live.shares.get(send.exit, 1.0)
        message.elapsed_ms = (now_s - truth.arrival_s) * 1e3
        message.remaining_ms = (truth.deadline_s - now_s) * 1e3
        message.budget_ms, message.budget_policy = truth.budget_s * 1e3, truth.binding
        message.late, message.final, message.detail = truth.late(now_s), send.final, send.detail
        if send.reason is not None:
            message.reason = _REASONS[send.reason]
        if send.final and send.exit == 0:
            message.retry_after_ms = self._retry_after_ms()
        self._count(part, now_s)
        return response

    def taken(self, handed_s: float, now_s: float) -> None:
        """The transport took it."""
        part, self._part = self._part, None
        assert part is not None
        due_s = self._live.due_s if part.send.final else None
        positions = self._live.order.wanted.positions
        if due_s is not None:
            self._means.margin.observe(positions, now_s - due_s)  # a late timer counts as well
        elif part.encoded is not None:
            self._means.margin.observe(positions, part.encode_s + now_s - handed_s)
        if part.send.final:
            self._done()

    def given_up(self) -> None:
        """Nobody takes a final any more, if there is one."""
        if self._live.truth.reason is not None and not self._counted:
            self._counted = True
            exit_ = str(self._live.truth.exit)
            self._means.metrics.requests.labels(self._model.name, exit_, "UNREAD").inc()

    def _count(self, part: "Part", handed_s: float) -> None:
        """What is handed over counts now: a client may hang up on its final before the write returns."""
        if part.encoded is not None:
            self._count_mask(handed_s)
        if part.send.final:
            self._count_final(part.send, handed_s)

    def _count_mask(self, handed_s: float) -> None:
        name, metrics = self._model.name, self._means.metrics
        if self._masked_s is None:
            metrics.first_refinement.labels(name).observe(handed_s - self._live.truth.arrival_s)
        else:
            metrics.refinement_interval.labels(name).observe(handed_s - self._masked_s)
        self._masked_s = handed_s

    def _count_final(self, send: Send, handed_s: float) -> None:
        name, metrics, truth = self._model.name, self._means.metrics, self._live.truth
        self._counted = True
        reason = send.reason.name if send.reason else ""
        slack_s = truth.deadline_s - handed_s
        metrics.exit_reached.observe(name, send.exit)
        metrics.requests.labels(name, str(send.exit), reason).inc()
        metrics.request.labels(name).observe(handed_s - truth.arrival_s)
        metrics.slack.labels(name).observe(slack_s)
        if self._live.stopped_s is not None:
            metrics.stop.labels(name).observe(handed_s - self._live.stopped_s)
        if truth.late(handed_s):
            metrics.late.labels(name).inc()
        note(
            log,
            "request ended",
            level=logging.DEBUG,
            id=self._live.id,
            exit=send.exit,
            reason=reason,
            slack_ms=slack_s * 1e3,
        )

    def _retry_after_ms(self) -> float:
        """When another try is worth it: once the engine is up again, or after some more work is done."""
        if not self._means.engine.up:
            return RESTART_S * 1e3
        first_s = self._model.ready.costs[0].p99_s if self._model.ready.costs else 0.1
        return max(first_s * 2e3, 10.0)
