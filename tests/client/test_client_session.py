"""Many frames on one stream: over loopback, against a scripted server."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from interim.client import Client, Reason, Refinement, Rejection, Revision, errors
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.conftest import ScriptedServer, Wire

WAIT_S = 10.0


def endings(session: Any) -> dict[str, tuple[int, Reason | None]]:
    """How each frame ended: its id, exit and reason."""
    return {each.request_id: (each.exit, each.reason) for each in session if each.final}


def test_every_frame_is_answered_under_its_id(server: ScriptedServer, client: Client, image: Any) -> None:
    """Frames are sent without waiting; each answer names its frame; `finish` ends the iteration."""
    with client.session(newest_wins=False) as session:
        ids = [session.send(image, budget_ms=60, max_exit=4) for _ in range(3)]
        session.finish()
        assert endings(session) == dict.fromkeys(ids, (4, Reason.FINAL_EXIT))
    assert len(set(ids)) == 3
    sent = server.heard.get(timeout=WAIT_S).frame
    assert (sent.request_id, sent.budget_ms, sent.newest_wins) == (ids[0], 60.0, False)
    assert server.ended.get(timeout=WAIT_S)


def test_the_newest_wins_when_asked(server: ScriptedServer, client: Client, image: Any) -> None:
    """Each frame of such a session says so to the server, and each has exactly one ending."""
    with client.session() as session:
        ids = [session.send(image) for _ in range(20)]
        session.finish()
        ended = [each.request_id for each in session if isinstance(each, Refinement) and each.final]
    assert sorted(ended) == sorted(ids)
    assert server.heard.get(timeout=WAIT_S).frame.newest_wins


def test_one_thread_sends_while_another_reads(client: Client, image: Any) -> None:
    """Answers arrive while frames are still being sent."""
    with client.session(newest_wins=False) as session:
        ended: dict[str, tuple[int, Reason | None]] = {}
        reader = threading.Thread(target=lambda: ended.update(endings(session)))
        reader.start()
        ids = [session.send(image) for _ in range(5)]
        session.finish()
        reader.join(WAIT_S)
        assert not reader.is_alive()
    assert [*ended] == ids


def test_a_rejected_frame_touches_no_other(server: ScriptedServer, client: Client, image: Any) -> None:
    """A frame that is refused is a value among the answers; the session goes on."""

    def script(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        bad = next(requests).frame.request_id
        yield pb.SessionResponse(rejection=pb.Rejection(request_id=bad, status=3, detail="0 pixels"))
        yield from server.four_exits(requests, None)

    server.session = script
    with client.session(newest_wins=False) as session:
        bad, good = session.send(b""), session.send(image)
        session.finish()
        first, *rest = session
    assert isinstance(first, Rejection)
    assert first.request_id == bad
    assert isinstance(first.error, errors.InvalidArgument)
    assert [each.request_id for each in rest] == [good] * 4


def test_frames_are_revised_stopped_and_cancelled_one_by_one(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """Orders name their frame, also after `finish`; of a cancelled frame nothing more is heard."""

    def script(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        one, two, three = (next(requests).frame.request_id for _ in range(3))
        assert next(requests).revise == pb.Revise(request_id=one, remaining_ms=5.0)
        yield pb.SessionResponse(revised=pb.Revised(request_id=one, budget_ms=80.0, detail="too late"))
        assert next(requests).cancel == pb.Cancel(request_id=two)
        yield server.refinement(two, 1)  # it was on its way
        assert next(requests).revise == pb.Revise(request_id=three, stop=True)
        yield server.refinement(three, 1, final=True, reason=pb.CLIENT_STOP)
        yield server.refinement(one, 2, final=True, reason=pb.DEADLINE)
        assert next(requests, None) is None  # the client's side ends when nothing is in flight

    server.session = script
    with client.session(newest_wins=False) as session:
        one, two, three = (session.send(image) for _ in range(3))
        session.finish()
        session.revise(one, remaining_ms=5)
        session.cancel(two)
        session.stop(three)
        verdict, *rest = session
    assert verdict == Revision(request_id=one, accepted=False, budget_ms=80.0, detail="too late")
    assert [each.request_id for each in rest] == [three, one]
    assert server.ended.get(timeout=WAIT_S)


def test_cancelling_the_last_frame_ends_a_finished_session(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """A reader that waits for the last frame ends when that frame is cancelled."""

    def silent(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        assert len(list(requests)) == 2
        yield from ()

    server.session = silent
    with client.session() as session:
        frame_id = session.send(image)
        session.finish()
        reader = threading.Thread(target=lambda: list(session))
        reader.start()
        session.cancel(frame_id)
        session.cancel(frame_id)  # void
        reader.join(WAIT_S)
        assert not reader.is_alive()


def test_a_finished_session_takes_no_frame(client: Client, image: Any) -> None:
    """After `finish` or the end, sending is an error that says so."""
    with client.session() as session:
        session.finish()
        with pytest.raises(errors.ClientClosed, match="session is over"):
            session.send(image)
        assert list(session) == []
    with pytest.raises(errors.ClientClosed, match="session is over"):
        session.send(image)


def test_leaving_the_block_tears_the_stream_down(server: ScriptedServer, client: Client, image: Any) -> None:
    """The server learns that nobody waits, and the iteration ends."""
    with client.session() as session:
        session.send(image)
        assert next(session).request_id == "1"
    assert list(session) == []
    assert server.ended.get(timeout=WAIT_S)


def test_a_server_that_ends_early_leaves_frames_unanswered(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """A stream ended by the server while frames are in flight is a broken promise."""
    server.session = lambda requests, _: iter([server.refinement(next(requests).frame.request_id, 1)])
    with client.session() as session:
        session.send(image)
        assert next(session).request_id == "1"
        with pytest.raises(errors.ProtocolError, match="left 1 frames unanswered"):
            next(session)
        with pytest.raises(errors.ProtocolError):
            session.send(image)


def test_a_lost_connection_loses_the_session(server: ScriptedServer, wire: Wire, image: Any) -> None:
    """The error that ended it is raised by what comes after, too."""
    server.session = server.exit_1_and_silence
    with Client(wire.address) as client, client.session() as session:
        session.send(image)
        next(session)
        wire.cut()
        with pytest.raises(errors.ConnectionLost):
            next(session)
        with pytest.raises(errors.ConnectionLost):
            next(session)
        with pytest.raises(errors.ConnectionLost):
            session.send(image)


def test_an_image_that_cannot_be_read_spends_no_frame(client: Client, image: Any) -> None:
    """A bad path is the caller's error; the session goes on without it."""
    with client.session(newest_wins=False) as session:
        with pytest.raises(errors.UnreadableImage, match=r"no/such\.jpg"):
            session.send("no/such.jpg")
        frame_id = session.send(image)
        session.finish()
        assert [*endings(session)] == [frame_id]
