"""What can go wrong in scheduling: every error is a fault of the caller, never of a request.

SchedulingError
├── EventError          an event that the table of states does not have
├── UnmeasuredError     a cost was asked before anything was measured
├── UnknownPolicyError  a policy name that does not exist
└── StepError           a step begun or finished out of turn
"""

from __future__ import annotations


class SchedulingError(Exception):
    """The base of all errors of `interim.scheduling`."""


class EventError(SchedulingError):
    """An event came to a state that does not know it.

    Attributes:
        id: The job or request.
        state: The name of the state it was in.
        event: The name of the event.
    """

    def __init__(self, *, id: int, state: str, event: str) -> None:  # noqa: A002 (the name used everywhere)
        super().__init__(f"Request {id} is {state}, which has no event {event!r}.")
        self.id = id
        self.state = state
        self.event = event


class UnmeasuredError(SchedulingError):
    """No stage was ever measured, so there is nothing to predict from."""


class UnknownPolicyError(SchedulingError):
    """There is no policy of that name."""


class StepError(SchedulingError):
    """A step was asked for while one runs, or a step was finished that does not run."""
