"""Requests as values: what a simulated device will find of each, and their files (JSON lines)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from interim.loadtest.entries import ScenarioError
from interim.loadtest.lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """The client moves its deadline at `at_s`, to `deadline_s` (both absolute)."""

    at_s: float
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One request: when it comes, until when an answer counts, and the truth about each of its stages.

    A scheduler learns `shares[k]` and `hints[k]` when exit k is complete, the rest as it happens.

    Attributes:
        id: Unique in its file.
        arrival_s: When it comes.
        deadline_s: Until when an answer counts, at first.
        stage_s: What each stage takes on the device, in seconds.
        shares: The share of positions each stage refines; 1 for the first.
        gains: What each exit adds to the utility when it is delivered in time.
        hints: What the confidence of the exit before says of each gain, as a factor on its forecast; 1: nothing.
        moved: A revision of the deadline; void once the request has ended.
        ready_s: How long after its arrival its image is in memory.
    """

    id: int
    arrival_s: float
    deadline_s: float
    stage_s: tuple[float, ...]
    shares: tuple[float, ...]
    gains: tuple[float, ...]
    hints: tuple[float, ...]
    moved: Moved | None = None
    ready_s: float = 0.0

    @property
    def last_deadline_s(self) -> float:
        """The deadline in force at the end, were every revision granted; one in the past means at once."""
        if self.moved is None or self.deadline_s <= self.moved.at_s:
            return self.deadline_s
        return max(self.moved.deadline_s, self.moved.at_s)


def write_traced(path: Path, requests: Iterable[Traced]) -> None:
    """Writes one JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(request)) + "\n" for request in requests)


def read_traced(path: Path) -> tuple[Traced, ...]:
    """The requests of a file of JSON lines, in order of arrival.

    Raises:
        ScenarioError: the file cannot be read, or a line breaks a rule; the message names the line.
    """
    requests: list[Traced] = []
    for number, line in lines_of(path):
        try:
            requests.append(_checked(_traced(json.loads(line)), requests[-1:]))
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ScenarioError(f"{path}, line {number}: {_rule(error)}.") from error
    if len({request.id for request in requests}) != len(requests):
        raise ScenarioError(f"{path}: two requests have the same id.")
    return tuple(requests)


def _traced(values: Any) -> Traced:
    moved = values.pop("moved", None) if isinstance(values, dict) else None
    if not isinstance(values, dict) or not isinstance(moved, dict | None):
        raise ValueError("a request is a JSON object, and so is its moved")  # noqa: TRY004  a rule of the file
    lists = {name: tuple(map(float, values.pop(name))) for name in ("stage_s", "shares", "gains", "hints")}
    ready_s = float(values.pop("ready_s", 0.0))
    return Traced(
        ready_s=ready_s,
        id=int(values.pop("id")),
        arrival_s=float(values.pop("arrival_s")),
        deadline_s=float(values.pop("deadline_s")),
        moved=None if moved is None else Moved(**{name: float(at_s) for name, at_s in moved.items()}),
        **lists,
        **values,  # what is left is no field: a TypeError that names it
    )


def _checked(request: Traced, before: list[Traced]) -> Traced:
    moved = (request.moved.at_s, request.moved.deadline_s) if request.moved else ()
    lists = (request.stage_s, request.shares, request.gains, request.hints)
    exits = len(before[0].stage_s) if before else len(request.stage_s)
    if not all(
        map(math.isfinite, (request.arrival_s, request.deadline_s, request.ready_s, *moved, *sum(lists, ())))
    ):
        raise ValueError("every number must be finite")
    if not exits or any(len(values) != exits for values in lists):
        raise ValueError("stage_s, shares, gains and hints must have one number an exit, in every line")
    if min(request.stage_s) <= 0 or not 0 <= min(request.shares) <= max(request.shares) <= 1:
        raise ValueError("stage_s must be above 0, and shares from 0 to 1")
    if before and request.arrival_s < before[0].arrival_s:
        raise ValueError(f"arrival_s {request.arrival_s:g} lies before the line above it")
    if request.ready_s < 0:
        raise ValueError("ready_s must be at least 0")
    if request.moved and request.moved.at_s < request.arrival_s:
        raise ValueError("moved.at_s lies before arrival_s")
    return request


def _rule(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON object: {error}"
    return str(error).replace("Traced.__init__() got an unexpected keyword argument", "there is no field")
