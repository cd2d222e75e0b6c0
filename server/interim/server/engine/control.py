"""The engine's books: what is asked, what waits, what runs; shared by its two threads under one lock.

The control thread brings the front's messages and answers at once, also while a stage runs; and while it runs
it prepares the step after it. The compute thread brings results and takes the next step itself at the instant
the last one ends: no hand-over between threads lies between two steps, and what was prepared is checked with
what is known then.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from interim.scheduling.ahead import AGAIN_S
from interim.scheduling.job import Job
from interim.server.engine.arena import Slot
from interim.server.engine.messages import (
    Ask,
    Beat,
    Begun,
    Failed,
    Forget,
    Freed,
    Learned,
    Move,
    Published,
    Quit,
    Start,
    Stepped,
    Submit,
    Verdict,
)
from interim.server.engine.probe import Probe
from interim.server.engine.request import Request, Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.admission import Admission
    from interim.scheduling.scheduler import Scheduler
    from interim.scheduling.step import Step
    from interim.server.engine.messages import FromEngine, ToEngine
    from interim.server.engine.pulse import Pulse

BEAT_S = 0.2
LEARNED_S = 10.0
"""How often the costs are told, so that the next life of the engine need not measure anew."""


class Control:
    """Everything the engine knows of its requests.

    Args:
        scheduler: Decides; used here only.
        multiple: Heights and widths are padded to it.
        pulse: Of the compute thread.
        send: Takes messages for the front; called under the lock, so in order.
        begun: Called by the compute thread when a step begins: the control thread is to call `prepare`.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        scheduler: Scheduler,
        multiple: int,
        pulse: Pulse,
        send: Callable[[FromEngine], None],
        begun: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scheduler = scheduler
        self._multiple = multiple
        self._pulse = pulse
        self._send = send
        self._begun = begun
        self._clock = clock
        self._changed = threading.Condition()
        self._asked: dict[int, Ask] = {}
        self._requests: dict[int, Request] = {}
        self._submitted_s: dict[int, float] = {}
        self._step: Step | None = None
        self._chosen_s = 0.0
        self._probe: Probe | None = None
        self._entered_share = 1.0
        self._shares: dict[int, float] = {}  # of the requests that the running step has brought to its exit
        self._idle = True
        self._beat_borders = -1
        self._beat_s = 0.0
        self._told_s = self._clock()
        self._news = False

    # --- from the control thread ---

    def receive(self, message: ToEngine) -> None:
        """Act on a message of the front."""
        with self._changed:
            now_s = self._clock()
            match message:
                case Ask():
                    self._ask(now_s, message)
                case Submit():
                    self._submit(now_s, message)
                case Move(id=id_, answer_by_s=answer_by_s, ticket=ticket):
                    self._answer(id_, ticket, self._scheduler.move(now_s, id_, answer_by_s))
                case Forget(id=id_):
                    self._forget(now_s, id_)
                case Start() | Quit():
                    raise ValueError(f"{message} comes only before or after the engine's work.")
            self._changed.notify()

    def prepare(self) -> None:
        """Choose the step after the running one, if what is known has changed since that was last done."""
        with self._changed:
            self._scheduler.prepare(self._clock(), pause_s=AGAIN_S)

    def tick(self) -> None:
        """Say that the compute thread lives, if it does; call this at least every `BEAT_S`."""
        with self._changed:
            now_s = self._clock()
            alive = self._idle or self._pulse.borders != self._beat_borders
            if alive and now_s - self._beat_s >= BEAT_S:
                self._beat_s, self._beat_borders = now_s, self._pulse.borders
                slice_s, queued = self._pulse.longest_slice_s, len(self._scheduler.jobs)
                self._send(Beat(now_s=now_s, longest_slice_s=slice_s, queued=queued))
            if self._news and now_s - self._told_s >= LEARNED_S:
                self._told_s, self._news = now_s, False
                self._send(Learned(costs=self._scheduler.costs.to_dict()))

    def _ask(self, now_s: float, ask: Ask) -> None:
        size = (self._padded(ask.height), self._padded(ask.width))
        job = Job(
            id=ask.id,
            arrival_s=ask.arrival_s,
            answer_by_s=ask.answer_by_s,
            ready_s=now_s + ask.ready_in_s,
            size=size,
            min_exit=ask.min_exit,
            max_exit=ask.max_exit,
            stop_below=ask.stop_below,
            request_class=ask.request_class,
        )
        admission = self._scheduler.ask(now_s, job)
        if admission.admitted:
            self._asked[ask.id] = ask
            if self._probe is not None:
                self._probe.give_up()
        self._answer(ask.id, 0, admission)

    def _answer(self, id_: int, ticket: int, admission: Admission) -> None:
        verdict = Verdict(
            id=id_,
            ticket=ticket,
            admitted=admission.admitted,
            cause=admission.cause,
            detail=admission.detail,
            retry_after_s=admission.retry_after_s,
        )
        self._send(verdict)

    def _submit(self, now_s: float, message: Submit) -> None:
        ask = self._asked.pop(message.id, None)
        if ask is None:
            return
        self._requests[ask.id] = Request(
            id=ask.id,
            slot=Slot(message.slot, message.generation),
            size=(ask.height, ask.width),
            full_resolution=ask.full_resolution,
            min_exit=ask.min_exit,
            max_exit=min(ask.max_exit, self._scheduler.exits),
            stop_below=ask.stop_below,
        )
        self._submitted_s[ask.id] = now_s
        self._scheduler.submit(now_s, ask.id)

    def _forget(self, now_s: float, id_: int) -> None:
        """Freed at once, unless the request is in the running step: then when that ends."""
        self._scheduler.forget(now_s, id_, yields_s=self._pulse.longest_slice_s)
        self._asked.pop(id_, None)
        request = self._requests.get(id_)
        if request is not None and self._step is not None and id_ in self._step.ids:
            request.forgotten = True
        else:
            self._free(id_, 0.0)

    def _free(self, id_: int, wasted_s: float) -> None:
        self._requests.pop(id_, None)
        self._submitted_s.pop(id_, None)
        self._send(Freed(id=id_, wasted_s=wasted_s))

    # --- from the compute thread ---

    def take(self) -> Work | Probe:
        """The next work, or with none something to find out; waits until there is either."""
        with self._changed:
            while (work := self.next_work() or self.next_probe()) is None:
                now_s = self._clock()
                wake_s = self._scheduler.wake_s(now_s)
                self._changed.wait(None if wake_s is None else max(wake_s - now_s, 1e-3))
        self._begun()
        return work

    def next_probe(self) -> Probe | None:
        """What to measure while there is nothing to run; answer with `probed`."""
        with self._changed:
            doubt = self._scheduler.doubt(self._clock(), yields_s=self._pulse.longest_slice_s)
            self._probe = None if doubt is None else Probe(doubt)
            self._idle = doubt is None
            return self._probe

    def probed(self, probe: Probe, seconds: Sequence[tuple[int, float]]) -> None:
        """What the stages of a probe cost: (exit, seconds) of each step."""
        with self._changed:
            self._probe, self._news = None, True
            self._scheduler.settle(probe.doubt, seconds)

    def next_work(self) -> Work | None:
        """The next work, which counts as running from now on; None: there is nothing to run now."""
        with self._changed:
            now_s = self._chosen_s = self._clock()
            step = self._step = self._scheduler.next_step(now_s)
            self._idle = step is None
            if step is None:
                return None
            jobs = [self._scheduler.jobs[id_] for id_ in step.ids]
            self._entered_share = sum(job.active_share for job in jobs) / len(jobs)
            if step.exit == 1:
                for id_ in step.ids:
                    self._send(Begun(id=id_, queued_s=now_s - self._submitted_s[id_]))
            return Work(step.exit, tuple(self._requests[id_] for id_ in step.ids))

    def exit_done(self, request: Request, exit_: int, active_share: float) -> None:
        """See `compute.Listener`."""
        with self._changed:
            if request.forgotten:
                return
            self._shares[request.id] = active_share
            published = Published(
                id=request.id,
                generation=request.slot.generation,
                exit=exit_,
                active_share=active_share,
                done_s=self._clock(),
                last=request.ends_with(exit_, active_share),
            )
            self._send(published)

    def failed(self, request: Request, detail: str) -> None:
        """See `compute.Listener`."""
        with self._changed:
            self._scheduler.fail(self._clock(), request.id)
            if not request.forgotten:
                self._send(Failed(id=request.id, detail=detail))

    def step_over(self, work: Work, seconds: float) -> None:
        """See `compute.Listener`."""
        with self._changed:
            assert self._step is not None
            now_s = self._clock()  # the choice, too, keeps the device waiting: promises have to count it
            self._scheduler.finish(now_s, self._step, now_s - self._chosen_s, self._shares)
            batch = len(work.requests)
            self._send(
                Stepped(exit=work.exit, batch=batch, seconds=seconds, active_share=self._entered_share)
            )
            for request in work.requests:
                if request.forgotten:
                    request.state = None
                    self._free(request.id, 0.0 if request.id in self._shares else seconds / batch)
            self._step, self._shares, self._news = None, {}, True

    def _padded(self, pixels: int) -> int:
        return -(-pixels // self._multiple) * self._multiple
