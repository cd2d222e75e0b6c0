"""The public truth about a request: one end, never an older exit than one complete, no early deadline."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from interim.scheduling.errors import EventError
from interim.server.front.truth import (
    Action,
    Phase,
    Reason,
    Refuse,
    Release,
    Resubmit,
    Send,
    SetTimer,
    Truth,
)
from interim.v1 import inference_pb2

MARGIN_S = 0.002


def truth(**fields: Any) -> Truth:
    """A request of 100 ms that arrived at 10 s, with plain defaults."""
    plain: dict[str, Any] = {
        "id": 5,
        "arrival_s": 10.0,
        "deadline_s": 10.1,
        "margin_s": MARGIN_S,
        "binding": "request",
        "budget_s": 0.1,
        "min_exit": 1,
        "max_exit": 4,
    }
    return Truth(**{**plain, **fields})


def running(*, exits: int = 0, **fields: Any) -> Truth:
    """One that is admitted and begun, with this many exits complete."""
    t = truth(**fields)
    t.admitted(10.0)
    t.begun(10.01)
    for exit_ in range(1, exits + 1):
        t.published(10.01 + exit_ / 100, exit_, 0.5, last=False)
    return t


def final(exit_: int, reason: Reason, *, with_mask: bool = False, detail: str = "") -> tuple[Action, ...]:
    """What ends a request."""
    return (Send(exit=exit_, final=True, reason=reason, with_mask=with_mask, detail=detail), Release())


def test_reasons_are_those_of_the_protocol() -> None:
    """Names and numbers agree with interim.v1.Reason."""
    on_the_wire = dict(inference_pb2.Reason.items())
    assert on_the_wire.pop("REASON_UNSPECIFIED") == 0
    assert {reason.name: reason.value for reason in Reason} == on_the_wire


def test_refinements_go_out_as_they_come_and_the_last_is_final() -> None:
    """Exits 1 to 3 with their masks, then exit 4 as FINAL_EXIT."""
    t = truth()
    assert t.admitted(10.0) == (SetTimer(at_s=10.1 - MARGIN_S),)
    assert t.begun(10.01) == ()
    for exit_ in (1, 2, 3):
        assert t.published(10.02, exit_, 0.5, last=False) == (Send(exit=exit_),)
    assert t.published(10.05, 4, 0.0, last=True) == final(4, Reason.FINAL_EXIT, with_mask=True)
    assert t.ended


def test_max_exit_is_a_final_exit_and_an_earlier_last_one_is_confident() -> None:
    """The reason says whether nothing more was wanted or nothing more was needed."""
    assert running(max_exit=1).published(10.05, 1, 0.5, last=True)[0] == Send(
        exit=1, final=True, reason=Reason.FINAL_EXIT
    )
    assert running().published(10.05, 1, 0.0, last=True)[0] == Send(
        exit=1, final=True, reason=Reason.CONFIDENT
    )


def test_at_the_timer_the_newest_exit_is_the_answer_and_its_mask_is_not_sent_twice() -> None:
    """Exit 2 was handed over; the final repeats it without a mask."""
    assert running(exits=2).timer(10.1) == final(2, Reason.DEADLINE)


def test_an_exit_complete_at_the_timer_is_the_answer_with_its_mask() -> None:
    """What the timer's own drain brings is not sent on its own, but as the final."""
    t = running(exits=1)
    assert t.published(10.099, 2, 0.5, last=False) == ()
    assert t.published(10.099, 3, 0.5, last=False) == ()
    assert t.timer(10.099) == final(3, Reason.DEADLINE, with_mask=True)


def test_a_timer_that_fires_early_is_set_again() -> None:
    """Clocks round: no deadline is called before its time."""
    t = running(exits=1)
    assert t.timer(10.05) == (SetTimer(at_s=10.1 - MARGIN_S),)
    assert not t.ended


def test_a_unary_call_gets_the_final_alone() -> None:
    """Nothing is streamed; the answer bears its mask."""
    t = running(exits=3, streaming=False)
    assert t.sent == 0
    assert t.timer(10.1) == final(3, Reason.DEADLINE, with_mask=True)


