"""One request while the server holds anything of it: the glue between truth, engine, memory and the way out.

`Truth` decides, `Answer` encodes, a `Sink` writes; this class carries events in and actions out. The slot
goes back only when nobody can touch it any more: the request ended, the engine forgot it (or died), and the
decoder is done.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

from interim.scheduling.budgets.budget import BudgetRequest
from interim.server.engine.arena import Slot
from interim.server.engine.messages import Ask, Begun, Failed, Forget, Freed, Move, Published, Submit, Verdict
from interim.server.errors import BadInputError, FaultyError, OverloadedError, RequestError, UnavailableError
from interim.server.front.actions import Action, Refuse, Release, Resubmit, Send, SetTimer
from interim.server.front.answer import Answer
from interim.server.front.decode import Decode
from interim.server.front.means import RESTART_S, Means
from interim.server.front.orders import Order
from interim.server.front.term import Term
from interim.server.front.truth import Truth

log = logging.getLogger("interim.front")

Event = Verdict | Begun | Published | Failed | Freed


class Sink(Protocol):
    """Where the answers of one request go."""

    def offer(self, live: "Live", send: Send) -> None:
        """Something newer can be handed over: `live.answer.take()` gives it when there is room."""

    def reject(self, live: "Live", error: RequestError) -> None:
        """The request ends with an error instead of an answer."""


class Live:
    """One request. All methods run on the event loop; events of the engine come through `on`.

    It takes the place of `older` frames once it can run itself, of those that no decoder has begun as soon as
    it is admitted: however fast frames come, there is always one that goes on.
    """

    def __init__(
        self,
        *,
        means: Means,
        order: Order,
        asked: BudgetRequest,
        truth: Truth,
        slot: Slot,
        sink: Sink,
        eager: bool,
        moved: Callable[[str, str], None],
        older: Sequence["Live"] = (),
    ) -> None:
        self.order = order
        self.truth = truth
        self.term = Term(truth, asked, tell=self._move, act=self._act, moved=moved)
        self.answer = Answer(
            means, order.wanted, eager=eager, offer=lambda send: sink.offer(self, send), fail=self._broken
        )
        self.image = Decode(means, order.picture, slot, lambda: truth.ended)
        self.shares: dict[int, float] = {0: 1.0}
        self.cancelled = False
        """Whether its client wanted no answer any more."""
        self.due_s: float | None = None
        """When the timer was to fire that ended it, or that was overdue when its last exit came; None: none was."""
        self.stopped_s: float | None = None
        """Since when an exit and a client's stop are both there; None: not yet."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the request is answered, refused or cancelled."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once nothing of it is held any more."""
        self._means = means
        self._slot = slot
        self._sink = sink
        self._clock = asyncio.get_running_loop().time
        self._timer: asyncio.TimerHandle | None = None
        self._decoding = False
        self._at_engine = False
        self._older = list(older)

    @property
    def id(self) -> int:
        """The server's own id of the request."""
        return self.truth.id

    def ask(self) -> None:
        """Ask the engine to let it in; from now on the clock runs."""
        truth, order = self.truth, self.order
        height, width = order.picture.working
        ask = Ask(
            id=self.id,
            arrival_s=truth.arrival_s,
            answer_by_s=max(truth.timer_s, truth.promise_s),
            ready_in_s=self.image.ready_in_s(),
            height=height,
            width=width,
            min_exit=order.min_exit,
            max_exit=order.max_exit,
            stop_below=order.stop_below,
            full_resolution=order.wanted.full_resolution,
            request_class=order.request_class,
        )
        self._at_engine = True
        self._means.engine.send(ask)
        self.term.inform()
        if self._timer is None:
            self._set_timer(truth.timer_s)

    # --- events -------------------------------------------------------------------------------------

    def on(self, event: Event) -> None:
        """Something the engine said."""
        now_s = self._clock()
        match event:
            case Verdict(ticket=0):
                self._on_verdict(now_s, event)
            case Verdict():
                self.term.on(event)
            case Begun():
                self._act(self.truth.begun(now_s))
            case Published():
                self._on_published(now_s, event)
            case Failed():
                self._act(self.truth.failed(now_s, event.detail))
            case Freed():
                self._at_engine = False
                self._tidy()
            case _:
                assert_never(event)

    def lost(self) -> None:
        """The engine died; what it had published came before this."""
        self._at_engine = False
        self.term.lost()
        self._act(self.truth.worker_lost(self._clock()))
        self._tidy()

    def again(self) -> None:
        """A new engine is up: a request that waits for it asks once more."""
        if not self.truth.ended and not self._at_engine:
            self.ask()

    def stop(self) -> None:
        """The client wants the newest exit at once."""
        now_s = self._clock()
        self._means.engine.drain()
        if not self.truth.ended:
            self.stopped_s = now_s
        self._act(self.truth.stop(now_s))

    def superseded(self) -> None:
        """A newer frame of the same stream came."""
        self._means.engine.drain()
        self._act(self.truth.superseded(self._clock()))

    def shutdown(self) -> None:
        """The server stops."""
        self._means.engine.drain()
        self._act(self.truth.shutdown(self._clock()))

    def cancel(self) -> None:
        """Nobody wants anything of it any more."""
        if not self.truth.ended:
            self.cancelled = True
            self._act(self.truth.cancel(self._clock()))

    # --- inside -------------------------------------------------------------------------------------

    def _move(self, answer_by_s: float, ticket: int) -> bool:
        if self._at_engine:
            self._means.engine.send(Move(id=self.id, answer_by_s=answer_by_s, ticket=ticket))
        return self._at_engine

    def _on_verdict(self, now_s: float, verdict: Verdict) -> None:
        if not verdict.admitted:
            self._act(self.truth.refused(now_s, verdict.cause, verdict.detail, verdict.retry_after_s))
        elif not self.truth.ended:
            self._act(self.truth.admitted(now_s))
            self._take_place(lambda older: not older.image.begun)
            if self.image.done:
                self._submit()
            elif not self._decoding:
                self._decode()

    def _on_published(self, now_s: float, event: Published) -> None:
        if self.truth.ended:
            return
        finding = self._means.arena.read(self._slot, event.exit)
        if finding is None:
            return  # a newer exit has overwritten it; its message is the next in the socket
        if now_s >= self.truth.timer_s:
            self.due_s = self.truth.timer_s  # the timer is late, too: what comes with it is heard first
        if self.stopped_s is not None:
            self.stopped_s = now_s  # nothing was there to be handed over before
        self.shares[event.exit] = event.active_share
        self.answer.complete(event.exit, finding)
        self._act(self.truth.published(now_s, event.exit, event.active_share, event.last))

    def _decode(self) -> None:
        self._decoding = True
        try:
            self.image.run(self._decoded)
        except RuntimeError as error:
            self._decoded(error)

    def _decoded(self, error: BaseException | None) -> None:
        self._decoding = False
        if error is None and self.image.done:
            self._submit()
        elif isinstance(error, BadInputError):
            if not self.truth.ended:
                self._give_up(error)
        elif error is not None:  # one request, whatever broke it, must not take others down
            self._broken(error)
        self._tidy()

    def _take_place(self, of: Callable[["Live"], bool]) -> None:
        """Supersede the older frames that are meant."""
        for older in [older for older in self._older if of(older)]:
            self._older.remove(older)
            older.superseded()

    def _submit(self) -> None:
        if self._at_engine and not self.truth.ended:
            self._take_place(lambda _: True)
            self._means.engine.send(
                Submit(id=self.id, slot=self._slot.index, generation=self._slot.generation)
            )

    def _act(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            match action:
                case Send():
                    self.answer.say(action)
                case SetTimer(at_s=at_s):
                    self._set_timer(at_s)
                case Release():
                    self._release()
                case Resubmit():
                    if self._means.engine.up:
                        self.ask()
                case Refuse():
                    self._sink.reject(self, _refusal(action))
                case _:
                    assert_never(action)

    def _set_timer(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at_s, self._on_timer)

    def _on_timer(self) -> None:
        self._means.engine.drain()  # what is complete by now counts
        if not self.truth.ended:
            self.due_s = self.truth.timer_s
        self._act(self.truth.timer(self._clock()))
        if not self.truth.ended:
            self.due_s = None

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.ended.set_result(None)
        if self._at_engine:
            self._means.engine.send(Forget(id=self.id))
        self._tidy()

    def _tidy(self) -> None:
        if not self.truth.ended or self._decoding:
            return
        self.image.drop()
        self._older.clear()
        if not self._at_engine and not self.over.done():
            self._means.arena.release(self._slot)
            self.over.set_result(None)

    def _give_up(self, error: RequestError) -> None:
        """End with an error, unless the client has heard the end already or does not want to."""
        if self.truth.ended and self.truth.reason is None:
            return
        self._act(self.truth.cancel(self._clock()))
        self._sink.reject(self, error)

    def _broken(self, error: BaseException) -> None:
        log.error("request failed in the front", exc_info=error, extra={"facts": {"id": self.id}})
        self._give_up(FaultyError("the server failed on this request alone; its log says why"))


def _refusal(refuse: Refuse) -> RequestError:
    detail, cause, retry_s = refuse.detail, refuse.cause, refuse.retry_after_s
    if cause == "worker":
        return UnavailableError(detail, cause=cause, retry_after_s=retry_s or RESTART_S)
    kind = UnavailableError if cause == "shutdown" else OverloadedError
    return kind(detail, cause=cause, retry_after_s=retry_s)
