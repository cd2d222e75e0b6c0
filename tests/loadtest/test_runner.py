"""The sender: open loop, never coordinated, honest about its own lag. All of it in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interim.client import Reason, Refinement, Refused, Revision, Unavailable
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.plan import Move, Planned
from interim.loadtest.runner import GRACE_S, follow, send_all

Run = Callable[[Any], Any]


def planned(*instants_s: float, budget_ms: float = 100.0) -> list[Planned]:
    return [Planned(index=i, send_s=at_s, budget_ms=budget_ms) for i, at_s in enumerate(instants_s)]


def answer(exit_: int, *, final: bool = False, **fields: Any) -> Refinement:
    reason = Reason.DEADLINE if final else None
    return Refinement(request_id="", exit=exit_, exits=4, final=final, reason=reason, **fields)


async def answering_after(delay_s: float) -> AsyncIterator[Refinement]:
    await asyncio.sleep(delay_s)
    yield answer(1)
    yield answer(1, final=True, budget_ms=100.0, elapsed_ms=99.0)


def sent_one(run: Run, ask: Callable[[Planned], AsyncIterator[Refinement]]) -> Outcome:
    """What becomes of one request."""
    [outcome] = run(send_all(planned(0.0), ask))
    assert isinstance(outcome, Outcome)
    return outcome


def test_slow_answers_hold_nothing_back(in_virtual_time: Run) -> None:
    """Every request is sent at its instant although the first is answered long after the last was sent."""
    sent_s: list[float] = []

    def ask(_: Planned) -> AsyncIterator[Refinement]:
        sent_s.append(asyncio.get_running_loop().time())
        return answering_after(10.0)

    outcomes = in_virtual_time(send_all(planned(0.0, 0.1, 0.2, 0.3), ask))
    assert [at_s - sent_s[0] for at_s in sent_s] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert [outcome.end_ms for outcome in outcomes] == pytest.approx([10_000] * 4)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 9)), min_size=1, max_size=12))
def test_times_depend_on_the_answer_alone(in_virtual_time: Run, pairs: list[tuple[float, float]]) -> None:
    """Whatever the other requests do, each one's time is from its intended send to its own answer."""
    pairs.sort()
    requests = planned(*(at_s for at_s, _ in pairs))
    outcomes = in_virtual_time(send_all(requests, lambda request: answering_after(pairs[request.index][1])))
    assert [outcome.end_ms for outcome in outcomes] == pytest.approx([1e3 * d for _, d in pairs], abs=0.01)


def test_times_run_from_the_intended_send(in_virtual_time: Run) -> None:
    """A sender that is held up for 200 ms says so, and the delay counts as the requests' time."""

    def ask(request: Planned) -> AsyncIterator[Refinement]:
        if request.index == 0:
            asyncio.get_running_loop().now_s += 0.2  # type: ignore[attr-defined]  # LeapingLoop
        return answering_after(0.05)

    _, held_up = in_virtual_time(send_all(planned(0.0, 0.1), ask))
    assert held_up.lag_ms == pytest.approx(100)
    assert held_up.end_ms == pytest.approx(150)


def test_an_answer_is_recorded_as_each_side_saw_it(in_virtual_time: Run) -> None:
    """Exits in order, the first refinement's time, and what the final says of time and lateness."""

    async def ask(_: Planned) -> AsyncIterator[Refinement]:
        for exit_ in (1, 2):
            await asyncio.sleep(0.04)
            yield answer(exit_)
        await asyncio.sleep(0.03)
        yield answer(2, final=True, late=True, elapsed_ms=102.0, budget_ms=100.0)

    outcome = sent_one(in_virtual_time, ask)
    assert (outcome.ending, outcome.exit, outcome.exits_seen) == (Ending.ANSWERED, 2, (1, 2))
    assert (outcome.reason, outcome.late) == ("DEADLINE", True)
    assert [outcome.first_ms, outcome.end_ms] == pytest.approx([40, 110])
    assert [outcome.slack_ms, outcome.server_slack_ms] == pytest.approx([-10, -2])


def test_an_answer_without_an_exit_is_no_answer(in_virtual_time: Run) -> None:
    """Exit 0 is told apart from an answer, and has no first refinement."""

    async def ask(_: Planned) -> AsyncIterator[Refinement]:
        yield answer(0, final=True)

    outcome = sent_one(in_virtual_time, ask)
    assert outcome.ending is Ending.NO_EXIT
    assert outcome.first_ms is None


@pytest.mark.parametrize(
    ("error", "ending", "cause", "retry_ms"),
    [
        (Refused("too tight", cause="deadline"), Ending.REFUSED, "deadline", 0.0),
        (Refused("no room", retry_after_ms=40.0), Ending.REFUSED, "unnamed", 40.0),
        (Unavailable("nobody there"), Ending.FAILED, "Unavailable", None),
    ],
)
def test_a_refusal_is_no_failure(
    in_virtual_time: Run, error: Exception, ending: Ending, cause: str, retry_ms: float | None
) -> None:
    """What the server refuses and what breaks are counted apart, and neither stops the run."""

    async def ask(request: Planned) -> AsyncIterator[Refinement]:
        if request.index == 0:
            raise error
        yield answer(1, final=True)

    first, second = in_virtual_time(send_all(planned(0.0, 0.1), ask))
    assert (first.ending, first.cause, first.detail) == (ending, cause, str(error))
    assert first.retry_ms == retry_ms
    assert second.ending is Ending.ANSWERED