def test_exits_below_min_exit_are_not_streamed_but_answer_at_the_deadline() -> None:
    """Exit 1 is not worth a message of its own, and better than nothing."""
    t = running(min_exit=2)
    assert t.published(10.02, 1, 0.5, last=False) == ()
    assert t.timer(10.1) == final(1, Reason.DEADLINE, with_mask=True)


def test_without_an_exit_an_own_budget_waits_once_more_for_exit_1() -> None:
    """Its answer is late, and says so; no longer than one more budget."""
    t = running()
    assert t.timer(10.1) == (SetTimer(at_s=t.timer_s),)
    assert t.timer_s == pytest.approx(10.2)
    assert t.published(10.15, 1, 0.5, last=False) == final(1, Reason.DEADLINE, with_mask=True)
    assert t.late(10.15)
    t = running()
    t.timer(10.1)
    assert t.timer(10.201) == final(0, Reason.DEADLINE)


def test_nobody_waits_more_than_two_seconds() -> None:
    """However generous the budget was."""
    t = running(deadline_s=20.0, budget_s=10.0)
    assert t.timer(20.0) == (SetTimer(at_s=22.0),)


def test_under_a_binding_grpc_deadline_there_is_no_waiting() -> None:
    """The client could not receive it: exit 0 inside the guard band."""
    assert running(binding="grpc").timer(10.1) == final(0, Reason.DEADLINE)


def test_a_grpc_deadline_that_does_not_bind_still_limits_the_waiting() -> None:
    """The late exit 1 is waited for as long as it can be received."""
    t = running(receive_by_s=10.13)
    assert t.timer(10.1) == (SetTimer(at_s=10.13 - MARGIN_S),)
    assert t.timer(10.13) == final(0, Reason.DEADLINE)


def test_a_revision_moves_the_timer_and_a_refused_one_does_not() -> None:
    """Earlier or later; refused, the old deadline stands."""
    t = running(exits=1)
    assert t.revised(10.03, 10.2, accepted=False) == ()
    assert t.deadline_s == 10.1
    assert t.revised(10.03, 10.2) == (SetTimer(at_s=10.2 - MARGIN_S),)
    assert t.budget_s == pytest.approx(0.2)
    assert t.revised(10.03, 10.04) == (SetTimer(at_s=10.04 - MARGIN_S),)
    assert t.timer(10.04) == final(1, Reason.DEADLINE)


def test_a_revision_never_cuts_below_exit_1() -> None:
    """Shortened before exit 1 it waits as long as it would have, and answers with exit 1."""
    t = running()
    t.revised(10.02, 10.03)
    t.timer(10.03)
    assert t.timer_s == pytest.approx(10.2)
    assert t.published(10.08, 1, 0.5, last=False) == final(1, Reason.DEADLINE, with_mask=True)


def test_no_revision_reaches_beyond_what_the_client_can_receive() -> None:
    """The gRPC deadline binds from there on, and says so."""
    t = running(exits=1, receive_by_s=10.3)
    t.revised(10.03, 11.0)
    assert (t.deadline_s, t.binding) == (10.3, "grpc")


def test_a_revision_of_a_late_request_gives_it_time_again() -> None:
    """Extended while it waits for a late exit 1, it streams once more."""
    t = running()
    t.timer(10.1)
    assert t.revised(10.12, 10.5) == (SetTimer(at_s=10.5 - MARGIN_S),)
    assert t.published(10.2, 1, 0.5, last=False) == (Send(exit=1),)


def test_a_policy_that_cuts_the_budget_is_named_in_the_end() -> None:
    """BUDGET_CUT while the policy's deadline is the earlier; not once it is restored."""
    t = running(exits=1)
    assert t.budget_moved(10.02, 10.05, "load") == (SetTimer(at_s=10.05 - MARGIN_S),)
    assert t.binding == "load"
    assert t.timer(10.05) == final(1, Reason.BUDGET_CUT)
    t = running(exits=1)
    t.budget_moved(10.02, 10.05, "load")
    t.budget_moved(10.03, 10.1, "request")
    assert t.timer(10.1) == final(1, Reason.DEADLINE)


