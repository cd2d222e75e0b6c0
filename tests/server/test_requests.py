"""The glue: events of engine, client and clock in, messages out, and nothing held when all is over."""

import asyncio
import contextlib
import io
from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from interim.scheduling.budgets.budget import BudgetRequest
from interim.server.engine.messages import Ask, Failed, Forget, Freed, Move, Published, Submit, Verdict
from interim.server.errors import BadInputError, FaultyError, OverloadedError, RequestError, UnavailableError
from interim.server.front.handover import Handover
from interim.server.front.images import Limits
from interim.server.front.orders import read_order
from interim.server.front.pace import WIRE_S
from interim.v1 import inference_pb2 as pb

MARGIN_S = 0.003 + WIRE_S


class Client:
    """A sink that takes everything at once, and what a test asks about it."""

    def __init__(self, requests: Any) -> None:
        self.requests = requests
        self.said: list[Any] = []
        self.errors: list[RequestError] = []
        self.handover: Any = None
        self.live: Any = None

    def infer(
        self,
        *,
        eager: Any = True,
        grpc_deadline_s: Any = None,
        height: Any = 8,
        width: Any = 12,
        encoded: Any = None,
        **fields: Any,
    ) -> Any:
        """Send a raw image; times are exact: it arrives now."""
        raw = pb.RawImage(height=height, width=width, rgb=bytes(height * width * 3))
        image = pb.Image(encoded=encoded) if encoded else pb.Image(raw=raw)
        order = read_order(pb.InferRequest(image=image, **fields), self.requests.known_model(), Limits())
        asked = BudgetRequest(arrival_s=now(), own_s=order.own_budget_s, grpc_deadline_s=grpc_deadline_s)
        live = self.live = self.requests.open(order, asked, self, eager=eager)
        self.handover = Handover(live, self.requests.known_model(), self.requests.means, lambda: None)
        return live

    def offer(self, live: Any, send: Any) -> None:
        self.said.append(self.handover.pack(now()).refinement)
        self.handover.taken(now(), now())

    def reject(self, live: Any, error: Any) -> None:
        self.errors.append(error)

    def check_end(self) -> None:
        """It was refused at the door, answered, refused, failed or cancelled: one of them, once."""
        ends = [message for message in self.said if message.final]
        if self.live is not None:
            assert len(ends) + len(self.errors) + self.live.cancelled == 1
        exits = [message.exit for message in self.said]
        assert exits == sorted(exits)
        masks = [message.exit for message in self.said if message.HasField("mask")]
        assert masks == sorted(set(masks))

    @property
    def final(self) -> Any:
        (final,) = [message for message in self.said if message.final]
        assert final is self.said[-1]
        return final


def now() -> Any:
    return asyncio.get_running_loop().time()


async def turn() -> None:
    """Let everything that can happen now happen."""
    for _ in range(20):
        await asyncio.sleep(0)


def run(in_virtual_time: Any, requests_of_fake: Any, scenario: Any, **options: Any) -> Any:
    """Play a scenario; in the end no slot and no request may be held."""

    async def main() -> Any:
        requests = requests_of_fake(**options)
        client, engine = Client(requests), requests.means.engine
        await scenario(client, engine)
        await turn()
        assert requests.in_flight == 0
        assert requests.bytes_in_flight == 0
        assert requests.means.arena.free == requests.means.arena.slots
        return requests.means.metrics.text().decode()

    return in_virtual_time(main())


@pytest.fixture
def play(in_virtual_time: Any, requests_of_fake: Any) -> Any:
    return lambda scenario, **options: run(in_virtual_time, requests_of_fake, scenario, **options)


