"""What the truth about a request asks the front to do: small frozen values."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Reason(enum.Enum):
    """Why an answer is final; names and numbers as in interim.v1.Reason."""

    FINAL_EXIT = 1
    DEADLINE = 2
    CONFIDENT = 3
    BUDGET_CUT = 4
    CLIENT_STOP = 5
    SUPERSEDED = 6
    SHUTDOWN = 7
    WORKER_LOST = 8
    FAILED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Hand exit `exit` (0: none) to the client.

    `with_mask` is false where that mask was handed over before, or there is none. A writer that still holds
    the earlier message unwritten must put its mask into this one when it replaces it.
    """

    exit: int
    final: bool = False
    reason: Reason | None = None
    with_mask: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Drain the engine, then call `timer(now)`, at this instant (maybe past); replaces the earlier timer."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Tell the engine to forget the request (free its slot once it acknowledges). Always the last action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resubmit:
    """Ask for the request again at the restarted engine: its image is still in its slot.

    Answer with `admitted` or `refused`.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The request never came in; `cause` is one word ("deadline", "queue", "worker", "shutdown", ...)."""

    cause: str
    detail: str
    retry_after_s: float


Action = Send | SetTimer | Release | Resubmit | Refuse
