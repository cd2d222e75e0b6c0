"""One job: what the scheduler knows of a request, and the table of its life."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple, Self

from interim.scheduling.errors import EventError

Size = tuple[int, int]


class State(enum.Enum):
    """Where a job stands in its life."""

    ASKED = "asked"  # admitted; its image is not there yet
    WAITING = "waiting"  # ready for its next stage
    RUNNING = "running"  # in the step on the device
    DONE = "done"  # nothing more to run; its maps are still held
    FORGOTTEN = "forgotten"  # nobody wants it


class Event(enum.Enum):
    """What can happen to a job."""

    SUBMIT = "submit"  # its image lies in memory
    BEGIN = "begin"  # its next stage was chosen
    FINISH = "finish"  # that stage is complete, and more are to come
    LAST = "last"  # that stage is complete, and it was the last one wanted
    ABANDON = "abandon"  # the step ended without a result for it
    FAIL = "fail"  # the model raised on it
    FORGET = "forget"  # nothing more is wanted of it


TABLE: dict[State, dict[Event, State]] = {
    State.ASKED: {
        Event.SUBMIT: State.WAITING,
        Event.FAIL: State.DONE,
        Event.FORGET: State.FORGOTTEN,
    },
    State.WAITING: {
        Event.BEGIN: State.RUNNING,
        Event.FAIL: State.DONE,
        Event.FORGET: State.FORGOTTEN,
    },
    State.RUNNING: {
        Event.FINISH: State.WAITING,
        Event.LAST: State.DONE,
        Event.ABANDON: State.WAITING,
        Event.FAIL: State.DONE,
        Event.FORGET: State.FORGOTTEN,
    },
    State.DONE: {Event.FORGET: State.FORGOTTEN, Event.FAIL: State.DONE},
    State.FORGOTTEN: {},
}


class Job(NamedTuple):
    """A request as the scheduler sees it. Made by keywords; a tuple, as changed copies are made between steps.

    Attributes:
        id: Unique for the life of the scheduler.
        arrival_s: When it arrived.
        answer_by_s: The instant in force by which an exit must be published to count.
        ready_s: When its image is expected to be in memory (from `submit` on: when it was).
        size: Height and width in pixels, padded: costs are kept per size.
        min_exit: Exits up to this one (from 1) are mandatory: admission promises them.
        max_exit: The last exit wanted.
        stop_below: The job is done once at most this share of its positions is active.
        exit: The newest complete exit; 0 before the first.
        active_share: The share of positions that the next stage would refine (1 before exit 1).
        weight: What its utility counts, for policies that weigh.
        request_class: Its class, for policies that tell classes apart.
        promise_s: The instant admission promised the mandatory exits by. It is `answer_by_s`, except after
            a shortening that could not be promised without breaking the promise to another job.
        state: Where it stands.
    """

    id: int
    arrival_s: float
    answer_by_s: float
    ready_s: float
    size: Size
    max_exit: int
    min_exit: int = 1
    stop_below: float = 0.0
    exit: int = 0
    active_share: float = 1.0
    weight: float = 1.0
    request_class: str = ""
    promise_s: float | None = None
    state: State = State.ASKED

    @property
    def due_s(self) -> float:
        """The instant the mandatory exits are promised by."""
        return self.answer_by_s if self.promise_s is None else self.promise_s

    @property
    def owes(self) -> bool:
        """Whether mandatory exits are still to come."""
        return self.exit < self.min_exit and self.state is not State.DONE

    def after(self, event: Event, **known: Any) -> Self:
        """The job after an event, with what is known by it (fields by name).

        Raises:
            EventError: The job's state does not have this event.
        """
        state = TABLE[self.state].get(event)
        if state is None:
            raise EventError(id=self.id, state=self.state.value, event=event.value)
        return self._replace(state=state, **known)