def test_refinements_go_out_as_they_come_and_the_last_is_final(play: Any) -> None:
    """Exit after exit with its mask; the last ends the request, whatever time remains."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer(budget_ms=500)
        await turn()
        engine.begin(live.id)
        for exit_ in range(1, 5):
            await asyncio.sleep(0.010)
            engine.publish(live.id, exit_, share=1 - exit_ / 4, last=exit_ == 4)
            await turn()
        assert [message.exit for message in client.said] == [1, 2, 3, 4]
        assert all(message.HasField("mask") for message in client.said)
        assert client.final.reason == pb.FINAL_EXIT
        assert [round(message.elapsed_ms) for message in client.said] == [10, 20, 30, 40]
        assert round(client.final.remaining_ms) == 460
        assert client.final.active_share == 0
        assert not client.final.late
        assert engine.of(Forget) == [Forget(id=live.id)]

    text = play(scenario)
    assert 'interim_requests_total{exit="4",model="fake",reason="FINAL_EXIT"} 1.0' in text
    assert 'interim_wasted_seconds_total{model="fake"} 0.25' in text


def test_at_the_deadline_the_newest_exit_is_the_answer(play: Any) -> None:
    """The timer fires a margin before the deadline; a mask that was sent is not sent again."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer(budget_ms=100)
        await turn()
        engine.begin(live.id)
        engine.publish(live.id, 1)
        await asyncio.sleep(0.2)
        assert [message.exit for message in client.said] == [1, 1]
        assert client.final.reason == pb.DEADLINE
        assert not client.final.HasField("mask")
        assert client.final.elapsed_ms == pytest.approx(100 - MARGIN_S * 1e3)
        assert not client.final.late

    play(scenario)


def test_the_timer_takes_what_the_engine_has_said_before_it_answers(play: Any) -> None:
    """A result that lies in the socket when the time is up is the answer."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer(budget_ms=100)
        await turn()
        engine.begin(live.id)
        engine.publish(live.id, 1)
        await turn()
        engine.say = engine.outbox.append  # from now on nobody hears it before the drain
        engine.publish(live.id, 2)
        await asyncio.sleep(0.2)
        assert client.final.exit == 2
        assert client.final.HasField("mask")
        engine.drain()

    play(scenario)


def test_without_an_exit_a_request_with_its_own_budget_waits_once_more(play: Any) -> None:
    """Exit 1 comes late and says so; without it the answer is exit 0 and when to try again."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer(budget_ms=100)
        await turn()
        engine.begin(live.id)
        await asyncio.sleep(0.15)
        assert client.said == []
        engine.publish(live.id, 1)
        await turn()
        assert (client.final.exit, client.final.late, client.final.reason) == (1, True, pb.DEADLINE)
        other = Client(client.requests)
        other.infer(budget_ms=100)
        await asyncio.sleep(0.3)
        assert (other.final.exit, other.final.reason) == (0, pb.DEADLINE)
        assert other.final.elapsed_ms == pytest.approx(200)
        assert other.final.retry_after_ms > 0

    assert 'interim_late_total{model="fake"} 2.0' in play(scenario)


def test_a_grpc_deadline_is_answered_inside_its_guard_band(play: Any) -> None:
    """Nobody could receive a later answer."""

    async def scenario(client: Any, engine: Any) -> None:
        client.infer(grpc_deadline_s=now() + 0.1)
        await asyncio.sleep(0.2)
        assert (client.final.exit, client.final.budget_policy) == (0, "grpc")
        assert client.final.elapsed_ms == pytest.approx(90 - MARGIN_S * 1e3)

    play(scenario)


