"""One image, its refinements: over loopback, against a scripted server."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from interim.client import Client, Reason, Refinement, errors
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.conftest import ScriptedServer, Wire

WAIT_S = 10.0  # how long a test waits for what must happen; never how long it takes


def test_the_lines_of_the_readme(server: ScriptedServer, tmp_path: Path) -> None:
    """The first lines a user copies work as they stand."""
    street = tmp_path / "street.jpg"
    street.write_bytes(b"\xff\xd8 a street")
    seen = []
    with Client(server.address) as client:
        for refinement in client.infer(str(street), budget_ms=80):
            seen.append((refinement.exit, refinement.active_share, refinement.reason))
        mask = refinement.mask
    assert seen == [(1, 0.75, None), (2, 0.5, None), (3, 0.25, None), (4, 0.0, Reason.FINAL_EXIT)]
    assert mask is not None
    assert np.array_equal(mask, server.mask_of(4))
    sent = server.heard.get(timeout=WAIT_S).frame
    assert sent.image.encoded == b"\xff\xd8 a street"
    assert sent.budget_ms == 80.0


def test_what_is_asked_is_what_is_sent(server: ScriptedServer, client: Client, image: Any) -> None:
    """Every option has its field; an array travels as raw RGB."""
    list(
        client.infer(
            image,
            budget_ms=12.5,
            model="scripted",
            min_exit=2,
            max_exit=3,
            stop_below=0.25,
            long_side=640,
            request_class="batch",
            encoding="png",
            resolution="quarter",
            grid="working",
            confidence=True,
            active=True,
        )
    )
    sent = server.heard.get(timeout=WAIT_S).frame
    raw = pb.RawImage(height=image.shape[0], width=image.shape[1], rgb=image.tobytes())
    assert sent == pb.InferRequest(
        request_id=sent.request_id,
        model="scripted",
        image=pb.Image(raw=raw),
        budget_ms=12.5,
        min_exit=2,
        max_exit=3,
        stop_below=0.25,
        long_side=640,
        request_class="batch",
        mask=pb.MaskFormat(encoding=pb.PNG, resolution=pb.QUARTER, grid=pb.WORKING),
        want_confidence=True,
        want_active=True,
    )
    assert sent.request_id


def test_nothing_asked_is_nothing_sent(server: ScriptedServer, client: Client) -> None:
    """Without a budget none is set: the server's default holds."""
    list(client.infer(b"bytes"))
    sent = server.heard.get(timeout=WAIT_S).frame
    assert not sent.HasField("budget_ms")
    assert not sent.newest_wins


def test_a_stream_is_iterated_once(client: Client, image: Any) -> None:
    """After the final answer there is nothing more, in a second loop neither."""
    stream = client.infer(image)
    assert [refinement.exit for refinement in stream] == [1, 2, 3, 4]
    assert list(stream) == []


def test_the_rpc_ends_when_the_answer_is_final(server: ScriptedServer, client: Client, image: Any) -> None:
    """The server sees the stream end with the final answer, not when somebody collects garbage."""
    stream = client.infer(image)
    list(stream)
    assert server.ended.get(timeout=WAIT_S) == "session"
    assert stream.request_id