def test_a_policy_never_cuts_below_exit_1_and_that_is_not_late() -> None:
    """Exit 1 keeps the client's own time; it ends the request when it comes."""
    t = running()
    t.budget_moved(10.02, 10.03, "operator")
    t.timer(10.03)
    assert t.timer_s == pytest.approx(10.2)
    assert not t.late(10.08)
    assert t.deadline_s == 10.1
    assert t.budget_s == pytest.approx(0.1)
    assert t.published(10.08, 1, 0.5, last=False) == final(1, Reason.BUDGET_CUT, with_mask=True)


def test_a_cut_that_is_up_before_the_verdict_refuses_nobody() -> None:
    """The request was asked for with its own time."""
    t = truth()
    t.budget_moved(10.0, 10.001, "operator")
    assert t.timer(10.001) == (SetTimer(at_s=t.timer_s),)
    assert t.timer_s == pytest.approx(10.2)
    assert t.admitted(10.002) == (SetTimer(at_s=t.timer_s),)
    assert t.published(10.05, 1, 0.5, last=False) == final(1, Reason.BUDGET_CUT, with_mask=True)


def test_a_cut_that_is_taken_back_leaves_the_stream_as_it_was() -> None:
    """Restored while exit 1 is waited for, the request streams on."""
    t = running()
    t.budget_moved(10.02, 10.03, "operator")
    t.timer(10.03)
    assert t.budget_moved(10.04, 10.1, "request") == (SetTimer(at_s=10.1 - MARGIN_S),)
    assert t.published(10.05, 1, 0.5, last=False) == (Send(exit=1),)


def test_a_stop_answers_at_once_or_with_exit_1_when_it_is_there() -> None:
    """Never with less than exit 1, as long as there is hope for it."""
    assert running(exits=2).stop(10.05) == final(2, Reason.CLIENT_STOP)
    t = running()
    assert t.stop(10.02) == ()
    assert t.published(10.03, 1, 0.5, last=False) == final(1, Reason.CLIENT_STOP, with_mask=True)


def test_a_newer_frame_takes_the_place_of_one_that_waits_or_is_past_exit_1() -> None:
    """One whose exit 1 has begun finishes it, so that masks keep coming."""
    waiting = truth()
    waiting.admitted(10.0)
    assert waiting.superseded(10.01) == final(0, Reason.SUPERSEDED)
    assert truth().superseded(10.01) == final(0, Reason.SUPERSEDED)
    assert running(exits=1).superseded(10.05) == final(1, Reason.SUPERSEDED)
    begun = running()
    assert begun.superseded(10.02) == ()
    assert begun.published(10.03, 1, 0.5, last=False) == final(1, Reason.SUPERSEDED, with_mask=True)


def test_a_lost_worker_ends_what_has_an_exit_and_asks_again_for_what_has_none() -> None:
    """Once; what was in flight at two deaths ends with exit 0."""
    assert running(exits=1).worker_lost(10.05) == final(1, Reason.WORKER_LOST)
    t = running()
    assert t.worker_lost(10.05) == (Resubmit(),)
    assert t.worker_lost(10.06) == (Resubmit(),), "it was not in flight at this death"
    assert t.admitted(10.07) == ()
    assert t.begun(10.07) == ()
    assert t.worker_lost(10.08) == final(0, Reason.WORKER_LOST)


def test_a_lost_worker_is_not_waited_for_past_the_timer() -> None:
    """No time remains: the end is now."""
    assert running().worker_lost(10.1) == final(0, Reason.WORKER_LOST)


def test_what_the_next_worker_refuses_ends_as_lost() -> None:
    """Its stream was opened: it is owed a final, not a refusal."""
    t = running()
    t.worker_lost(10.05)
    assert t.refused(10.06, "deadline", "Too late.", 0.1) == final(0, Reason.WORKER_LOST, detail="Too late.")


def test_a_failure_ends_with_the_newest_exit_and_one_sentence() -> None:
    """The model raised on stage 2."""
    assert running(exits=1).failed(10.05, "It broke.") == final(1, Reason.FAILED, detail="It broke.")