def test_a_request_that_never_ends_is_given_up(in_virtual_time: Run) -> None:
    """No final message: the run ends all the same, and the request has failed."""

    async def ask(_: Planned) -> AsyncIterator[Refinement]:
        yield answer(1)
        await asyncio.sleep(1e6)

    outcome = sent_one(in_virtual_time, ask)
    assert (outcome.ending, outcome.cause) == (Ending.FAILED, "no final message")
    assert outcome.end_ms == pytest.approx(100 + 1e3 * GRACE_S)


def test_a_stream_that_just_ends_has_failed(in_virtual_time: Run) -> None:
    """A stream that closes without a final message is no answer."""

    async def ask(_: Planned) -> AsyncIterator[Refinement]:
        yield answer(1)

    assert sent_one(in_virtual_time, ask).cause == "no final message"


def test_outcomes_are_told_as_they_come(in_virtual_time: Run) -> None:
    """The progress bar hears of requests in the order they end; the result keeps the order they were sent."""
    told: list[int] = []
    delays_s = [3.0, 1.0, 2.0]
    outcomes = in_virtual_time(
        send_all(
            planned(0.0, 0.0, 0.0),
            lambda request: answering_after(delays_s[request.index]),
            ended=lambda outcome: told.append(outcome.index),
        )
    )
    assert told == [1, 2, 0]
    assert [outcome.index for outcome in outcomes] == [0, 1, 2]


def test_one_request_can_be_followed_alone(in_virtual_time: Run) -> None:
    """A closed loop sends the next request when the last has ended, each from its own instant."""

    async def closed_loop() -> list[Outcome]:
        loop = asyncio.get_running_loop()
        return [
            await follow(request, lambda _: answering_after(0.02), intended_s=loop.time())
            for request in planned(0.0, 0.0)
        ]

    assert [outcome.end_ms for outcome in in_virtual_time(closed_loop())] == pytest.approx([20, 20])


class Steerable:
    """Answers exit 1 now and a final exit at its deadline, which a revision moves and a cancel removes."""

    def __init__(self, budget_ms: float) -> None:
        self.revision: Revision | None = None
        self._due_s = asyncio.get_running_loop().time() + budget_ms / 1e3
        self._stirred = asyncio.Event()
        self._cancelled = False

    def revise(self, *, total_ms: float) -> None:
        self._due_s = asyncio.get_running_loop().time() + total_ms / 1e3  # from the revision: simpler here
        self.revision = Revision(request_id="", accepted=True, budget_ms=total_ms, detail="")
        self._stirred.set()

    def cancel(self) -> None:
        self._cancelled = True
        self._stirred.set()

    async def __aiter__(self) -> AsyncIterator[Refinement]:
        yield answer(1)
        while not self._cancelled:
            try:
                async with asyncio.timeout_at(self._due_s):
                    await self._stirred.wait()
            except TimeoutError:
                yield answer(2, final=True, budget_ms=100.0)
                return
            self._stirred.clear()


def steered(run: Run, **traits: Any) -> Outcome:
    request = Planned(index=0, send_s=0.0, budget_ms=100.0, **traits)
    [outcome] = run(send_all([request], lambda each: Steerable(each.budget_ms)))
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_revision_goes_out_at_its_instant(in_virtual_time: Run) -> None:
    """40 ms after the send the deadline moves; the record has what was asked and that it was granted."""
    outcome = steered(in_virtual_time, move=Move(at_ms=40.0, total_ms=200.0))
    assert outcome.end_ms == pytest.approx(240)
    assert (outcome.revised_ms, outcome.granted) == (200.0, True)
    assert outcome.due_ms == 200.0


def test_a_revision_that_comes_too_late_is_not_sent(in_virtual_time: Run) -> None:
    """The request ended before: nothing was asked, the budget is the first one."""
    outcome = steered(in_virtual_time, move=Move(at_ms=400.0, total_ms=500.0))
    assert outcome.end_ms == pytest.approx(100)
    assert outcome.revised_ms is None
    assert outcome.due_ms == 100.0


def test_a_cancelled_request_has_not_failed(in_virtual_time: Run) -> None:
    """Nothing more comes of it, as the scenario wanted; it is neither answered nor failed."""
    outcome = steered(in_virtual_time, cancel_ms=30.0)
    assert outcome.ending is Ending.CANCELLED
    assert outcome.end_ms == pytest.approx(30)
    assert not outcome.admitted


def test_a_slow_reader_takes_its_time(in_virtual_time: Run) -> None:
    """It waits before each message; its record says that it was slow on purpose."""
    outcome = steered(in_virtual_time, pause_ms=70.0)
    assert outcome.slow
    assert outcome.first_ms == pytest.approx(70)
    assert outcome.end_ms == pytest.approx(140)  # the final had waited for it since 100


def test_a_stop_sends_nothing_more_and_loses_nothing(in_virtual_time: Run) -> None:
    """Ctrl-C: what is in flight is followed to its end, what is still to come is not sent."""

    async def run() -> tuple[Outcome, ...]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.25, stop.set)
        return await send_all(planned(0.0, 0.1, 5.0, 6.0), lambda _: answering_after(1.0), stop=stop)

    outcomes = in_virtual_time(run())
    assert [outcome.ending for outcome in outcomes] == [Ending.ANSWERED] * 2


def test_senders_begin_at_one_instant(in_virtual_time: Run) -> None:
    """With a start of its own a sender's times run from there, whenever it was ready."""

    async def run() -> tuple[Outcome, ...]:
        start_s = asyncio.get_running_loop().time() + 3.0
        return await send_all(planned(0.5), lambda _: answering_after(0.1), start_s=start_s)

    [outcome] = in_virtual_time(run())
    assert (outcome.lag_ms, outcome.end_ms) == (pytest.approx(0), pytest.approx(100))