def test_revise_and_stop_reach_the_server_while_another_thread_iterates(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """Deadlines are moved, and the newest exit asked for, from any thread; the verdict is kept."""

    def script(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        frame_id = next(server.frame_ids(requests))
        yield server.refinement(frame_id, 1)
        assert next(requests).revise == pb.Revise(request_id=frame_id, total_ms=200.0)
        yield pb.SessionResponse(revised=pb.Revised(request_id=frame_id, accepted=True, budget_ms=200.0))
        assert next(requests).revise == pb.Revise(request_id=frame_id, remaining_ms=7.0)
        assert next(requests).revise == pb.Revise(request_id=frame_id, stop=True)
        yield server.refinement(frame_id, 1, mask=None, final=True, reason=pb.CLIENT_STOP)

    server.session = script
    stream = client.infer(image)
    seen: list[Refinement] = []
    reader = threading.Thread(target=lambda: seen.extend(stream))
    reader.start()
    stream.revise(total_ms=200)
    stream.revise(remaining_ms=7)
    stream.stop()
    reader.join(WAIT_S)
    assert [(each.exit, each.reason) for each in seen] == [(1, None), (1, Reason.CLIENT_STOP)]
    assert seen[0].mask is seen[1].mask
    assert stream.revision is not None
    assert (stream.revision.accepted, stream.revision.budget_ms) == (True, 200.0)


def test_orders_after_the_end_are_void(server: ScriptedServer, client: Client, image: Any) -> None:
    """Nobody can know that a final answer is on its way: what comes too late is no error."""
    stream = client.infer(image)
    list(stream)
    stream.revise(total_ms=1)
    stream.stop()
    stream.cancel()
    assert server.heard.get(timeout=WAIT_S).HasField("frame")
    assert server.ended.get(timeout=WAIT_S)
    assert server.heard.empty()


@pytest.mark.parametrize("times", [{}, {"total_ms": 1.0, "remaining_ms": 1.0}])
def test_a_revision_takes_one_time(client: Client, image: Any, times: dict[str, float]) -> None:
    """Two times, or none, are refused where they are given."""
    with client.infer(image) as stream, pytest.raises(errors.InvalidArgument, match="exactly one"):
        stream.revise(**times)


def test_cancel_from_another_thread_ends_the_iteration(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """Nothing more comes, not even an error, and the server's side ends too."""
    server.session = server.exit_1_and_silence
    stream = client.infer(image)
    seen: list[Refinement] = []
    reader = threading.Thread(target=lambda: seen.extend(stream))
    reader.start()
    assert server.said.wait(WAIT_S)
    stream.cancel()
    reader.join(WAIT_S)
    assert not reader.is_alive()
    assert [each.final for each in seen] in ([], [False])
    assert server.ended.get(timeout=WAIT_S)


@pytest.mark.parametrize("how", ["drop", "with"])
def test_a_stream_given_up_half_way_is_cancelled(
    server: ScriptedServer, client: Client, image: Any, how: str
) -> None:
    """Leaving the loop, or the block, tells the server that nobody waits."""
    server.session = server.exit_1_and_silence
    if how == "with":
        with client.infer(image) as stream:
            next(stream)
        assert list(stream) == []
    else:
        for _ in client.infer(image):
            break
        gc.collect()
    assert server.ended.get(timeout=WAIT_S)


def test_nothing_is_left_running(server: ScriptedServer, image: Any) -> None:
    """Neither streams that ended, nor those given up, nor a closed client leave a thread behind."""
    with Client(server.address) as warm:
        list(warm.infer(image))  # the server's own threads
    before = set(threading.enumerate())
    with Client(server.address) as client:
        list(client.infer(image))
        next(client.infer(image))
        session = client.session()
        session.send(image)
    ours = set(threading.enumerate()) - before
    for thread in ours:
        if not thread.name.startswith("ThreadPoolExecutor"):  # the server's
            thread.join(WAIT_S)
            assert not thread.is_alive(), thread.name


def test_each_client_is_one_connection(wire: Wire, image: Any) -> None:
    """However many streams it has; so that what balances connections balances clients."""
    with Client(wire.address) as one, Client(wire.address) as other:
        for client in (one, one, other):
            assert len(list(client.infer(image))) == 4
        assert wire.connections == 2


def test_many_threads_share_one_client(client: Client, image: Any) -> None:
    """Streams of one client do not mix."""
    seen: dict[int, list[int]] = {}

    def one(number: int) -> None:
        seen[number] = [refinement.exit for refinement in client.infer(image)]

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert seen == {number: [1, 2, 3, 4] for number in range(6)}