def test_a_unary_call_encodes_only_its_answer(play: Any) -> None:
    """Refinements nobody will see cost nothing but their copy."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer(budget_ms=100, eager=False)
        await turn()
        engine.begin(live.id)
        for exit_ in (1, 2, 3):
            engine.publish(live.id, exit_)
        await asyncio.sleep(0.2)
        assert [message.exit for message in client.said] == [3]
        assert client.final.HasField("mask")

    play(scenario)


def test_a_refusal_passes_on_the_cause_and_when_to_retry(play: Any) -> None:
    """Admission is the engine's; the door's own limits come before it."""

    async def scenario(client: Any, engine: Any) -> None:
        engine.script = lambda engine, message: engine.say(
            Verdict(
                id=message.id, ticket=0, admitted=False, cause="deadline", detail="No.", retry_after_s=0.5
            )
            if isinstance(message, Ask)
            else Freed(id=message.id, wasted_s=0.0)
        )
        client.infer(budget_ms=1)
        await turn()
        (error,) = client.errors
        assert isinstance(error, OverloadedError)
        assert (error.detail, error.cause, error.retry_after_s) == ("No.", "deadline", 0.5)
        assert client.said == []

    play(scenario)


def test_the_door_refuses_at_once_beyond_its_limits(play: Any) -> None:
    """Requests, bytes and a server that stops: each with a cause, none reaches the engine."""

    async def scenario(client: Any, engine: Any) -> None:
        lives = [client.infer(), client.infer()]
        await turn()
        with pytest.raises(OverloadedError, match="2 requests are in flight") as error:
            client.infer()
        assert error.value.cause == "queue"
        assert error.value.retry_after_s == pytest.approx(1.0)
        lives[0].cancel()
        await turn()
        with pytest.raises(OverloadedError, match="bytes of at most 1000") as error:
            client.infer(height=20, width=20)
        assert error.value.cause == "bytes"
        client.requests.closing = True
        with pytest.raises(UnavailableError, match="stopping"):
            client.infer()
        lives[1].cancel()
        assert len(engine.of(Ask)) == 2

    play(scenario, max_requests=2, max_bytes=1000)


def test_zombies_may_use_up_the_slots(play: Any) -> None:
    """A slot is held until the engine has let go of it; then newcomers are told to wait."""

    async def scenario(client: Any, engine: Any) -> None:
        engine.script = lambda engine, message: None
        lives = []
        for _ in range(2):
            lives.append(client.infer())
            lives[-1].cancel()
            await turn()
        assert client.requests.in_flight == 0
        with pytest.raises(OverloadedError, match="slots") as error:
            client.infer()
        assert error.value.cause == "memory"
        for live in lives:
            engine.say(Freed(id=live.id, wasted_s=0.0))

    play(scenario, max_requests=1)


def test_a_file_that_cannot_be_decoded_ends_its_request_alone(play: Any) -> None:
    """Found out only after admission: an error, and the engine forgets it; its neighbour is answered."""

    async def scenario(client: Any, engine: Any) -> None:
        neighbour = Client(client.requests)
        live = neighbour.infer()
        whole = io.BytesIO()
        Image.effect_noise((40, 30), 50).save(whole, "PNG")
        broken = client.infer(encoded=whole.getvalue()[:-300])
        await turn()
        (error,) = client.errors
        assert isinstance(error, BadInputError)
        assert "truncated or damaged" in error.detail
        assert engine.of(Forget) == [Forget(id=broken.id)]
        engine.begin(live.id)
        engine.publish(live.id, 4, last=True)
        await turn()
        assert neighbour.final.exit == 4

    play(scenario)


def test_a_decoded_image_is_handed_to_the_engine_in_the_next_turn_of_the_loop(play: Any) -> None:
    """However many new requests want their turn: theirs come after it, so that a flood does not make it late."""

    async def scenario(client: Any, engine: Any) -> None:
        client.infer(budget_ms=100)
        engine.drain()  # it is admitted, and a decoder takes it
        await asyncio.sleep(0)
        assert len(engine.of(Submit)) == 1
        client.live.cancel()

    play(scenario)


@pytest.mark.parametrize("stopping", ["refused", "cancelled"])
def test_decoders_that_stop_end_their_requests(play: Any, monkeypatch: Any, stopping: str) -> None:
    """The server is going down: no more is taken in, or what was taken in is given up."""

    def submit(*_: Any) -> Any:
        if stopping == "refused":
            raise RuntimeError("cannot schedule new futures after shutdown")
        given_up: Future[None] = Future()
        given_up.cancel()
        return given_up

    async def scenario(client: Any, engine: Any) -> None:
        monkeypatch.setattr(client.requests.means.decoders, "submit", submit)
        live = client.infer()
        await turn()
        assert not engine.of(Submit)
        if stopping == "refused":
            (error,) = client.errors
            assert isinstance(error, FaultyError)
        live.shutdown()

    play(scenario)


def test_an_encoder_that_fails_ends_its_request_alone(play: Any, monkeypatch: Any) -> None:
    """A fault of ours is an error to one client and a line in the log, never a stream without an end."""

    async def scenario(client: Any, engine: Any) -> None:
        monkeypatch.setattr("interim.server.front.answer.encode", lambda *_: 1 / 0)
        live = client.infer()
        await turn()
        engine.begin(live.id)
        engine.publish(live.id, 1)
        await turn()
        (error,) = client.errors
        assert isinstance(error, FaultyError)
        assert "ZeroDivision" not in error.detail

    play(scenario)


def test_an_engine_that_dies_loses_nothing_that_is_complete(play: Any) -> None:
    """With an exit: a final at once. Without: asked again at the next engine, from the same slot."""

    async def scenario(client: Any, engine: Any) -> None:
        with_exit, without = Client(client.requests), client
        first, second = with_exit.infer(budget_ms=900), without.infer(budget_ms=900)
        await turn()
        engine.begin(first.id)
        engine.publish(first.id, 1)
        await turn()
        await die(client.requests)
        assert (with_exit.final.exit, with_exit.final.reason) == (1, pb.WORKER_LOST)
        assert without.said == []
        with pytest.raises(UnavailableError, match="being started"):
            Client(client.requests).infer()
        await asyncio.sleep(0.2)
        await rise(client.requests)
        await turn()
        assert [ask.id for ask in engine.of(Ask)] == [first.id, second.id, second.id]
        assert len(engine.of(Submit)) == 3
        engine.begin(second.id)
        engine.publish(second.id, 4, last=True)
        await turn()
        assert without.final.reason == pb.FINAL_EXIT

    text = play(scenario)
    assert 'interim_worker_restarts_total{model="fake"} 1.0' in text
    assert 'interim_worker_up{model="fake"} 1.0' in text
    assert 'interim_native{model="fake"} 0.0' in text


def test_in_flight_at_two_deaths_ends_without_an_exit(play: Any) -> None:
    """One poisonous request cannot take everyone down for ever."""

    async def scenario(client: Any, engine: Any) -> None:
        client.infer(budget_ms=5000)
        for _ in range(2):
            await turn()
            await die(client.requests)
            await rise(client.requests)
        assert (client.final.exit, client.final.reason) == (0, pb.WORKER_LOST)
        assert client.final.retry_after_ms > 0

    play(scenario)


def test_a_request_without_a_verdict_is_refused_when_its_engine_dies(play: Any) -> None:
    """It never came in: the client may try again soon."""

    async def scenario(client: Any, engine: Any) -> None:
        engine.script = lambda engine, message: None
        client.infer(budget_ms=5000)
        await turn()
        await die(client.requests)
        (error,) = client.errors
        assert isinstance(error, UnavailableError)
        assert error.retry_after_s > 0

    play(scenario)


def test_an_engine_that_hangs_keeps_nobody_past_the_deadline(play: Any) -> None:
    """No verdict by then is a refusal; the slot stays held until the engine is known to be dead."""

    async def scenario(client: Any, engine: Any) -> None:
        engine.script = lambda engine, message: None
        client.infer(budget_ms=50)
        await asyncio.sleep(0.06)
        (error,) = client.errors
        assert isinstance(error, RequestError)
        assert client.requests.means.arena.free == client.requests.means.arena.slots - 1
        await die(client.requests)

    play(scenario)


def test_a_model_that_raises_fails_one_request(play: Any) -> None:
    """The final says so in words."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer()
        await turn()
        engine.begin(live.id)
        engine.say(Failed(id=live.id, detail="it says so"))
        await turn()
        assert (client.final.reason, client.final.detail) == (pb.FAILED, "it says so")

    play(scenario)


