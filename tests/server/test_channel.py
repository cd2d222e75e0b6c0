"""The channel: every message arrives once, whole and in order, and nobody ever waits in it."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.server.engine.channel import Channel, Frames, PeerStuckError
from interim.server.engine.messages import Forget, Published

CHILD = """
import os, signal, socket, sys
from interim.server.engine.channel import Channel
from interim.server.engine.messages import Forget
channel = Channel(socket.socket(fileno=int(sys.argv[1])))
for number in range(1000):
    channel.send(Forget(id=number))
channel.socket.setblocking(True)
channel.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    left, right = Channel.pair()
    yield left, right
    left.close()
    right.close()


@given(st.lists(st.binary(max_size=40), max_size=12), st.randoms())
def test_messages_survive_any_cut(messages: list[bytes], random: object) -> None:
    """A stream may deliver bytes in any pieces."""
    stream = b"".join(Frames.frame(message) for message in messages)
    frames, seen = Frames(), []
    while stream:
        cut = random.randint(1, len(stream))  # type: ignore[attr-defined]
        seen += list(frames.feed(stream[:cut]))
        stream = stream[cut:]
    assert seen == messages


def test_messages_come_out_as_they_went_in(pair: tuple[Channel, Channel]) -> None:
    """The frozen values of both directions cross the socket unchanged and in order."""
    left, right = pair
    first = Published(id=3, generation=4, exit=1, active_share=0.25, done_s=1.5, last=False)
    left.send(first)
    left.send(Forget(id=3))
    assert list(right.receive()) == [first, Forget(id=3)]
    assert list(right.receive()) == []
    assert not right.ended


def test_all_that_a_dead_peer_had_sent_is_received(pair: tuple[Channel, Channel]) -> None:
    """Nothing already computed is lost: the end comes after the last message, also with mail unread there."""
    left, right = pair
    right.send("never read")
    for number in range(100):
        left.send(number)
    left.close()
    assert list(right.receive()) == list(range(100))
    assert right.ended
    assert list(right.receive()) == []


def test_a_message_cut_off_by_death_is_dropped(pair: tuple[Channel, Channel]) -> None:
    """Half a message is no message."""
    left, right = pair
    left.send("whole")
    left.socket.send(Frames.frame("cut off")[:-3])
    left.close()
    assert list(right.receive()) == ["whole"]
    assert right.ended


def test_what_is_sent_to_a_dead_peer_goes_nowhere(pair: tuple[Channel, Channel]) -> None:
    """Sending never raises because the peer died, before or after one notices."""
    left, right = pair
    right.send("last words")
    right.close()
    for _ in range(3):
        left.send(Forget(id=1))
    assert not left.pending
    assert list(left.receive()) == ["last words"]
    left.send(Forget(id=2))
    assert left.ended


def test_a_peer_that_stops_reading_is_noticed_and_blocks_nobody(pair: tuple[Channel, Channel]) -> None:
    """Messages are kept up to a limit, then the peer counts as hung; what was kept arrives if it recovers."""
    left, right = pair
    sent = count()

    def send_forever() -> None:
        while next(sent) < 100_000:
            left.send(bytes(1000))

    with pytest.raises(PeerStuckError, match="hangs or is stopped"):
        send_forever()
    received = 0
    while left.pending:
        received += len(list(right.receive()))
        left.flush()
    received += len(list(right.receive()))
    assert received == next(sent)


def test_a_process_killed_after_sending_has_sent(tmp_path: object) -> None:
    """Kill -9 loses nothing that had left the process."""
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    theirs.close()
    channel, seen = Channel(ours), []
    while not channel.ended:
        select.select([channel], [], [])
        seen += list(channel.receive())
    assert child.wait() == -signal.SIGKILL
    assert seen == [Forget(id=number) for number in range(1000)]
    channel.close()


def test_any_thread_may_send(pair: tuple[Channel, Channel]) -> None:
    """Messages of several threads come out whole, each thread's in order."""
    left, right = pair

    def send(thread: int) -> None:
        for number in range(500):
            left.send((thread, number))

    threads = [threading.Thread(target=send, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    seen: list[tuple[int, int]] = []
    while len(seen) < 1500:
        left.flush()
        seen += list(right.receive())
    for thread in threads:
        thread.join()
    assert sorted(seen, key=lambda message: message[0]) == [(t, n) for t in range(3) for n in range(500)]
