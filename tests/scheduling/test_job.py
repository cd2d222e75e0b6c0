"""A job's life is its table: nothing else can happen to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.errors import EventError
from interim.scheduling.job import TABLE, Event, Job, State


def job(state: State) -> Job:
    return Job(id=7, arrival_s=0.0, answer_by_s=1.0, ready_s=0.1, size=(64, 64), max_exit=4, state=state)


@given(st.sampled_from(State), st.sampled_from(Event))
def test_an_event_outside_the_table_names_job_state_and_event(state: State, event: Event) -> None:
    """Every pair either leads to the table's state or raises an error that says what came where."""
    if event in TABLE[state]:
        assert job(state).after(event).state is TABLE[state][event]
    else:
        with pytest.raises(EventError, match=rf"Request 7 is {state.value}.*'{event.value}'"):
            job(state).after(event)


@given(st.lists(st.sampled_from(Event)))
def test_nothing_follows_the_end(events: list[Event]) -> None:
    """Once forgotten always forgotten, and from DONE only FORGET and a late FAIL lead on."""
    now = job(State.ASKED)
    for event in events:
        if event in TABLE[now.state]:
            before, now = now, now.after(event)
            assert before.state is not State.FORGOTTEN
            if before.state is State.DONE:
                assert now.state in {State.DONE, State.FORGOTTEN}


def test_a_job_owes_its_mandatory_exits_until_they_are_there() -> None:
    """It owes up to min_exit, and nothing any more once it is done."""
    two = Job(id=1, arrival_s=0, answer_by_s=1, ready_s=0, size=(8, 8), max_exit=4, min_exit=2, exit=1)
    assert two.owes
    assert not two.after(Event.FAIL).owes
    assert not Job(
        id=1, arrival_s=0, answer_by_s=1, ready_s=0, size=(8, 8), max_exit=4, min_exit=2, exit=2
    ).owes
