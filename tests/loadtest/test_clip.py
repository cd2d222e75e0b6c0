"""A clip: frames leave at their instants on one session, and everything that comes back is kept. Virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from interim.client import ConnectionLost, InterimError, Reason, Refinement, Refused, Rejection, Revision
from interim.loadtest.clip import ClipRun, send_clip
from interim.loadtest.frames import Frame
from interim.loadtest.outcome import Ending
from interim.loadtest.report import ClipReport, report_clip
from interim.loadtest.runner import GRACE_S

Run = Callable[[Any], Any]
Script = Callable[[str], list[tuple[float, Any]]]
TRUTH = np.array([[0, 1]], np.uint8)


class Camera:
    """A session whose server answers frame i as the script says: (delay in seconds, answer) pairs."""

    def __init__(self, script: Script) -> None:
        self.sent: list[tuple[float, bytes, float]] = []
        self._script = script
        self._queue: asyncio.PriorityQueue[tuple[float, int, Any]] = asyncio.PriorityQueue()
        self._loop = asyncio.get_running_loop()
        self._finished = False
        self._due = 0

    def send(self, image: bytes, *, budget_ms: float, model: str = "") -> str:
        request_id = str(len(self.sent))
        self.sent.append((self._loop.time(), image, budget_ms))
        for delay_s, answer in self._script(request_id):
            self._due += 1
            self._loop.call_later(delay_s, self._queue.put_nowait, (0.0, self._due, answer))
        return request_id

    def finish(self) -> None:
        self._finished = True

    async def __aiter__(self) -> AsyncIterator[Any]:
        heard = 0
        while not (self._finished and heard == self._due):
            _, _, answer = await self._queue.get()
            heard += 1
            if isinstance(answer, InterimError):
                raise answer
            yield answer


def refined(request_id: str, exit_: int, reason: Reason | None = None, **fields: Any) -> Refinement:
    mask = np.full((1, 2), exit_ - 1, np.uint8) if exit_ else None
    return Refinement(
        request_id=request_id,
        exit=exit_,
        exits=4,
        mask=mask,
        final=reason is not None,
        reason=reason,
        **fields,
    )


def answered(request_id: str) -> list[tuple[float, Any]]:
    return [(0.02, refined(request_id, 1)), (0.05, refined(request_id, 2, Reason.DEADLINE, budget_ms=60.0))]


def run_of(run: Run, script: Script, frames: int = 3, fps: float = 10) -> ClipRun:
    """What becomes of a clip under a script."""

    async def clip() -> ClipRun:
        session = Camera(script)
        return await send_clip(session, [b"jpeg"] * frames, fps=fps, budget_ms=60.0)

    result = run(clip())
    assert isinstance(result, ClipRun)
    return result


def reported(run: ClipRun, labels: NDArray[np.uint8] | None = TRUTH) -> ClipReport:
    return report_clip(run, [Frame(name="f", image=b"", labels=labels) for _ in run.outcomes])


def test_frames_leave_at_their_instants(in_virtual_time: Run) -> None:
    """Frame i is sent i / fps seconds after the first, although each answer takes many frames' time."""

    async def clip() -> list[float]:
        session = Camera(lambda name: [(5.0, refined(name, 1, Reason.DEADLINE))])
        await send_clip(session, [b"a", b"b", b"c"], fps=10, budget_ms=60.0)
        assert [image for _, image, _ in session.sent] == [b"a", b"b", b"c"]
        assert {budget_ms for _, _, budget_ms in session.sent} == {60.0}
        return [at_s - session.sent[0][0] for at_s, _, _ in session.sent]

    assert in_virtual_time(clip()) == pytest.approx([0.0, 0.1, 0.2])


def test_every_mask_is_kept_with_its_instant(in_virtual_time: Run) -> None:
    """Masks are kept as they came, in the run's time, and each answered frame's last one apart."""
    run = run_of(in_virtual_time, answered, frames=2)
    assert [(one.frame, one.exit) for one in run.shown] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [one.at_s for one in run.shown] == pytest.approx([0.02, 0.05, 0.12, 0.15])
    assert {frame: int(mask[0, 0]) for frame, mask in run.finals.items()} == {0: 1, 1: 1}


