"""Deadlines that move while requests run: by an operator, by time, by load; in virtual time, over a fake engine."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interim.scheduling.budgets.book import BudgetRules
from interim.scheduling.budgets.budget import BudgetRequest
from interim.scheduling.budgets.caps import Cap
from interim.scheduling.budgets.load import LoadRule
from interim.server.engine.messages import Ask, Move, Verdict
from interim.server.front.budget_watch import BudgetWatch
from interim.server.front.handover import Handover
from interim.server.front.images import Limits
from interim.server.front.orders import read_order
from interim.server.front.pace import WIRE_S
from interim.server.front.term import NOTICE_S
from interim.v1 import inference_pb2 as pb

MARGIN_S = 0.003 + WIRE_S


class Stream:
    """One request, and what its client was told."""

    def __init__(self, requests: Any, *, budget_ms: Any = None, request_class: Any = "") -> None:
        image = pb.Image(raw=pb.RawImage(height=8, width=12, rgb=bytes(8 * 12 * 3)))
        wire = pb.InferRequest(image=image, budget_ms=budget_ms, request_class=request_class)
        order = read_order(wire, requests.known_model(), Limits())
        asked = BudgetRequest(arrival_s=now(), own_s=order.own_budget_s, request_class=request_class)
        self.said: list[Any] = []
        self.errors: list[Any] = []
        self.live = requests.open(order, asked, self, eager=True)
        self.handover = Handover(self.live, requests.known_model(), requests.means, lambda: None)

    def offer(self, live: Any, send: Any) -> None:
        message = self.handover.pack(now())
        assert message is not None
        self.said.append(message.refinement)
        self.handover.taken(now(), now())

    def reject(self, live: Any, error: Any) -> None:
        self.errors.append(error)

    @property
    def final(self) -> Any:
        (final,) = [message for message in self.said if message.final]
        return final


class Stage:
    """A table of requests, its watch and its engine; what a scenario plays with."""

    def __init__(self, requests: Any) -> None:
        self.requests = requests
        self.engine = requests.means.engine
        self.watch = BudgetWatch(requests)
        self.metrics = requests.means.metrics

    def stream(self, *, exits: Any = 1, **fields: Any) -> Any:
        """A request with some exits complete, soon."""
        stream = Stream(self.requests, **fields)
        loop = asyncio.get_running_loop()
        if exits:
            loop.call_later(0.002, self.engine.begin, stream.live.id)
        for exit_ in range(1, exits + 1):
            loop.call_later(0.003 + exit_ / 1000, self.engine.publish, stream.live.id, exit_)
        return stream

    def cap(self, at_most_ms: Any, ttl_s: Any = 60.0, **fields: Any) -> Any:
        return self.watch.set_cap(Cap(at_most_s=at_most_ms / 1e3, until_s=now() + ttl_s, **fields))

    def count(self, line: Any) -> Any:
        """The value of one line of /metrics."""
        lines = self.metrics.text().decode().splitlines()
        found = [each for each in lines if each.startswith(line)]
        return float(found[0].rsplit(" ", 1)[1]) if found else None


def now() -> Any:
    return asyncio.get_running_loop().time()


async def turn() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def play(in_virtual_time: Any, requests_of_fake: Any) -> Any:
    """Plays a scenario; in the end nothing may be held."""

    def run(scenario: Any, **rules: Any) -> None:
        async def main() -> None:
            stage = Stage(requests_of_fake(max_requests=8, budget=BudgetRules(**rules)))
            stage.watch.start()
            await scenario(stage)
            await turn()
            stage.watch.stop()
            assert stage.requests.in_flight == 0
            assert stage.requests.means.arena.free == stage.requests.means.arena.slots

        in_virtual_time(main())

    return run


def test_five_requests_in_flight_end_by_an_operators_cap(play: Any) -> None:
    """Their deadlines move at once, each is told on its next message, and all end in time with their newest exit."""

    async def scenario(stage: Any) -> None:
        streams = [stage.stream(budget_ms=5000) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert stage.cap(100) == 5
        for each in streams:
            assert each.live.truth.deadline_s == pytest.approx(each.live.truth.arrival_s + 0.1)
        stage.engine.publish(streams[0].live.id, 2)
        await turn()
        told = streams[0].said[-1]
        assert (told.exit, told.budget_policy, told.budget_ms) == (2, "operator", pytest.approx(100))
        assert told.remaining_ms == pytest.approx(50)
        await asyncio.sleep(0.06)
        for stream in streams:
            assert (stream.final.reason, stream.final.late) == (pb.BUDGET_CUT, False)
            assert stream.final.elapsed_ms <= 100
        assert [each.final.exit for each in streams] == [2, 1, 1, 1, 1]
        assert (
            stage.count('interim_budget_moves_total{model="fake",outcome="shortened",policy="operator"}') == 5
        )

    play(scenario)


def test_what_is_over_its_new_budget_already_still_ends_in_time(play: Any) -> None:
    """A deadline that a policy puts into the past is a few milliseconds ahead: nobody is late for it."""

    async def scenario(stage: Any) -> None:
        stream = stage.stream(budget_ms=5000)
        await asyncio.sleep(0.5)
        stage.cap(100)
        assert stream.live.truth.deadline_s == pytest.approx(now() + NOTICE_S)
        stage.watch.turn()
        stage.requests.reconsider()
        await asyncio.sleep(NOTICE_S)
        assert (stream.final.reason, stream.final.late) == (pb.BUDGET_CUT, False)

    play(scenario)


def test_a_request_under_a_cap_is_admitted_by_what_it_asked_for(play: Any) -> None:
    """Even a cap that no exit can meet refuses nobody: exit 1 ends the request, in its client's own time."""

    async def scenario(stage: Any) -> None:
        stage.cap(1)
        stream = stage.stream(budget_ms=500, exits=0)
        (ask,), (move,) = stage.engine.of(Ask), stage.engine.of(Move)
        arrival_s = stream.live.truth.arrival_s
        assert ask.answer_by_s == pytest.approx(arrival_s + 0.5 - MARGIN_S)
        assert move.answer_by_s == pytest.approx(arrival_s + 0.001 - MARGIN_S)
        await asyncio.sleep(0.1)
        stage.engine.begin(stream.live.id)
        stage.engine.publish(stream.live.id, 1)
        await turn()
        assert stream.errors == []
        assert (stream.final.exit, stream.final.reason, stream.final.late) == (1, pb.BUDGET_CUT, False)

    play(scenario)


