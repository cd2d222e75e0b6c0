"""What ends a stream before its time has a name: over loopback, against a scripted server."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from interim.client import Client, errors, link
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.conftest import ScriptedServer, Wire

WAIT_S = 10.0  # how long a test waits for what must happen; never how long it takes


def test_a_server_that_goes_away_is_a_lost_connection(server: ScriptedServer, wire: Wire, image: Any) -> None:
    """What had come was delivered; then ConnectionLost, each time it is asked again."""
    server.session = server.exit_1_and_silence
    with Client(wire.address) as client:
        stream = client.infer(image)
        assert next(stream).exit == 1
        wire.cut()
        for _ in "ab":
            with pytest.raises(errors.ConnectionLost, match=f"{wire.address} went away"):
                next(stream)


def test_nobody_there_is_unavailable(wire: Wire, image: Any) -> None:
    """An address where nothing listens is named in the error, whichever call finds out."""
    wire.cut()
    with Client(wire.address) as client:
        for call in (lambda: list(client.infer(image)), client.models, lambda: client.infer_once(image)):
            with pytest.raises(errors.Unavailable, match=f"no server answers at {wire.address}") as caught:
                call()
            assert type(caught.value) is errors.Unavailable


def test_a_server_that_is_back_is_found_at_once(wire: Wire, image: Any) -> None:
    """The first call after a restart is answered, of whatever kind, however long the server was looked for."""
    wire.cut()
    with Client(wire.address) as one, Client(wire.address) as other:
        calls = (one.status, lambda: list(other.infer(image))[-1])
        for call in calls * 3:
            with pytest.raises(errors.Unavailable, match=f"no server answers at {wire.address}"):
                call()
        wire.mend()
        assert all(call() for call in calls)


def test_a_server_is_not_looked_for_beyond_the_deadline(
    wire: Wire, image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However patient a client is otherwise, in streams as in the answer at the deadline."""
    monkeypatch.setattr(link, "_CONNECT_S", 2 * WAIT_S)
    wire.cut()
    with Client(wire.address) as client:
        begun_s = time.monotonic()
        for _ in "ab":
            with pytest.raises(errors.Unavailable, match="no server answers"):
                client.infer_once(image, deadline_ms=30)
            with pytest.raises(errors.Unavailable, match="no server answers"):
                list(client.infer(image, deadline_ms=30))
    assert time.monotonic() - begun_s < WAIT_S


def test_a_dropped_client_leaves_no_thread(wire: Wire) -> None:
    """Also one that looked for a server in vain, and that nobody closed."""

    def ask(client: Client) -> None:
        for _ in "ab":
            with pytest.raises(errors.Unavailable):
                client.infer_once(b"", deadline_ms=30)

    wire.cut()
    before = set(threading.enumerate())
    ask(Client(wire.address))
    deadline_s = time.monotonic() + WAIT_S
    while set(threading.enumerate()) - before and time.monotonic() < deadline_s:
        gc.collect()
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_no_proxy_stands_before_this_machine(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is set for the rest of the world is named where nothing is reached, and else not asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with Client(server.address) as client:
        assert client.status().ready
    with (
        Client("interim.invalid:8500") as client,
        pytest.raises(errors.Unavailable, match=r"127.0.0.1:9 that \$http_proxy names"),
    ):
        client.status()


def test_a_server_found_again_is_used_again(wire: Wire, image: Any) -> None:
    """A client outlives its server: it connects again by itself."""
    with Client(wire.address) as client:
        assert len(list(client.infer(image))) == 4
        wire.cut()
        with pytest.raises(errors.Unavailable):
            list(client.infer(image))
        wire.mend()
        for _ in range(200):  # until the pause before the next attempt to connect is over
            with contextlib.suppress(errors.Unavailable):
                assert len(list(client.infer(image))) == 4
                return
            threading.Event().wait(0.02)
    pytest.fail("the client never found the server again")


def test_the_deadline_of_the_call_is_an_error(server: ScriptedServer, client: Client, image: Any) -> None:
    """It tears the stream down on both sides; a budget never does."""
    server.session = server.exit_1_and_silence
    stream = client.infer(image, deadline_ms=100)
    with pytest.raises(errors.DeadlineExceeded):
        list(stream)
    assert server.ended.get(timeout=WAIT_S)


def test_a_stream_that_ends_without_a_final_answer_is_a_broken_promise(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """A server must say why it is done."""
    server.session = lambda requests, _: iter([server.refinement(next(server.frame_ids(requests)), 1)])
    stream = client.infer(image)
    assert next(stream).exit == 1
    with pytest.raises(errors.ProtocolError, match="without a final answer"):
        next(stream)


def test_a_server_that_lies_is_hung_up_on(server: ScriptedServer, client: Client, image: Any) -> None:
    """After a message that makes no sense the stream is torn down, and says so again if asked again."""

    def script(requests: Iterator[pb.SessionRequest], context: Any) -> Iterator[pb.SessionResponse]:
        over = threading.Event()
        context.add_callback(over.set)
        yield server.refinement(next(server.frame_ids(requests)), 9)
        over.wait(WAIT_S)

    server.session = script
    stream = client.infer(image)
    for _ in "ab":
        with pytest.raises(errors.ProtocolError, match="exit 9 of 4"):
            next(stream)
    assert server.ended.get(timeout=WAIT_S)


def test_a_rejection_is_raised(server: ScriptedServer, client: Client, image: Any) -> None:
    """A frame that is refused in band ends the iteration with its error."""

    def script(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        refused = pb.Rejection(
            request_id=next(server.frame_ids(requests)),
            status=8,
            detail="full",
            cause="queue",
            retry_after_ms=70,
        )
        yield pb.SessionResponse(rejection=refused)

    server.session = script
    with pytest.raises(errors.Refused, match="full") as caught:
        list(client.infer(image))
    assert (caught.value.cause, caught.value.retry_after_ms) == ("queue", 70.0)


def test_a_closed_client_says_so(server: ScriptedServer, image: Any) -> None:
    """What was in flight at the close ends with ClientClosed; later calls begin with it."""
    server.session = server.exit_1_and_silence
    client = Client(server.address)
    stream = client.infer(image)
    assert next(stream).exit == 1
    client.close()
    with pytest.raises(errors.ClientClosed, match="during the call"):
        next(stream)
    for call in (
        lambda: client.infer(image),
        client.status,
        lambda: client.infer_once(image),
        client.session,
    ):
        with pytest.raises(errors.ClientClosed, match="make a new one"):
            call()
