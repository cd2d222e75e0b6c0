"""The services over real gRPC: what a client sees, in every way in."""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from PIL import Image

from interim.server.engine.messages import Ask, Forget, Freed, Move, Submit, Verdict
from interim.server.front.images import Limits
from interim.server.front.reception import Reception
from interim.server.front.session import Session
from interim.v1 import inference_pb2 as pb
from interim.v1 import inference_pb2_grpc

SIDE = 32


def frame(
    request_id: Any = "", *, height: Any = SIDE, width: Any = SIDE, rgb: Any = None, **fields: Any
) -> Any:
    rgb = bytes(height * width * 3) if rgb is None else rgb
    image = pb.Image(raw=pb.RawImage(height=height, width=width, rgb=rgb))
    return pb.InferRequest(request_id=request_id, image=image, **fields)


def in_session(request: Any) -> Any:
    return pb.SessionRequest(frame=request)


def admit_only(engine: Any, message: Any) -> None:
    """A script: requests come in, and nothing is computed."""
    match message:
        case Ask():
            engine.say(Verdict(id=message.id, ticket=0, admitted=True))
        case Move():
            engine.say(Verdict(id=message.id, ticket=message.ticket, admitted=message.answer_by_s < 1e9))
        case Forget():
            engine.say(Freed(id=message.id, wasted_s=0.0))


def first_exit_only(engine: Any, message: Any) -> None:
    """A script: exit 1 comes at once, and then nothing."""
    admit_only(engine, message)
    if isinstance(message, Submit):
        engine.begin(message.id)
        engine.publish(message.id, 1)


def refuse_all(engine: Any, message: Any) -> None:
    """A script: admission says no."""
    if isinstance(message, Ask):
        verdict = Verdict(
            id=message.id,
            ticket=0,
            admitted=False,
            cause="deadline",
            detail="Too tight.",
            retry_after_s=0.125,
        )
        engine.say(verdict)
    elif isinstance(message, Forget):
        engine.say(Freed(id=message.id, wasted_s=0.0))


async def status_of(call: Any) -> Any:
    """The error a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call if isinstance(call, grpc.aio.UnaryUnaryCall) else [each async for each in call]
    return error.value


def metadata_of(error: Any) -> Any:
    """Its trailing metadata as a dictionary."""
    return {key: value for key, value in error.trailing_metadata()}  # noqa: C416 -- dict() takes it for a mapping


def reasons_of(front: Any) -> Counter[str]:
    """How many requests were counted with each reason."""
    (family,) = front.requests.means.metrics.requests.collect()
    counted: Counter[str] = Counter()
    for sample in family.samples:
        counted[sample.labels["reason"]] += int(sample.value)
    return counted


async def until(condition: Any) -> None:
    """Wait for something that another task brings about; the test's own time limit ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 -- what is waited for has no event
        await asyncio.sleep(0.001)


def test_infer_streams_exit_after_exit_and_ends_with_a_final(over_loopback: Any) -> None:
    """Each message says all that design promises: exit, times, share, budget, reason."""

    async def scenario(front: Any) -> None:
        said = [each async for each in front.inference.Infer(frame(budget_ms=5000))]
        assert [each.exit for each in said][-1] == 4
        assert [each.final for each in said] == [False] * (len(said) - 1) + [True]
        final = said[-1]
        assert (final.reason, final.model, final.exits, final.request_id) == (pb.FINAL_EXIT, "fake", 4, "1")
        assert (final.budget_ms, final.budget_policy, final.late) == (5000, "request", False)
        assert final.elapsed_ms + final.remaining_ms == pytest.approx(5000)
        assert (final.mask.height, final.mask.width) == (SIDE, SIDE)

    over_loopback(scenario)


def test_infer_once_is_the_answer_alone(over_loopback: Any) -> None:
    """The deepest exit, in the encoding asked for."""

    async def scenario(front: Any) -> None:
        mask = pb.MaskFormat(encoding=pb.RAW, resolution=pb.QUARTER)
        answer = await front.inference.InferOnce(frame(budget_ms=5000, mask=mask))
        assert (answer.exit, answer.final) == (4, True)
        assert (answer.mask.height, answer.mask.width, answer.mask.data) == (8, 8, bytes([4]) * 64)

    over_loopback(scenario)