def test_at_its_end_a_cap_gives_the_time_back(play: Any) -> None:
    """The engine is asked; what it grants is the client's own deadline again, and the end is a plain one."""

    async def scenario(stage: Any) -> None:
        stream = stage.stream(budget_ms=800)
        await asyncio.sleep(0.05)
        stage.cap(400, ttl_s=0.1, why="too hot", set_by="me")
        await asyncio.sleep(0.09)
        assert stream.live.truth.binding == "operator"
        await asyncio.sleep(0.02)
        assert stream.live.truth.binding == "request"
        assert stage.engine.of(Move)[-1].answer_by_s == pytest.approx(
            stream.live.truth.arrival_s + 0.8 - MARGIN_S
        )
        await asyncio.sleep(1)
        assert (stream.final.reason, stream.final.elapsed_ms) == (
            pb.DEADLINE,
            pytest.approx(800 - 1e3 * MARGIN_S),
        )
        assert stage.count('interim_budget_caps_total{action="expired",model="fake"}') == 1
        assert stage.count("interim_budget_cap_seconds{") is None

    play(scenario)


def test_a_refused_extension_leaves_the_old_deadline(play: Any) -> None:
    """The cap goes, the device has no room: the cut deadline stands, and a counter says so."""

    async def scenario(stage: Any) -> None:
        stream = stage.stream(budget_ms=800)
        await asyncio.sleep(0.05)
        stage.cap(200)
        stage.engine.script = lambda engine, message: engine.say(
            Verdict(id=message.id, ticket=message.ticket, admitted=False, detail="Full.")
        )
        assert stage.watch.clear_caps(None)[1] == 1
        await turn()
        assert stream.live.truth.deadline_s == pytest.approx(stream.live.truth.arrival_s + 0.2)
        refused = 'interim_budget_moves_total{model="fake",outcome="refused",policy="request"}'
        assert stage.count(refused) == 1
        stage.engine.script = type(stage.engine)(stage.engine.arena).script
        await asyncio.sleep(0.2)
        assert stream.final.elapsed_ms == pytest.approx(200 - 1e3 * MARGIN_S)

    play(scenario)


def test_a_cap_for_a_class_leaves_the_others_alone(play: Any) -> None:
    """And one that is cleared before its end is as if it had never been."""

    async def scenario(stage: Any) -> None:
        batch, other = (stage.stream(budget_ms=500, request_class=name) for name in ("batch", ""))
        await asyncio.sleep(0.05)
        assert stage.cap(200, request_class="batch") == 1
        assert stage.count('interim_budget_cap_seconds{request_class="batch"}') == 0.2
        await asyncio.sleep(0.2)
        assert batch.final.reason == pb.BUDGET_CUT
        gone, moved = stage.watch.clear_caps("batch")
        assert ([each.at_most_s for each in gone], moved) == ([0.2], 0)
        await asyncio.sleep(0.5)
        assert other.final.reason == pb.DEADLINE

    play(scenario)