def test_before_the_verdict_an_end_is_a_refusal() -> None:
    """The request never came in: by the engine's word, the clock's, a death or a shutdown."""
    assert truth().refused(10.0, "queue", "Full.", 0.5) == (
        Refuse(cause="queue", detail="Full.", retry_after_s=0.5),
        Release(),
    )
    causes = {}
    for name, actions in {
        "timer": truth().timer(10.1),
        "lost": truth().worker_lost(10.0),
        "shutdown": truth().shutdown(10.0),
    }.items():
        assert isinstance(actions[0], Refuse)
        assert actions[1:] == (Release(),)
        causes[name] = actions[0].cause
    assert causes == {"timer": "deadline", "lost": "worker", "shutdown": "shutdown"}


def test_a_shutdown_ends_with_the_newest_exit() -> None:
    """Or without one."""
    assert running(exits=2).shutdown(10.05) == final(2, Reason.SHUTDOWN)
    assert running().shutdown(10.05) == final(0, Reason.SHUTDOWN)


def test_a_cancel_is_silence() -> None:
    """The engine forgets, nobody is told; likewise when the client is gone."""
    assert running(exits=2).cancel(10.05) == (Release(),)
    assert truth().client_gone(10.0) == (Release(),)


@pytest.mark.parametrize(
    ("phase", "event"),
    [
        ("asked", lambda t: t.begun(10.0)),
        ("asked", lambda t: t.published(10.0, 1, 0.5, last=False)),
        ("asked", lambda t: t.failed(10.0, "")),
        ("waiting", lambda t: t.refused(10.0, "queue", "", 0.0)),
        ("begun", lambda t: t.refused(10.0, "queue", "", 0.0)),
        ("asked again", lambda t: t.begun(10.0)),
        ("asked again", lambda t: t.published(10.0, 1, 0.5, last=False)),
    ],
)
def test_what_no_engine_can_say_is_an_error_that_names_it(phase: str, event: Any) -> None:
    """Work before a verdict, or a refusal after one."""
    t = truth()
    t.phase = Phase(phase)
    with pytest.raises(EventError, match=f"Request 5 is {phase}"):
        event(t)