def test_infer_once_without_an_exit_is_unavailable_with_a_time_to_retry(over_loopback: Any) -> None:
    """Also under a gRPC deadline, and before that deadline kills the call."""

    async def scenario(front: Any) -> None:
        front.engine.script = admit_only
        error = await status_of(front.inference.InferOnce(frame(), timeout=0.5))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert "no exit was complete in time" in error.details()
        assert float(metadata_of(error)["retry-after-ms"]) > 0

    over_loopback(scenario, guard_band_ms=400.0)  # a busy machine has time enough to be in time


def test_a_refusal_bears_its_cause_and_when_to_retry(over_loopback: Any) -> None:
    """In trailing metadata where a call is one request, in band in a session."""

    async def scenario(front: Any) -> None:
        front.engine.script = refuse_all
        for call in (front.inference.Infer(frame()), front.inference.InferOnce(frame())):
            error = await status_of(call)
            assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Too tight.")
            metadata = metadata_of(error)
            assert (metadata["cause"], metadata["retry-after-ms"]) == ("deadline", "125.000")
        said = [each async for each in front.inference.Session(iter([in_session(frame("a"))]))]
        assert [each.rejection for each in said] == [
            pb.Rejection(
                request_id="a", status=8, detail="Too tight.", cause="deadline", retry_after_ms=125.0
            )
        ]
        text = front.requests.means.metrics.text().decode()
        assert 'interim_refused_total{model="fake",why="deadline"} 3.0' in text

    over_loopback(scenario)


def test_an_engine_that_is_not_up_is_unavailable(over_loopback: Any) -> None:
    """With the time to retry after, in every call."""

    async def scenario(front: Any) -> None:
        front.engine.up = False
        error = await status_of(front.inference.Infer(frame()))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert float(metadata_of(error)["retry-after-ms"]) > 0
        front.requests.model = None
        error = await status_of(front.inference.ListModels(pb.ListModelsRequest()))
        assert "still being loaded" in error.details()

    over_loopback(scenario)


def test_a_client_that_cancels_is_forgotten(over_loopback: Any) -> None:
    """Nobody computes for it any longer."""

    async def scenario(front: Any) -> None:
        front.engine.script = admit_only
        call = front.inference.Infer(frame(budget_ms=60000))
        await until(lambda: front.engine.of(Submit))
        call.cancel()
        await until(lambda: front.engine.of(Forget))
        await until(lambda: front.requests.in_flight == 0)

    over_loopback(scenario)


def test_models_are_described_and_unknown_ones_named(over_loopback: Any) -> None:
    """NOT_FOUND names those there are."""

    async def scenario(front: Any) -> None:
        (model,) = (await front.inference.ListModels(pb.ListModelsRequest())).models
        assert model == await front.inference.GetModel(pb.GetModelRequest())
        assert (model.name, model.task, model.long_side) == ("fake", "segmentation", 64)
        assert [(each.id, each.name, each.rgb) for each in model.classes] == [
            (0, "road", 0x010203),
            (1, "sky", 0xFF0010),
        ]
        assert [exit_.cost_ms for exit_ in model.exits] == pytest.approx([10, 20, 30, 40])
        assert not model.exits[0].HasField("miou")
        for call in (
            front.inference.GetModel(pb.GetModelRequest(name="other")),
            front.inference.Infer(frame(model="other")),
        ):
            error = await status_of(call)
            assert error.code() == grpc.StatusCode.NOT_FOUND
            assert '"fake"' in error.details()

    over_loopback(scenario)


class Conversation:
    """One session, held by hand."""

    def __init__(self, front: Any) -> None:
        self.call = front.inference.Session()

    async def send(self, **message: Any) -> None:
        await self.call.write(pb.SessionRequest(**message))

    async def hear(self, kind: Any) -> Any:
        """The next answer, which must be of this kind."""
        response = await self.call.read()
        assert response.WhichOneof("message") == kind
        return getattr(response, kind)