def test_a_dry_run_changes_nothing_and_says_what_it_would_have_done(play: Any, caplog: Any) -> None:
    """No message to the engine, no deadline moved; one line and one count tell of it."""

    async def scenario(stage: Any) -> None:
        stream = stage.stream(budget_ms=500)
        await asyncio.sleep(0.05)
        assert stage.cap(100, dry_run=True) == 0
        later = stage.stream(budget_ms=300)
        await asyncio.sleep(1)
        assert stage.engine.of(Move) == []
        for each, budget_ms in ((stream, 500), (later, 300)):
            sent_ms = pytest.approx(budget_ms - 1e3 * MARGIN_S)
            assert (each.final.reason, each.final.elapsed_ms) == (pb.DEADLINE, sent_ms)
        assert stage.count('interim_budget_dry_run_seconds_count{model="fake",policy="operator"}') == 2
        assert stage.count("interim_budget_cap_seconds{") is None

    caplog.set_level(logging.INFO, "interim.front")
    play(scenario)
    (said,) = [record.facts for record in caplog.records if record.message == "budget dry run"]
    assert (said["policy"], said["would_be_ms"], said["is_ms"]) == (
        "operator",
        pytest.approx(100),
        pytest.approx(500),
    )


def test_what_an_operator_does_is_in_the_log(play: Any, caplog: Any) -> None:
    """Set, cleared and expired, by whom, for whom, why and for how long."""

    async def scenario(stage: Any) -> None:
        stage.cap(100, ttl_s=30, why="too hot", set_by="ipv4:10.0.0.7:5")
        stage.cap(50, ttl_s=5, request_class="batch")
        stage.watch.clear_caps("")
        await asyncio.sleep(6)

    caplog.set_level(logging.INFO, "interim.front")
    play(scenario)
    said = [(each.message, each.facts) for each in caplog.records if each.message.startswith("budget cap")]
    assert [(message, facts["request_class"]) for message, facts in said] == [
        ("budget cap set", "every"),
        ("budget cap set", "batch"),
        ("budget cap cleared", "every"),
        ("budget cap expired", "batch"),
    ]
    first = said[0][1]
    assert (first["at_most_ms"], first["ends_in_s"], first["set_by"], first["why"]) == (
        100,
        pytest.approx(30),
        "ipv4:10.0.0.7:5",
        "too hot",
    )


def test_the_load_shortens_and_restores_budgets_in_flight(play: Any) -> None:
    """Eight requests hold more work than allowed; when most are gone, the last one has its time again."""

    async def scenario(stage: Any) -> None:
        streams = [stage.stream(budget_ms=ms) for ms in (5000, *[150] * 7)]
        await asyncio.sleep(0.11)
        long = streams[0].live.truth
        assert (long.binding, long.budget_s) == ("load", pytest.approx(4))
        assert stage.count('interim_budget_share{model="fake"}') < 1
        await asyncio.sleep(2)
        assert (long.binding, long.budget_s) == ("request", pytest.approx(5))
        assert stage.count('interim_budget_share{model="fake"}') == 1
        streams[0].live.stop()

    play(scenario, load=LoadRule(above_s=0.006, below_s=0.003, least_share=0.5))


def test_a_client_may_revise_under_a_cap(play: Any) -> None:
    """Its wish is taken, the cap binds on; shortened below the cap, its own deadline binds."""

    async def scenario(stage: Any) -> None:
        stream = stage.stream(budget_ms=500)
        await asyncio.sleep(0.05)
        stage.cap(300)
        budgets, truth = stage.requests.budgets, stream.live.truth
        assert (await budgets.revise(stream.live.term, 0.9)).admitted
        assert (truth.binding, truth.budget_s) == ("operator", pytest.approx(0.3))
        stage.watch.clear_caps(None)
        await turn()
        assert (truth.binding, truth.budget_s) == ("request", pytest.approx(0.9))
        stage.cap(300)
        assert (await budgets.revise(stream.live.term, 0.1)).admitted
        assert (truth.binding, truth.budget_s) == ("request", pytest.approx(0.1))
        await asyncio.sleep(0.1)
        assert stream.final.reason == pb.DEADLINE

    play(scenario)