def test_the_report_counts_what_became_of_each_frame(in_virtual_time: Run) -> None:
    """Answered, superseded with and without an exit, refused and late are told apart."""
    scripts: dict[str, Script] = {
        "0": answered,
        "1": lambda name: [(0.01, refined(name, 0, Reason.SUPERSEDED))],
        "2": lambda name: [(0.02, refined(name, 1)), (0.03, refined(name, 1, Reason.SUPERSEDED))],
        "3": lambda name: [(0.0, Rejection(request_id=name, error=Refused("no", cause="queue"), seen_ms=0))],
        "4": lambda name: [(0.09, refined(name, 1, Reason.DEADLINE, late=True))],
    }
    report = reported(run_of(in_virtual_time, lambda name: scripts[name](name), frames=5))
    assert (report.frames, report.answered, report.unanswered, report.superseded) == (5, 3, 2, 2)
    assert report.summary.refused == {"queue": 1}
    assert (report.summary.late_server, report.summary.late_client) == (1, 1)
    assert report.masks == 5


def test_a_repeated_mask_is_no_new_one(in_virtual_time: Run) -> None:
    """The longest gap runs between masks that say something new, up to the last frame's send."""

    def script(name: str) -> list[tuple[float, Any]]:
        return answered(name) if name == "0" else []

    def repeating(name: str) -> list[tuple[float, Any]]:
        return [*script(name), (0.3, Revision(request_id=name, accepted=True, budget_ms=1, detail=""))]

    assert reported(run_of(in_virtual_time, repeating, frames=5)).longest_gap_ms == pytest.approx(350)
    assert reported(run_of(in_virtual_time, answered, frames=5)).longest_gap_ms == pytest.approx(70)


def test_both_scores_stand_beside_each_other(in_virtual_time: Run) -> None:
    """Without labels there is no score; with them, each is named for what it is."""
    run = run_of(in_virtual_time, answered)
    assert reported(run, labels=None).miou_delivered is None
    assert reported(run).miou_delivered == reported(run).miou_streaming == 0.25
    for words in ("mIoU as delivered", "mIoU as streamed", "over the 3 answered frames"):
        assert words in reported(run).as_table()


def test_a_broken_session_fails_its_frames(in_virtual_time: Run) -> None:
    """When the stream breaks, frames in flight and frames still to come have failed; the run ends."""

    def script(name: str) -> list[tuple[float, Any]]:
        return [(0.15, ConnectionLost("gone"))] if name == "0" else []

    async def clip() -> ClipRun:
        session = Camera(script)
        return await send_clip(session, [b"a"] * 2, fps=10, budget_ms=60.0)

    outcomes = in_virtual_time(clip()).outcomes
    assert [(outcome.ending, outcome.cause) for outcome in outcomes] == [
        (Ending.FAILED, "ConnectionLost")
    ] * 2


def test_a_frame_that_cannot_be_sent_has_failed(in_virtual_time: Run) -> None:
    """A session that takes no more frames does not end the run: each frame is counted."""

    class Closed(Camera):
        def send(self, image: bytes, *, budget_ms: float, model: str = "") -> str:
            raise ConnectionLost("gone")

    async def clip() -> ClipRun:
        return await send_clip(Closed(lambda _: []), [b"a"] * 3, fps=10, budget_ms=60.0)

    assert [outcome.cause for outcome in in_virtual_time(clip()).outcomes] == ["ConnectionLost"] * 3


def test_a_frame_that_never_ends_is_given_up(in_virtual_time: Run) -> None:
    """A frame without a final message has failed once the grace is over."""

    def script(name: str) -> list[tuple[float, Any]]:
        late = (GRACE_S + 9, refined(name, 1, Reason.DEADLINE))
        return [late] if name == "1" else answered(name)

    first, second, third = run_of(in_virtual_time, script).outcomes
    assert (first.ending, third.ending) == (Ending.ANSWERED, Ending.ANSWERED)
    assert (second.ending, second.cause) == (Ending.FAILED, "no final message")