def test_a_session_multiplexes_its_frames(over_loopback: Any) -> None:
    """Frames run at the same time; each ends with one final; half-closing ends the stream after them."""

    async def scenario(front: Any) -> None:
        frames = [in_session(frame(name, budget_ms=5000)) for name in "abc"]
        said = [each.refinement async for each in front.inference.Session(iter(frames))]
        finals = [each.request_id for each in said if each.final]
        assert sorted(finals) == ["a", "b", "c"]
        for name in "abc":
            exits = [each.exit for each in said if each.request_id == name]
            assert exits == sorted(exits)
            assert exits[-1] == 4

    over_loopback(scenario)


def test_a_malformed_frame_is_answered_in_band(over_loopback: Any) -> None:
    """And touches no other frame of the session."""

    async def scenario(front: Any) -> None:
        front.engine.script = first_exit_only
        session = Conversation(front)
        await session.send(frame=frame("good", budget_ms=60000))
        assert (await session.hear("refinement")).exit == 1
        wrong = [
            (frame("", budget_ms=5), 3, "request_id is empty"),
            (frame("good"), 3, "in use"),
            (frame("x", budget_ms=-1), 3, "budget"),
            (frame("x", rgb=b"1"), 3, "bytes"),
            (frame("x", model="other"), 5, "no model"),
        ]
        for request, status, words in wrong:
            await session.send(frame=request)
            rejection = await session.hear("rejection")
            assert (rejection.request_id, rejection.status) == (request.request_id, status)
            assert words in rejection.detail
        await session.call.write(pb.SessionRequest())
        assert "empty" in (await session.hear("rejection")).detail
        await session.send(revise=pb.Revise(request_id="good", stop=True))
        said = {
            each.WhichOneof("message"): each
            for each in [await session.call.read(), await session.call.read()]
        }
        assert said["revised"].revised.accepted
        assert said["refinement"].refinement.reason == pb.CLIENT_STOP
        session.call.cancel()

    over_loopback(scenario)


def test_a_deadline_can_be_revised_both_ways(over_loopback: Any) -> None:
    """Shortened at once, extended where the engine agrees; the answer says what is in force."""

    async def scenario(front: Any) -> None:
        front.engine.script = first_exit_only
        session = Conversation(front)
        await session.send(frame=frame("a", budget_ms=60_000))
        await session.hear("refinement")
        for revise, budget_ms in (
            (pb.Revise(request_id="a", total_ms=90_000), 90_000),
            (pb.Revise(request_id="a", total_ms=30_000), 30_000),
        ):
            await session.send(revise=revise)
            revised = await session.hear("revised")
            assert (revised.accepted, revised.budget_ms) == (True, pytest.approx(budget_ms))
        await session.send(revise=pb.Revise(request_id="a", remaining_ms=20_000))
        assert 20_000 < (await session.hear("revised")).budget_ms < 30_000
        front.engine.script = lambda engine, message: engine.say(
            Verdict(id=message.id, ticket=message.ticket, admitted=False, detail="Full.")
        )
        await session.send(revise=pb.Revise(request_id="a", total_ms=90_000))
        revised = await session.hear("revised")
        assert (revised.accepted, revised.detail) == (False, "Full.")
        assert 20_000 < revised.budget_ms < 30_000
        front.engine.script = admit_only
        await session.send(revise=pb.Revise(request_id="a", remaining_ms=0))
        said = [await session.call.read(), await session.call.read()]
        (final,) = [each.refinement for each in said if each.HasField("refinement")]
        assert (final.exit, final.reason) == (1, pb.DEADLINE)
        session.call.cancel()

    over_loopback(scenario)


@pytest.mark.parametrize(
    ("revise", "words"),
    [
        (pb.Revise(request_id="ghost", stop=True), "no such frame"),
        (pb.Revise(request_id="a"), "set total_ms"),
        (pb.Revise(request_id="a", total_ms=-1), "total_ms is -1"),
        (pb.Revise(request_id="a", remaining_ms=float("nan")), "remaining_ms is nan"),
    ],
)
def test_a_revision_that_means_nothing_is_void(over_loopback: Any, revise: Any, words: Any) -> None:
    """It is answered, and the old deadline stands."""

    async def scenario(front: Any) -> None:
        front.engine.script = first_exit_only
        session = Conversation(front)
        await session.send(frame=frame("a", budget_ms=60_000))
        await session.hear("refinement")
        await session.send(revise=revise)
        revised = await session.hear("revised")
        assert not revised.accepted
        assert words in revised.detail
        session.call.cancel()

    over_loopback(scenario)