def test_a_cap_that_comes_while_an_extension_is_asked_for_binds(play: Any) -> None:
    """The client hears that its wish is granted; in force is the cap."""

    async def scenario(stage: Any) -> None:
        stream = stage.stream(budget_ms=500)
        await asyncio.sleep(0.05)
        script, stage.engine.script = stage.engine.script, lambda *_: None
        wish = asyncio.ensure_future(stage.requests.budgets.revise(stream.live.term, 0.9))
        await turn()
        stage.cap(200)
        stage.engine.script = script
        ticket = stage.engine.of(Move)[0].ticket
        stage.engine.say(Verdict(id=stream.live.id, ticket=ticket, admitted=True))
        assert (await wish).admitted
        assert stream.live.truth.budget_s == pytest.approx(0.2)
        assert stage.engine.of(Move)[-1].answer_by_s == pytest.approx(stream.live.truth.timer_s)
        await asyncio.sleep(0.2)
        assert stream.final.reason == pb.BUDGET_CUT

    play(scenario)


def test_an_engine_that_dies_takes_no_cut_with_it(play: Any) -> None:
    """The next one is asked with the client's own time, and told of the cut."""

    async def scenario(stage: Any) -> None:
        stage.cap(5000)
        stream = stage.stream(budget_ms=9000, exits=0)
        await turn()
        stage.engine.up = False
        stage.requests.lost()
        stage.engine.up = True
        stage.engine.sent.clear()
        for live in list(stage.requests._open.values()):
            live.again()
        (ask,), (move,) = stage.engine.of(Ask), stage.engine.of(Move)
        arrival_s = stream.live.truth.arrival_s
        assert ask.answer_by_s == pytest.approx(arrival_s + 9 - MARGIN_S)
        assert move.answer_by_s == pytest.approx(arrival_s + 5 - MARGIN_S)
        stream.live.cancel()

    play(scenario)


MOVES = st.one_of(
    st.tuples(st.just("cap"), st.sampled_from([20, 80, 200, 700]), st.sampled_from([0.03, 0.2, 9.0])),
    st.tuples(st.just("clear")),
    st.tuples(st.just("revise"), st.sampled_from([0.05, 0.3, 0.9])),
    st.tuples(st.just("publish")),
    st.tuples(st.just("refuse"), st.booleans()),
)


class Game:
    """One request whose deadline everybody moves; `refusing` the engine grants no extension."""

    def __init__(self, stage: Any) -> None:
        self.stage = stage
        self.stream = stage.stream(budget_ms=500)
        self.exit = 1
        self.refused = False
        self.usual = stage.engine.script

    async def move(self, what: Any, values: Any) -> None:
        match what:
            case "cap":
                self.stage.cap(values[0], values[1])
            case "clear":
                self.stage.watch.clear_caps(None)
            case "revise":
                await self.stage.requests.budgets.revise(self.stream.live.term, values[0])
            case "publish" if self.exit < 3:
                self.exit += 1
                self.stage.engine.publish(self.stream.live.id, self.exit)
            case "refuse":
                self.refused |= values[0]
                self.stage.engine.script = self.refuse if values[0] else self.usual

    def refuse(self, engine: Any, message: Any) -> None:
        if isinstance(message, Move):
            engine.say(Verdict(id=message.id, ticket=message.ticket, admitted=False, detail="Full."))
        else:
            self.usual(engine, message)

    def check(self) -> None:
        """In force is what the book says, or (once the engine refused) something earlier."""
        budgets, term, truth = self.stage.requests.budgets, self.stream.live.term, self.stream.live.truth
        in_force_s = max(budgets.in_force(term.asked).deadline_s, min(now() + NOTICE_S, truth.deadline_s))
        assert truth.deadline_s <= in_force_s + 1e-6
        assert self.refused or truth.deadline_s >= in_force_s - 1e-6


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from([0.0, 0.004, 0.02, 0.1]), MOVES), max_size=12))
def test_whatever_moves_the_deadline_in_force_is_what_the_book_says(play: Any, moves: Any) -> None:
    """After every change, unless the engine refused; in the end one final, never late by a policy."""

    async def scenario(stage: Any) -> None:
        game = Game(stage)
        await asyncio.sleep(0.006)
        for wait_s, (what, *values) in moves:
            await asyncio.sleep(wait_s)
            if game.stream.live.truth.ended:
                break
            await game.move(what, values)
            await turn()
            if not game.stream.live.truth.ended:
                game.check()
        stage.watch.clear_caps(None)
        stage.engine.script = game.usual
        await asyncio.sleep(2)
        assert game.stream.final.exit == game.exit
        if not any(what == "revise" for _, (what, *_) in moves):
            assert not game.stream.final.late

    play(scenario)