def test_shutdown_answers_everything_with_its_newest_exit(play: Any) -> None:
    """The last word of a server that stops."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer(budget_ms=5000)
        await turn()
        engine.begin(live.id)
        engine.publish(live.id, 2)
        await turn()
        client.requests.closing = True
        await client.requests.idle(0.5)
        client.requests.shutdown()
        await turn()
        assert (client.final.exit, client.final.reason) == (2, pb.SHUTDOWN)

    play(scenario)


def test_maps_that_were_overwritten_are_skipped(play: Any) -> None:
    """A message whose maps a newer exit has replaced is followed by that exit's own."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer()
        await turn()
        engine.begin(live.id)
        await turn()
        engine.listener(Published(id=live.id, generation=1, exit=1, active_share=0.5, done_s=0.0, last=False))
        assert client.said == []
        engine.publish(live.id, 3)
        await turn()
        assert [message.exit for message in client.said] == [3]
        live.cancel()

    play(scenario)


async def asking_for_longer(client: Any, engine: Any, own_s: float) -> tuple[Any, asyncio.Future[Any]]:
    """A request of 100 ms with exit 1, and its extension, which the engine has not answered yet."""
    live = client.infer(budget_ms=100)
    await turn()
    engine.begin(live.id)
    engine.publish(live.id, 1)
    engine.script = lambda *_: None
    longer = asyncio.ensure_future(client.requests.budgets.revise(live.term, own_s))
    await turn()
    return live, longer