def test_a_cancelled_frame_is_never_heard_of_again(over_loopback: Any) -> None:
    """Not even a final; its name is free again, and its neighbour goes on."""

    async def scenario(front: Any) -> None:
        front.engine.script = first_exit_only
        session = Conversation(front)
        await session.send(frame=frame("a", budget_ms=60_000))
        await session.hear("refinement")
        await session.send(cancel=pb.Cancel(request_id="a"))
        await session.send(cancel=pb.Cancel(request_id="ghost"))
        await session.send(frame=frame("a", budget_ms=50))
        assert [(await session.hear("refinement")).final for _ in range(2)] == [False, True]
        await session.call.done_writing()
        assert await session.call.read() == grpc.aio.EOF

    over_loopback(scenario)


def test_a_name_used_again_is_the_newer_frames(over_loopback: Any) -> None:
    """A frame that was cancelled while its answer was on its way takes no newer one of its name with it."""

    async def scenario(front: Any) -> None:
        said: list[pb.SessionResponse] = []
        first, slow = asyncio.Event(), asyncio.Event()
        asked: asyncio.Queue[pb.SessionRequest | None] = asyncio.Queue()

        async def write(message: pb.SessionResponse) -> None:
            said.append(message)
            if not first.is_set():
                first.set()
                await slow.wait()

        async def messages() -> AsyncIterator[pb.SessionRequest]:
            while (message := await asked.get()) is not None:
                yield message

        reception = Reception(front.requests, Limits())
        session = Session(reception, write, grpc_deadline_s=None, patience_s=5)
        over = asyncio.ensure_future(session.run(messages()))
        asked.put_nowait(in_session(frame("a", budget_ms=60_000, max_exit=1)))
        await first.wait()
        front.engine.script = first_exit_only
        asked.put_nowait(pb.SessionRequest(cancel=pb.Cancel(request_id="a")))
        asked.put_nowait(in_session(frame("a", budget_ms=60_000)))
        await until(lambda: front.requests.in_flight == 1)
        slow.set()
        asked.put_nowait(pb.SessionRequest(revise=pb.Revise(request_id="a", stop=True)))
        asked.put_nowait(None)
        await over
        assert [each.revised.accepted for each in said if each.HasField("revised")] == [True]
        assert pb.CLIENT_STOP in [each.refinement.reason for each in said if each.refinement.final]

    over_loopback(scenario)


def test_what_is_said_back_of_an_id_is_short(over_loopback: Any) -> None:
    """However long it was."""

    async def scenario(front: Any) -> None:
        session = Conversation(front)
        await session.send(revise=pb.Revise(request_id="x" * 100_000, stop=True))
        assert len((await session.hear("revised")).request_id) == 256
        await session.send(frame=frame("y" * 100_000))
        assert len((await session.hear("rejection")).request_id) == 256
        session.call.cancel()

    over_loopback(scenario)


def test_the_newest_frame_wins_when_asked(over_loopback: Any) -> None:
    """Frames that wait, or are past exit 1, end as superseded; one whose exit 1 is on its way finishes it."""

    async def scenario(front: Any) -> None:
        front.engine.script = admit_only
        session = Conversation(front)
        await session.send(frame=frame("begun", budget_ms=60_000))
        await until(lambda: len(front.engine.of(Submit)) == 1)
        front.engine.begin(1)
        await session.send(frame=frame("waiting", budget_ms=60_000))
        await until(lambda: len(front.engine.of(Submit)) == 2)
        await session.send(frame=frame("newest", budget_ms=60_000, newest_wins=True))
        final = await session.hear("refinement")
        assert (final.request_id, final.reason, final.exit) == ("waiting", pb.SUPERSEDED, 0)
        front.engine.publish(1, 1)
        final = await session.hear("refinement")
        assert (final.request_id, final.reason, final.exit) == ("begun", pb.SUPERSEDED, 1)
        assert final.HasField("mask")
        session.call.cancel()
        await until(lambda: front.requests.in_flight == 0)

    over_loopback(scenario)


