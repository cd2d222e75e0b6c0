"""The way out: the newest for a slow reader, everything for a quick one, an end for one that never reads."""

import asyncio
from typing import Any

import pytest

from interim.server.front.outgoing import Outgoing, SlowReaderError


class Line:
    """A parcel of one word, which remembers when it went out."""

    def __init__(self, word: Any) -> None:
        self.word = word
        self.times: tuple[float, float] | None = None

    def pack(self, now_s: Any) -> Any:
        return self.word

    def taken(self, handed_s: Any, now_s: Any) -> None:
        self.times = (handed_s, now_s)


class Reader:
    """Takes `wait_s` for each message."""

    def __init__(self, wait_s: Any) -> None:
        self.wait_s = wait_s
        self.got: list[str] = []

    async def write(self, word: Any) -> None:
        await asyncio.sleep(self.wait_s)
        self.got.append(word)


def test_a_slow_reader_gets_the_newest(in_virtual_time: Any) -> None:
    """While one write is in flight, newer answers of the same request replace the waiting one."""

    async def main() -> Any:
        reader = Reader(1.0)
        outgoing = Outgoing(reader.write)
        running = asyncio.ensure_future(outgoing.run())
        for exit_ in range(1, 6):
            outgoing.put("a", Line(f"a{exit_}"))
            outgoing.put("b", Line(f"b{exit_}"))
            await asyncio.sleep(0.3)
        outgoing.close()
        await running
        return reader.got

    assert in_virtual_time(main()) == ["a1", "b4", "a5", "b5"]


def test_messages_of_different_requests_keep_their_turn(in_virtual_time: Any) -> None:
    """What is written by one does not overtake what came to wait before it."""

    async def main() -> Any:
        reader = Reader(0.0)
        outgoing = Outgoing(reader.write)
        for word in "abcde":
            outgoing.put(word, Line(word))
        outgoing.drop("c")
        outgoing.close()
        await outgoing.run()
        return "".join(reader.got)

    assert in_virtual_time(main()) == "abde"


def test_a_message_is_packed_when_its_write_begins(in_virtual_time: Any) -> None:
    """So that what it says of time is true: a parcel hears when it was handed over and taken."""

    async def main() -> Any:
        outgoing = Outgoing(Reader(1.0).write)
        first, second = Line("first"), Line("second")
        outgoing.put(1, first)
        outgoing.put(2, second)
        outgoing.close()
        await outgoing.run()
        return first.times, second.times

    assert in_virtual_time(main()) == ((1000.0, 1001.0), (1001.0, 1002.0))


@pytest.mark.parametrize("waiting", [True, False])
def test_a_final_that_nobody_takes_ends_the_stream(in_virtual_time: Any, waiting: Any) -> None:
    """Whether it waits behind another message or is being written itself: all is let go at its time.

    The write in flight cannot be taken back; the error comes when it is over.
    """

    async def main() -> Any:
        let_go: list[float] = []
        clock = asyncio.get_running_loop().time
        reader = Reader(100.0)
        outgoing = Outgoing(reader.write, lambda: let_go.append(clock()))
        if waiting:
            outgoing.put(1, Line("earlier"))
        outgoing.put(2, Line("final"), take_by_s=1007.0)
        outgoing.put(3, Line("other"), take_by_s=1008.0)
        with pytest.raises(SlowReaderError, match="did not take"):
            await outgoing.run()
        outgoing.put(4, Line("too late"), take_by_s=2000.0)
        assert len(reader.got) == 1
        return let_go, clock()

    let_go, ended_s = in_virtual_time(main())
    assert let_go == pytest.approx([1007.0])
    assert ended_s == pytest.approx(1100.0)


def test_a_final_taken_in_time_ends_nothing(in_virtual_time: Any) -> None:
    """Its limit goes with it."""

    async def main() -> Any:
        reader = Reader(3.0)
        outgoing = Outgoing(reader.write)
        running = asyncio.ensure_future(outgoing.run())
        outgoing.put(1, Line("final"), take_by_s=1005.0)
        await asyncio.sleep(20)
        outgoing.put(2, Line("later"))
        outgoing.close()
        await running
        return reader.got

    assert in_virtual_time(main()) == ["final", "later"]


def test_being_cancelled_is_not_being_slow(in_virtual_time: Any) -> None:
    """A client that goes away is another matter."""

    async def main() -> None:
        outgoing = Outgoing(Reader(1000.0).write)
        outgoing.put(1, Line("final"), take_by_s=1005.0)
        running = asyncio.ensure_future(outgoing.run())
        await asyncio.sleep(1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    in_virtual_time(main())


def test_room_is_waited_for(in_virtual_time: Any) -> None:
    """Who puts too much waits until some of it is out."""

    async def main() -> Any:
        outgoing = Outgoing(Reader(1.0).write)
        running = asyncio.ensure_future(outgoing.run())
        for number in range(5):
            outgoing.put(number, Line(str(number)))
        await outgoing.room(3)
        now_s = asyncio.get_running_loop().time()
        outgoing.close()
        await running
        return now_s

    assert in_virtual_time(main()) == pytest.approx(1002.0)