def test_the_newest_revision_wins(play: Any) -> None:
    """An extension whose verdict comes after a later shortening does not undo it."""

    async def scenario(client: Any, engine: Any) -> None:
        live, longer = await asking_for_longer(client, engine, 0.3)
        await client.requests.budgets.revise(live.term, 0.05)
        engine.say(Verdict(id=live.id, ticket=engine.of(Move)[0].ticket, admitted=True))
        assert not (await longer).admitted
        await asyncio.sleep(0.2)
        assert client.final.elapsed_ms == pytest.approx(50 - MARGIN_S * 1e3)
        engine.say(Freed(id=live.id, wasted_s=0))

    play(scenario)


def test_a_revision_that_comes_too_late_is_not_said_to_hold(play: Any) -> None:
    """The request ended while the engine was asked: what was agreed then holds for nobody."""

    async def scenario(client: Any, engine: Any) -> None:
        live, longer = await asking_for_longer(client, engine, 5.0)
        await asyncio.sleep(0.2)
        assert client.final.exit == 1
        engine.say(Verdict(id=live.id, ticket=engine.of(Move)[0].ticket, admitted=True))
        verdict = await longer
        assert (verdict.admitted, verdict.detail) == (False, "it ended before that could hold")
        engine.say(Freed(id=live.id, wasted_s=0))

    play(scenario)


def test_a_late_timer_widens_the_margin(play: Any) -> None:
    """A loop that was held up answers the next request earlier; what others' clients do does not count."""

    async def scenario(client: Any, engine: Any) -> None:
        loop: Any = asyncio.get_running_loop()
        for late_s, margin_s in ((0.004, MARGIN_S), (0.0, 0.005 + WIRE_S)):
            live = client.infer(budget_ms=100)
            await turn()
            engine.begin(live.id)
            engine.publish(live.id, 1)
            await turn()
            due_s = live.truth.deadline_s - margin_s
            assert live.truth.timer_s == pytest.approx(due_s)
            loop.call_at(
                due_s - 1e-6, lambda due_s=due_s, late_s=late_s: setattr(loop, "now_s", due_s + late_s)
            )
            await asyncio.sleep(0.2)
            assert client.final.reason == pb.DEADLINE
            client.said.clear()

    play(scenario)


