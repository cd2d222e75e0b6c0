"""The async client keeps the promises of the other one: over loopback, against a scripted server."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from interim.client import AsyncClient, AsyncSession, Client, Reason, Refinement, Session, Status, errors
from interim.client.stream import AsyncRefinementStream, RefinementStream
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from tests.client.conftest import ScriptedServer, Wire

WAIT_S = 10.0


async def no_other_task_is_left() -> None:
    """What the client started ends by itself."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not others or not (await asyncio.wait(others, timeout=WAIT_S))[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [(Client, AsyncClient), (Session, AsyncSession), (RefinementStream, AsyncRefinementStream)],
)
def test_both_clients_have_the_same_shape(one: type, other: type) -> None:
    """The same public methods with the same arguments."""
    for name in {*dir(one), *dir(other)}:
        if not name.startswith("_") and (one, name) != (Session, "close"):
            ours, theirs = inspect.getattr_static(one, name), inspect.getattr_static(other, name)
            if callable(ours):
                assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters], name


def test_refinements_come_one_by_one(server: ScriptedServer, image: Any) -> None:
    """`async for` gives every exit, the last one final, with masks."""

    async def run() -> list[Refinement]:
        async with AsyncClient(server.address) as client:
            return [refinement async for refinement in client.infer(image, budget_ms=80)]

    seen = asyncio.run(run())
    assert [(each.exit, each.reason) for each in seen] == [
        (1, None),
        (2, None),
        (3, None),
        (4, Reason.FINAL_EXIT),
    ]
    assert seen[-1].mask is not None
    assert np.array_equal(seen[-1].mask, server.mask_of(4))
    assert server.heard.get(timeout=WAIT_S).frame.budget_ms == 80.0


def test_stop_and_revise_do_not_wait(server: ScriptedServer, image: Any) -> None:
    """Orders are plain calls, in any task, before or while the answers are awaited."""

    def script(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        frame_id = next(requests).frame.request_id
        yield server.refinement(frame_id, 1)
        assert next(requests).revise == pb.Revise(request_id=frame_id, total_ms=9.0)
        yield pb.SessionResponse(revised=pb.Revised(request_id=frame_id, accepted=True, budget_ms=9.0))
        assert next(requests).revise.stop
        yield server.refinement(frame_id, 1, mask=None, final=True, reason=pb.CLIENT_STOP)

    async def run() -> list[Refinement]:
        async with AsyncClient(server.address) as client:
            stream = client.infer(image)
            stream.revise(total_ms=9)
            seen = [await anext(stream)]
            asyncio.get_running_loop().call_soon(stream.stop)
            seen += [refinement async for refinement in stream]
            assert stream.revision is not None
            assert stream.revision.accepted
            return seen

    server.session = script
    seen = asyncio.run(run())
    assert [each.reason for each in seen] == [None, Reason.CLIENT_STOP]
    assert seen[0].mask is seen[1].mask


def test_cancel_ends_the_iteration_quietly(server: ScriptedServer, image: Any) -> None:
    """A stream cancelled by another task ends; its reader is not cancelled with it."""

    async def run() -> list[Refinement]:
        async with AsyncClient(server.address) as client:
            stream = client.infer(image)
            seen = [await anext(stream)]
            asyncio.get_running_loop().call_soon(stream.cancel)
            seen += [refinement async for refinement in stream]
            return seen

    server.session = server.exit_1_and_silence
    assert len(asyncio.run(run())) == 1
    assert server.ended.get(timeout=WAIT_S)


@pytest.mark.parametrize("how", ["drop", "with", "timeout"])
def test_a_stream_given_up_half_way_is_cancelled(server: ScriptedServer, image: Any, how: str) -> None:
    """The server learns that nobody waits, and no task is left behind."""

    async def give_up(client: AsyncClient) -> None:
        if how == "drop":
            async for _ in client.infer(image):
                break
            gc.collect()
        elif how == "with":
            async with client.infer(image) as stream:
                await anext(stream)
        else:
            stream = client.infer(image)
            await anext(stream)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.01)
            assert [each async for each in stream] == []

    async def run() -> None:
        async with AsyncClient(server.address) as client:
            await give_up(client)
            await asyncio.to_thread(server.ended.get, timeout=WAIT_S)
            await no_other_task_is_left()

    server.session = server.exit_1_and_silence
    asyncio.run(run())


def test_a_server_that_goes_away_is_a_lost_connection(server: ScriptedServer, wire: Wire, image: Any) -> None:
    """What had come was delivered; then ConnectionLost, each time it is asked again."""

    async def run() -> None:
        async with AsyncClient(wire.address) as client:
            stream = client.infer(image)
            assert (await anext(stream)).exit == 1
            wire.cut()
            for _ in "ab":
                with pytest.raises(errors.ConnectionLost):
                    await anext(stream)
            await no_other_task_is_left()
            with pytest.raises(errors.Unavailable):
                await client.status()

    server.session = server.exit_1_and_silence
    asyncio.run(run())


def test_the_deadline_of_the_call_is_an_error(server: ScriptedServer, image: Any) -> None:
    """It tears the stream down, as with the other client."""

    async def run() -> None:
        async with AsyncClient(server.address) as client:
            with pytest.raises(errors.DeadlineExceeded):
                assert [each.exit async for each in client.infer(image, deadline_ms=100)]

    server.session = server.exit_1_and_silence
    asyncio.run(run())