class AnyOrder(RuleBasedStateMachine):
    """The engine, the clock, the client and the policies at once, in any order, with duplicates."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 10.0
        self.truth = truth()
        self.actions: list[Action] = []
        self.complete = 0  # the newest exit the engine published before the end
        self.sent = 0
        self.asked, self.admitted, self.begun, self.silent = True, False, False, False
        self.deaths = 0
        self.timer_at_s: float | None = None
        self.up_s = self.truth.deadline_s  # as last moved; a cut that is up gives way to exit 1's own time
        self.age = 0
        self.hurry = False  # stopped or superseded: the next exit is the last

    def take(self, actions: tuple[Action, ...]) -> None:
        """Check what every event must hold, whatever came before."""
        self.age += 1
        if self.ends():
            assert actions == (), "the end is the end"
        for action in actions:
            match action:
                case Send(final=False):
                    assert action.exit == self.complete
                    assert action.exit > self.sent
                    assert action.with_mask
                    self.sent = action.exit
                case Send():
                    self.check_final(action)
                case SetTimer(at_s=at_s):
                    self.timer_at_s = at_s
                case Resubmit():
                    assert self.complete == 0
                    self.asked, self.admitted, self.begun = True, False, False
                case Release() | Refuse():
                    pass
        self.actions += actions
        assert not self.ends() or isinstance(self.actions[-1], Release)

    def check_final(self, send: Send) -> None:
        assert send.exit == self.complete, "the answer is the newest complete exit"
        assert send.with_mask == (send.exit > self.sent), "a mask is sent once"
        assert send.reason is not None
        if send.reason is Reason.DEADLINE:
            assert self.now >= self.truth.deadline_s - MARGIN_S
        if send.reason is Reason.BUDGET_CUT:
            assert self.now >= self.up_s - MARGIN_S
            assert self.truth.binding == "load"
        patient = {Reason.DEADLINE, Reason.BUDGET_CUT, Reason.CLIENT_STOP}
        if send.reason in patient and send.exit == 0:
            assert self.now >= 10.2 - 1e-9, "exit 1 is waited for at least one more of the first budget"

    def ends(self) -> list[Action]:
        return [a for a in self.actions if isinstance(a, Refuse) or (isinstance(a, Send) and a.final)]

    @initialize(begun=st.booleans())
    def starts(self, begun: bool) -> None:
        """Half of them with stage 1 begun, the others without a verdict."""
        if begun:
            self.verdict(in_=True)
            self.begin(duplicate=False)

    @rule(seconds=st.sampled_from([0.001, 0.01, 0.02, 0.05]))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def the_timer_fires(self) -> None:
        """At its time or, left over from before, at any other."""
        self.take(self.truth.timer(self.now))

    @precondition(lambda self: self.asked)
    @rule(in_=st.booleans())
    def verdict(self, in_: bool) -> None:
        self.asked = False
        self.admitted = in_
        event = self.truth.admitted(self.now) if in_ else self.truth.refused(self.now, "queue", "", 0.1)
        self.take(event)

    @precondition(lambda self: self.admitted)
    @rule(duplicate=st.booleans())
    def begin(self, duplicate: bool) -> None:
        self.begun = True
        self.take(self.truth.begun(self.now))
        if duplicate:
            self.take(self.truth.begun(self.now))
            self.take(self.truth.admitted(self.now))

    @precondition(lambda self: self.begun)
    @rule(step=st.sampled_from([0, 1, 1, 1, 2]), confident=st.booleans())
    def publish(self, step: int, confident: bool) -> None:
        """The next exit, one further (its map was overwritten), or one that was published before."""
        exit_ = max(min(self.complete + step, 4), 1)
        newer = exit_ > self.complete
        if newer and not self.truth.ended:
            self.complete = exit_
        last = newer and confident and exit_ == 3
        self.take(self.truth.published(self.now, exit_, 0.5, last=last))
        assert self.truth.ended or not (newer and self.hurry)

    def _fail(self) -> None:
        self.take(self.truth.failed(self.now, "It broke."))
        self.begun = self.admitted = False

    def _die(self) -> None:
        self.deaths += self.admitted
        self.asked, was_asked = False, self.asked
        self.admitted = self.begun = False
        self.take(self.truth.worker_lost(self.now))
        self.asked = self.asked or (was_asked and not self.truth.ended)
        assert self.deaths < 2 or self.truth.ended

    @rule(offset=st.floats(-0.05, 0.3), how=st.sampled_from(["accepted", "refused", "policy"]))
    def move(self, offset: float, how: str) -> None:
        """By the client, accepted or (if later) not, or by a budget policy."""
        old, new = self.truth.deadline_s, self.now + offset
        if how == "policy":
            self.take(self.truth.budget_moved(self.now, new, "load"))
            self.up_s = self.truth.deadline_s
            return
        accepted = how == "accepted" or new <= old
        self.take(self.truth.revised(self.now, new, accepted=accepted))
        self.up_s = self.truth.deadline_s if accepted else self.up_s
        assert self.truth.deadline_s in ({new, old} if accepted else {old})

    @precondition(lambda self: self.age > 5)  # let it live first
    @rule(end=st.sampled_from(["fail", "die", "die", "stop", "stop", "supersede", "shut_down", "cancel"]))
    def somebody_ends_it(self, end: str) -> None:
        """Or tries to."""
        if end != "fail" or self.begun:
            getattr(self, f"_{end}")()

    def _stop(self) -> None:
        self.take(self.truth.stop(self.now))
        assert self.complete == 0 or self.truth.ended
        self.hurry = True

    def _supersede(self) -> None:
        finishes = self.begun and self.complete == 0 and not self.truth.ended
        self.take(self.truth.superseded(self.now))
        assert self.truth.ended is not finishes
        self.hurry = True

    def _shut_down(self) -> None:
        self.take(self.truth.shutdown(self.now))
        assert self.truth.ended

    def _cancel(self) -> None:
        self.silent = self.silent or not self.truth.ended
        self.take(self.truth.cancel(self.now))
        assert self.truth.ended

    @invariant()
    def there_is_one_end_or_none_yet(self) -> None:
        assert self.truth.exit == self.complete
        if self.silent:
            assert not self.ends()
        else:
            assert len(self.ends()) == self.truth.ended

    def teardown(self) -> None:
        """Left to its timers alone every request that was admitted ends."""
        for _ in range(3):
            if not self.truth.ended and self.timer_at_s is not None:
                self.now = max(self.now, self.timer_at_s)
                self.take(self.truth.timer(self.now))
        assert self.truth.ended or self.timer_at_s is None


AnyOrder.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase
