"""The engine's books: verdicts at once, exits in order, one acknowledgement for each request forgotten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.scripted import EXITS, RAISE, ScriptedModel, picture

from interim.scheduling.costs import CostModel
from interim.scheduling.policy import named
from interim.scheduling.scheduler import Scheduler
from interim.server.engine.arena import Arena, Slot
from interim.server.engine.compute import Compute
from interim.server.engine.control import BEAT_S, LEARNED_S, Control
from interim.server.engine.device import Device
from interim.server.engine.messages import (
    Ask,
    Beat,
    Begun,
    Failed,
    Forget,
    Freed,
    FromEngine,
    Learned,
    Move,
    Published,
    Quit,
    Stepped,
    Submit,
    Verdict,
)
from interim.server.engine.pulse import Pulse
from interim.server.engine.request import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from interim.scheduling.job import Job
    from interim.scheduling.step import Step
    from interim.server.engine.probe import Probe

SIZE = (64, 96)
SLICE_S, SLICES = 0.01, 3
STAGE_S = SLICE_S * SLICES
Kind = TypeVar("Kind")


class Bench:
    """Both sides of an engine in one thread, on a virtual clock; `said` is what the front would hear."""

    def __init__(self, *, max_batch: int = 1, choice_s: float = 0.0) -> None:
        self.now_s = 50.0
        self.choice_s = choice_s
        self.said: list[FromEngine] = []
        self.arena = Arena.create(slots=8, max_pixels=SIZE[0] * SIZE[1])
        self.model = ScriptedModel(slices=SLICES, slice_s=SLICE_S, sleep=self.sleep)
        self.model.between = self.between
        self.hook: Callable[[], None] = lambda: None
        costs = self.costs = CostModel()
        for exit_ in range(1, EXITS + 1):
            costs.observe(exit_, SIZE, STAGE_S)
            for batch in range(2, max_batch + 1):
                costs.observe(exit_, SIZE, STAGE_S, batch=batch)
        self.policy = named("edf", costs=costs, max_batch=max_batch)
        scheduler = Scheduler(exits=EXITS, costs=costs, policy=self)
        self.pulse = Pulse()
        self.control = Control(
            scheduler=scheduler, multiple=32, pulse=self.pulse, send=self.said.append, clock=self.clock
        )
        self.compute = Compute(
            self.model,
            device=Device("cpu"),
            arena=self.arena,
            pulse=self.pulse,
            listener=self.control,
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.now_s

    def choose(self, now_s: float, queue: Sequence[Job]) -> Step | None:
        """The policy's, after a while."""
        self.sleep(self.choice_s)
        return self.policy.choose(now_s, queue)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def between(self) -> None:
        self.hook()

    def ask(self, id_: int, *, budget_s: float = 10.0, **options: object) -> None:
        known = {
            "arrival_s": self.now_s,
            "answer_by_s": self.now_s + budget_s,
            "ready_in_s": 0.0,
            "height": SIZE[0],
            "width": SIZE[1],
            "min_exit": 1,
            "max_exit": EXITS,
            "stop_below": 0.0,
            "full_resolution": True,
        }
        self.control.receive(Ask(id=id_, **(known | options)))  # type: ignore[arg-type]

    def submit(self, id_: int, *, command: int = 0, at: int = 0) -> Slot:
        slot = self.arena.acquire()
        assert slot is not None
        self.arena.input(slot, *SIZE)[:] = picture(*SIZE, command=command, at=at)
        self.control.receive(Submit(id=id_, slot=slot.index, generation=slot.generation))
        return slot

    def enter(self, id_: int, **options: object) -> Slot:
        self.ask(id_, **options)  # type: ignore[arg-type]
        return self.submit(id_)

    def step(self) -> bool:
        work = self.control.next_work()
        if work is not None:
            self.compute.run(work)
        return work is not None

    def run(self) -> None:
        while self.step():
            pass

    def heard(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.said if isinstance(message, kind)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_request_goes_through_all_its_exits(bench: Bench) -> None:
    """Verdict, begun, an exit after each stage, the last one marked, and freed when it is forgotten."""
    slot = bench.enter(7)
    bench.run()
    bench.control.receive(Forget(id=7))
    kinds = [type(message).__name__ for message in bench.said]
    assert kinds == ["Verdict", "Begun", *["Published", "Stepped"] * EXITS, "Freed"]
    published = bench.heard(Published)
    assert [message.exit for message in published] == [1, 2, 3, 4]
    assert [message.last for message in published] == [False, False, False, True]
    assert [message.active_share for message in published] == [0.75, 0.5, 0.25, 0.0]
    assert {message.generation for message in published} == {slot.generation}
    assert bench.arena.read(slot, 4) is not None


def test_what_a_step_took_is_told(bench: Bench) -> None:
    """Seconds, batch and the share that the stage computed, which is what the exit before left."""
    bench.enter(7)
    bench.run()
    steps = bench.heard(Stepped)
    assert [step.active_share for step in steps] == [1.0, 0.75, 0.5, 0.25]
    assert all(step.seconds == pytest.approx(STAGE_S) and step.batch == 1 for step in steps)


def test_the_time_of_a_choice_counts_in_what_is_promised() -> None:
    """The device waits for it: a step costs from when it is chosen; as a stage's time it is not told."""
    bench = Bench(choice_s=STAGE_S)
    before_s = bench.costs.mean(1, SIZE)
    bench.enter(1)
    bench.step()
    assert bench.costs.mean(1, SIZE) > before_s * 1.2
    assert [message.seconds for message in bench.heard(Stepped)] == pytest.approx([STAGE_S])


def test_a_step_prepared_while_another_runs_needs_no_choice_between_them() -> None:
    """The choice takes a stage's time, and the device does not wait for it."""
    bench = Bench(choice_s=STAGE_S)
    bench.enter(1)
    bench.enter(2)

    def prepare() -> None:
        bench.hook = lambda: None
        bench.choice_s = 0.0  # it is another thread's time
        bench.control.prepare()
        bench.choice_s = STAGE_S

    bench.hook = prepare
    bench.step()
    over_s = bench.now_s
    assert bench.step()
    assert bench.now_s - over_s == pytest.approx(STAGE_S)
    assert bench.model.stages == [(1, 1), (1, 1)]


def test_nothing_runs_before_the_image_is_there(bench: Bench) -> None:
    """An admitted request waits for its image, and its queueing is counted from then."""
    bench.ask(1, ready_in_s=0.5)
    assert not bench.step()
    bench.sleep(0.5)
    bench.submit(1)
    bench.sleep(0.25)
    assert bench.step()
    (begun,) = bench.heard(Begun)
    assert begun.queued_s == pytest.approx(0.25)


def test_what_cannot_be_met_is_refused(bench: Bench) -> None:
    """A refusal says why and when to come back, and leaves nothing behind."""
    bench.ask(1, budget_s=STAGE_S / 3)
    (verdict,) = bench.heard(Verdict)
    assert not verdict.admitted
    assert verdict.cause == "deadline"
    assert verdict.detail
    bench.submit(1)
    assert not bench.step()


def test_the_verdict_does_not_wait_for_the_stage(bench: Bench) -> None:
    """A question in the middle of a stage is answered in the middle of the stage."""
    bench.enter(1)
    seen: list[tuple[float, int]] = []

    def ask() -> None:
        bench.hook = lambda: None
        bench.ask(2)
        seen.append((bench.now_s, len(bench.heard(Verdict))))

    bench.hook = ask
    bench.step()
    ((asked_s, verdicts),) = seen
    assert verdicts == 2
    assert asked_s < bench.now_s


def test_exits_up_to_the_one_asked_for(bench: Bench) -> None:
    """`max_exit` ends a request, and the device turns to the next."""
    bench.enter(1, max_exit=2)
    bench.run()
    assert [(m.exit, m.last) for m in bench.heard(Published)] == [(1, False), (2, True)]


def test_a_sure_request_stops_itself(bench: Bench) -> None:
    """At most `stop_below` left to refine ends it, once `min_exit` is there."""
    bench.enter(1, stop_below=0.8, min_exit=3)
    bench.run()
    assert [(m.exit, m.last) for m in bench.heard(Published)] == [(1, False), (2, False), (3, True)]


def test_a_moved_deadline_is_answered_with_its_ticket(bench: Bench) -> None:
    """The front can tell which of its questions was answered; what is gone is refused as unknown."""
    bench.enter(1)
    bench.control.receive(Move(id=1, answer_by_s=bench.now_s + 20.0, ticket=5))
    bench.control.receive(Move(id=9, answer_by_s=bench.now_s + 20.0, ticket=6))
    _, moved, unknown = bench.heard(Verdict)
    assert (moved.ticket, moved.admitted) == (5, True)
    assert (unknown.ticket, unknown.admitted, unknown.cause) == (6, False, "unknown")


@pytest.mark.parametrize("stage", ["unknown", "asked", "waiting", "done"])
def test_whoever_is_forgotten_is_freed_at_once(bench: Bench, stage: str) -> None:
    """Wherever a request stands, the acknowledgement comes; only a running step delays it."""
    if stage != "unknown":
        bench.ask(1)
    if stage in {"waiting", "done"}:
        bench.submit(1)
    if stage == "done":
        bench.run()
    bench.control.receive(Forget(id=1))
    assert bench.said[-1] == Freed(id=1, wasted_s=0.0)
    assert not bench.step()


def test_a_slot_is_freed_only_when_the_step_is_over(bench: Bench) -> None:
    """The acknowledgement means that nobody writes there any more; the time so far was wasted."""
    slot = bench.enter(1)
    freed_in_the_middle = []

    def forget() -> None:
        bench.control.receive(Forget(id=1))
        freed_in_the_middle.append(bench.heard(Freed))

    bench.hook = forget
    bench.step()
    assert freed_in_the_middle == [[]]
    (freed,) = bench.heard(Freed)
    assert freed.wasted_s == pytest.approx(SLICE_S)
    assert bench.heard(Published) == []
    assert bench.arena.read(slot, 1) is None


def test_work_that_was_taken_is_not_wasted(bench: Bench) -> None:
    """Who is forgotten between an exit and the next step wasted nothing."""
    bench.enter(1)
    bench.step()
    bench.control.receive(Forget(id=1))
    assert bench.said[-1] == Freed(id=1, wasted_s=0.0)


def test_a_batch_shares_its_step() -> None:
    """Requests before the same stage run together; the waste of one is its share of the step."""
    bench = Bench(max_batch=2)
    bench.enter(1)
    bench.enter(2)

    def forget() -> None:
        bench.hook = lambda: None
        bench.control.receive(Forget(id=1))

    bench.hook = forget
    bench.step()
    assert bench.model.stages == [(1, 2)]
    assert [message.id for message in bench.heard(Published)] == [2]
    (freed,) = bench.heard(Freed)
    assert freed.wasted_s == pytest.approx(STAGE_S / 2)


def test_only_the_request_that_raises_fails(bench: Bench) -> None:
    """It is told once, runs no more, and is freed like any other; its neighbour ends as usual."""
    bench.ask(1)
    bench.submit(1, command=RAISE, at=2)
    bench.enter(2)
    bench.run()
    assert [message.id for message in bench.heard(Failed)] == [1]
    assert [m.exit for m in bench.heard(Published) if m.id == 1] == [1]
    assert [m.exit for m in bench.heard(Published) if m.id == 2] == [1, 2, 3, 4]
    bench.control.receive(Forget(id=1))
    assert bench.said[-1] == Freed(id=1, wasted_s=0.0)


def test_an_idle_engine_beats(bench: Bench) -> None:
    """Not more often than needed."""
    for _ in range(5):
        bench.control.tick()
        bench.sleep(BEAT_S / 2)
    assert len(bench.heard(Beat)) == 3


def test_a_compute_thread_that_stands_still_has_no_beat(bench: Bench) -> None:
    """Beats stop while no slice border is passed, and go on with the next one."""
    bench.enter(1)
    beats = []

    def tick() -> None:
        for _ in range(3):
            bench.sleep(BEAT_S)
            bench.control.tick()
        beats.append(len(bench.heard(Beat)))

    bench.hook = tick
    bench.step()
    assert beats == [1, 2, 3]


def test_what_was_learnt_is_told_from_time_to_time(bench: Bench) -> None:
    """Only when there is news, so that the next life of the engine need not measure anew."""
    bench.sleep(LEARNED_S)
    bench.control.tick()
    assert bench.heard(Learned) == []
    bench.enter(1)
    bench.run()
    bench.control.tick()
    bench.control.tick()
    (learned,) = bench.heard(Learned)
    assert CostModel.from_dict(learned.costs).measured(4, SIZE)


def test_a_message_out_of_place_is_an_error(bench: Bench) -> None:
    """The protocol's own messages never reach the books."""
    with pytest.raises(ValueError, match="only before or after"):
        bench.control.receive(Quit())


def test_an_idle_compute_thread_takes_what_comes(bench: Bench) -> None:
    """The thread that waits for work wakes up with the image, not with a timer."""
    taken: list[Work | Probe] = []
    thread = threading.Thread(target=lambda: taken.append(bench.control.take()))
    thread.start()
    bench.enter(1)
    thread.join(timeout=20)
    works = [work for work in taken if isinstance(work, Work)]
    assert [(work.exit, [request.id for request in work.requests]) for work in works] == [(1, [1])]


def test_a_refusal_on_an_idle_engine_is_looked_into(bench: Bench) -> None:
    """Its size is measured at once, and what turns out to be possible comes in the next time."""
    small = (32, 64)  # never seen: charged three times its share of pixels, which is a third
    bench.ask(1, budget_s=0.025, height=small[0], width=small[1])
    assert not bench.heard(Verdict)[-1].admitted
    probe = bench.control.next_probe()
    assert probe is not None
    assert (probe.doubt.size, probe.doubt.exits) == (small, 1)
    bench.control.probed(probe, [(1, 0.01)] * 2)
    assert bench.control.next_probe() is None
    bench.ask(2, budget_s=0.025, height=small[0], width=small[1])
    assert bench.heard(Verdict)[-1].admitted


def test_looking_into_it_yields_to_work(bench: Bench) -> None:
    """A request that comes in has the device at the next slice border."""
    bench.ask(1, budget_s=0.001)
    probe = bench.control.next_probe()
    assert probe is not None
    bench.ask(2, budget_s=0.001)
    assert not probe.given_up
    bench.ask(3)
    assert probe.given_up
    bench.control.probed(probe, [])
    assert bench.control.next_probe() is None


EVENTS = st.lists(
    st.tuples(st.sampled_from(["ask", "submit", "forget", "step", "move"]), st.integers(0, 3)), max_size=20
)


class Front:
    """A front that says things in any order its protocol allows: ask once, submit once, forget once."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.unasked, self.unsubmitted, self.unforgotten = set(range(4)), set(range(4)), set(range(4))

    def act(self, event: str, id_: int) -> None:
        if event == "ask" and id_ in self.unasked & self.unforgotten:
            self.unasked.remove(id_)
            self.bench.ask(id_)
        elif event == "submit" and id_ in self.unsubmitted - self.unasked:
            self.unsubmitted.remove(id_)
            self.bench.submit(id_)
        elif event == "forget" and id_ in self.unforgotten:
            self.unforgotten.remove(id_)
            self.bench.control.receive(Forget(id=id_))
        elif event == "move":
            self.bench.control.receive(Move(id=id_, answer_by_s=self.bench.now_s + 5.0, ticket=1))


@settings(deadline=None)
@given(script=EVENTS, inner=EVENTS, max_batch=st.sampled_from([1, 3]))
def test_any_order_of_events_keeps_the_books(
    script: list[tuple[str, int]], inner: list[tuple[str, int]], max_batch: int
) -> None:
    """Exits come in order and once, one `Freed` for each `Forget`, and nothing is said of it after that."""
    bench = Bench(max_batch=max_batch)
    front = Front(bench)
    pending = list(reversed(inner))
    bench.hook = lambda: front.act(*pending.pop()) if pending else None
    for event, id_ in script:
        if event == "step":
            bench.step()
        else:
            front.act(event, id_)
    bench.run()
    for id_ in range(4):
        said = [m for m in bench.said if isinstance(m, Published | Failed | Freed) and m.id == id_]
        exits = [m.exit for m in said if isinstance(m, Published)]
        assert exits == list(range(1, len(exits) + 1))
        freed = [m for m in said if isinstance(m, Freed)]
        assert freed == ([] if id_ in front.unforgotten else said[-1:])
        if id_ in front.unforgotten - front.unsubmitted:
            assert len(exits) == EXITS