def test_a_closed_client_says_so(server: ScriptedServer, image: Any) -> None:
    """What was in flight at the close ends with ClientClosed; later calls begin with it."""

    async def run() -> None:
        client = AsyncClient(server.address)
        stream = client.infer(image)
        await anext(stream)
        once = asyncio.create_task(client.infer_once(image))
        await asyncio.to_thread(called.wait, WAIT_S)
        await client.close()
        with pytest.raises(errors.ClientClosed, match="during the call"):
            await anext(stream)
        with pytest.raises(errors.ClientClosed, match="during the call"):
            await once
        with pytest.raises(errors.ClientClosed, match="make a new one"):
            client.infer(image)

    def slow(request: pb.InferRequest, context: Any) -> pb.Refinement:
        over = threading.Event()
        context.add_callback(over.set)
        called.set()
        over.wait(WAIT_S)
        return server.last_exit(request, context)

    called = threading.Event()
    server.session = server.exit_1_and_silence
    server.infer_once = slow
    asyncio.run(run())


def test_a_session_answers_every_frame(server: ScriptedServer, image: Any) -> None:
    """Frames are sent without waiting, each answer names its frame, cancelled ones are silent."""

    async def run() -> tuple[list[str], list[str]]:
        async with AsyncClient(server.address) as client, client.session(newest_wins=False) as session:
            ids = [session.send(image, budget_ms=60) for _ in range(4)]
            session.cancel(ids[1])
            session.finish()
            return ids, [each.request_id async for each in session if isinstance(each, Refinement)]

    ids, answered = asyncio.run(run())
    assert answered == [frame for frame in ids if frame != ids[1] for _ in range(4)]


def test_a_server_that_is_back_is_found_at_once(wire: Wire, image: Any) -> None:
    """The first call after a restart is answered, however long the server was looked for before."""

    async def run() -> int:
        async with AsyncClient(wire.address) as client:
            wire.cut()
            for _ in range(3):
                with pytest.raises(errors.Unavailable, match="no server answers"):
                    await client.status()
                with pytest.raises(errors.Unavailable, match="no server answers"):
                    _ = [each async for each in client.infer(image)]
            wire.mend()
            return [each.exit async for each in client.infer(image)][-1]

    assert asyncio.run(run()) == 4


async def nobody_there(address: str, _: Any) -> None:
    async with AsyncClient(address) as client:
        for _ in "ab":
            with pytest.raises(errors.Unavailable, match="no server answers"):
                await client.infer_once(b"", budget_ms=1, deadline_ms=30)


async def closed_while_read(address: str, image: Any) -> None:
    client = AsyncClient(address)
    stream = client.infer(image)
    await anext(stream)
    reader = asyncio.create_task(anext(stream))
    await asyncio.sleep(0)
    await client.close()
    with pytest.raises(errors.ClientClosed):
        await reader


async def given_up(address: str, image: Any) -> None:
    async with AsyncClient(address) as client:
        stream = client.infer(image)
        await anext(stream)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(stream), 0.001)


async def out_of_time(address: str, image: Any) -> None:
    async with AsyncClient(address) as client:
        with pytest.raises(errors.DeadlineExceeded):
            _ = [each async for each in client.infer(image, deadline_ms=10)]


@pytest.mark.parametrize("leave", [nobody_there, closed_while_read, given_up, out_of_time])
def test_a_client_leaves_nothing_to_the_next_event_loop(
    server: ScriptedServer,
    wire: Wire,
    image: Any,
    caplog: pytest.LogCaptureFixture,
    leave: Callable[[str, Any], Coroutine[Any, Any, None]],
) -> None:
    """However its calls ended: where one ends in a later loop, gRPC prints a trace there."""
    if leave is nobody_there:
        wire.cut()
    server.session = server.exit_1_and_silence
    for _ in range(10):
        asyncio.run(leave(wire.address, image))
    assert not [each for each in caplog.records if each.name == "asyncio"]


def test_a_cancelled_task_stays_cancelled(server: ScriptedServer) -> None:
    """Also where the client is closed before the task has noticed."""

    async def run() -> BaseException | Status:
        async with AsyncClient(server.address) as client:
            asked = asyncio.create_task(client.status())
            await asyncio.sleep(0)
            asked.cancel()
            client._link.closed = True  # what `close` does first
        return (await asyncio.gather(asked, return_exceptions=True))[0]

    assert isinstance(asyncio.run(run()), asyncio.CancelledError)


def test_a_session_of_which_the_newest_wins(server: ScriptedServer, image: Any) -> None:
    """Frames the loop had no time to send are superseded on this side; each ends once."""

    async def run() -> list[Refinement]:
        async with AsyncClient(server.address) as client, client.session() as session:
            for _ in range(3):
                session.send(image)
            session.finish()
            return [each async for each in session if isinstance(each, Refinement) and each.final]

    ended = asyncio.run(run())
    assert [(each.request_id, each.exit) for each in ended] == [("1", 0), ("2", 0), ("3", 4)]
    assert {each.reason for each in ended[:2]} == {Reason.SUPERSEDED}


def test_questions_have_the_same_answers(server: ScriptedServer, client: Client, image: Any) -> None:
    """Models, one model, status and the answer at the deadline are those of the other client."""

    async def run() -> tuple[Any, ...]:
        async with AsyncClient(server.address) as ours:
            with pytest.raises(errors.UnknownModel):
                await ours.model("no such")
            answer = await ours.infer_once(image)
            return await ours.models(), await ours.model(), await ours.status(), answer.exit

    assert asyncio.run(run()) == (client.models(), client.model(), client.status(), 4)