def test_a_newer_frame_that_is_refused_takes_nobodys_place(over_loopback: Any) -> None:
    """The older one goes on; the newer one is told why not."""

    async def scenario(front: Any) -> None:
        front.engine.script = admit_only
        session = Conversation(front)
        await session.send(frame=frame("waiting", budget_ms=60_000))
        await until(lambda: len(front.engine.of(Submit)) == 1)
        front.engine.script = refuse_all
        await session.send(frame=frame("refused", budget_ms=60_000, newest_wins=True))
        assert (await session.hear("rejection")).request_id == "refused"
        front.engine.begin(1)
        front.engine.publish(1, 1)
        refined = await session.hear("refinement")
        assert (refined.request_id, refined.exit, refined.final) == ("waiting", 1, False)
        session.call.cancel()
        await until(lambda: front.requests.in_flight == 0)

    over_loopback(scenario)


def test_a_client_that_never_reads_is_dropped_and_harms_nobody(over_loopback: Any, caplog: Any) -> None:
    """Its stream ends some time after its deadline; meanwhile others are served. Each of its requests is counted."""

    async def scenario(front: Any) -> None:
        # A transport that takes in little ahead of its reader; else it would read 8 MB or more for it.
        narrow = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65535))
        channel = grpc.aio.insecure_channel(front.grpc_address, options=narrow)
        stub: Any = inference_pb2_grpc.InferenceStub(channel)  # type: ignore[no-untyped-call]
        silent = stub.Session()
        packed = io.BytesIO()
        Image.new("L", (2000, 2000)).save(packed, "PNG")
        image = pb.Image(encoded=packed.getvalue())  # small to send, 4 MB to answer
        for number in range(8):
            mask = pb.MaskFormat(encoding=pb.RAW)
            wide = pb.InferRequest(request_id=str(number), image=image, mask=mask, budget_ms=1500)
            await silent.write(in_session(wide))
        answer = await front.inference.InferOnce(frame(budget_ms=5000))
        assert answer.exit == 4
        await until(lambda: "dropped" in caplog.text)
        error = await status_of(silent)
        assert error.code() == grpc.StatusCode.ABORTED
        assert "did not take its answer" in error.details()
        await channel.close()
        await until(lambda: front.requests.in_flight == 0)
        assert sum(reasons_of(front).values()) == 9
        assert reasons_of(front)["UNREAD"] >= 1

    over_loopback(scenario, slow_reader_s=0.1, max_requests=64)


def test_answers_that_nobody_reads_count_at_the_door(over_loopback: Any) -> None:
    """What a client does not take holds memory here: beyond the limit newcomers wait, and others are served before."""

    async def scenario(front: Any) -> None:
        free, begun = asyncio.Event(), asyncio.Event()

        async def stuck(message: pb.SessionResponse) -> None:
            begun.set()
            await free.wait()

        answer = pb.SessionResponse()
        answer.refinement.mask.data = bytes((1 << 20) - 4000)
        writing = asyncio.ensure_future(front.requests.deliver(stuck, answer))
        await begun.wait()
        error = await status_of(front.inference.InferOnce(frame(budget_ms=5000, height=40, width=40)))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert metadata_of(error)["cause"] == "bytes"
        assert (await front.inference.InferOnce(frame(budget_ms=5000))).exit == 4
        free.set()
        await writing
        assert (await front.inference.InferOnce(frame(budget_ms=5000, height=40, width=40))).exit == 4

    over_loopback(scenario, max_bytes_mib=1)


def test_nothing_is_inflated(over_loopback: Any) -> None:
    """A compressed message is refused unread: a limit that holds only after inflating it is none."""

    async def scenario(front: Any) -> None:
        call = front.inference.InferOnce(frame(budget_ms=5000), compression=grpc.Compression.Gzip)
        assert (await status_of(call)).code() == grpc.StatusCode.UNIMPLEMENTED
        assert (await front.inference.InferOnce(frame(budget_ms=5000))).exit == 4

    over_loopback(scenario)


def test_a_message_over_the_limit_is_refused_in_one_sentence(over_loopback: Any) -> None:
    """By gRPC itself, before it fills our memory; the next call works."""

    async def scenario(front: Any) -> None:
        error = await status_of(front.inference.Infer(frame(height=1000, width=1000)))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in error.details()
        assert (await front.inference.InferOnce(frame(budget_ms=5000))).exit == 4

    over_loopback(scenario, max_message_mib=1)