def test_a_late_timer_counts_where_the_last_exit_is_heard_before_it(play: Any) -> None:
    """A loop that was held up hears the engine first: that its timer was late must not be forgotten."""

    async def scenario(client: Any, engine: Any) -> None:
        loop: Any = asyncio.get_running_loop()
        live = client.infer(budget_ms=100)
        await turn()
        engine.begin(live.id)
        loop.now_s = live.truth.timer_s + 0.008
        engine.publish(live.id, 4, last=True)
        await asyncio.sleep(0.2)
        assert client.final.reason == pb.FINAL_EXIT
        next_one = client.infer(budget_ms=100)
        assert next_one.truth.margin_s == pytest.approx(0.010 + WIRE_S)
        next_one.cancel()
        await turn()
        for each in (live, next_one):
            engine.say(Freed(id=each.id, wasted_s=0))

    play(scenario)


def test_a_cancelled_request_is_counted_as_such(play: Any) -> None:
    """Refused, answered and cancelled requests can be told apart."""

    async def scenario(client: Any, engine: Any) -> None:
        live = client.infer()
        await turn()
        engine.begin(live.id)
        engine.publish(live.id, 2)
        await turn()
        live.cancel()
        live.cancel()

    assert 'interim_requests_total{exit="2",model="fake",reason="CANCELLED"} 1.0' in play(scenario)


EVENTS = st.sampled_from(
    [
        "open",
        "begin",
        "publish",
        "publish",
        "last",
        "fail",
        "stop",
        "supersede",
        "cancel",
        "wait",
        "late",
        "die",
        "rise",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(steps=st.lists(st.tuples(EVENTS, st.integers(0, 3)), max_size=40))
def test_whatever_happens_each_request_ends_once_and_nothing_is_held(play: Any, steps: Any) -> None:
    """Random orders of engine, client and clock: one end each, exits never fall, every slot comes back."""

    async def scenario(client: Any, engine: Any) -> None:
        clients: list[Client] = []
        for step, which in steps:
            if step == "open":
                clients.append(Client(client.requests))
                with contextlib.suppress(RequestError):
                    clients[-1].infer(budget_ms=100 * (which + 1))
            elif step in GENERAL:
                await GENERAL[step](client.requests, which)
            elif which < len(clients):
                happen(step, clients[which], engine)
            await turn()
        await rise(client.requests)
        await asyncio.sleep(5)
        for each in clients:
            each.check_end()

    play(scenario)


def happen(step: str, client: Client, engine: Any) -> None:
    """One event of one request, where the engine or the client could bring it about."""
    live = client.live
    if live is None:
        return
    if step in ("stop", "cancel"):
        getattr(live, step)()
    elif step == "supersede":
        live.superseded()
    elif not engine.up or live.id not in engine.slots:
        return
    elif live.id not in engine.done:
        engine.done[live.id] = 0
        engine.begin(live.id)
    elif step == "fail":
        engine.say(Failed(id=live.id, detail="it says so"))
        del engine.slots[live.id]
    elif step in ("publish", "last") and engine.done[live.id] < 4:
        engine.done[live.id] += 1
        engine.publish(live.id, engine.done[live.id], last=step == "last" or engine.done[live.id] == 4)


async def pass_time(requests: Any, which: int) -> None:
    await asyncio.sleep(0.03 * (which + 1))


async def hold_up(requests: Any, which: int) -> None:
    """The loop is late: something kept it busy."""
    loop: Any = asyncio.get_running_loop()
    loop.now_s += 0.03 * (which + 1)


async def die(requests: Any, which: int = 0) -> None:
    engine = requests.means.engine
    if engine.up:
        engine.up = False
        engine.slots.clear()
        engine.done.clear()
        engine.outbox.clear()
        requests.lost()


async def rise(requests: Any, which: int = 0) -> None:
    engine = requests.means.engine
    if not engine.up:
        engine.up = True
        requests.replaced()
        requests.on(requests.known_model().ready)


GENERAL = {"wait": pass_time, "late": hold_up, "die": die, "rise": rise}
