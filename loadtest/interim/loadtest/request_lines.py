"""Requests as JSON lines: the same file goes through the server and through the simulator.

A line has `id`, `arrival_s` and `deadline_s` (seconds from the run's start) and may have `moved`
({"at_s", "deadline_s"}), `class`, `max_exit`, `picture`, `stream`, `cancel_at_s` and `pause_s`. Lines that
also say what each stage takes and gains (see `traced`) can be sent as well: a server has its own truth.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from interim.loadtest.entries import ScenarioError, reason
from interim.loadtest.lines import lines_of
from interim.loadtest.plan import Move, Planned

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TRUTH = ("stage_s", "shares", "gains", "hints")
_KNOWN = {
    *_TRUTH,
    "ready_s",
    "id",
    "arrival_s",
    "deadline_s",
    "moved",
    "class",
    "max_exit",
    "picture",
    "stream",
    "cancel_at_s",
    "pause_s",
}


def write_requests(path: Path, requests: Iterable[Planned]) -> None:
    """Writes one JSON object a line; what is not said of a request is left out.

    Raises:
        ScenarioError: The file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(_line(request)) + "\n" for request in requests)
    except OSError as error:
        raise ScenarioError(f"The requests cannot be written to {path} ({reason(error)}).") from error


def read_requests(path: Path) -> tuple[Planned, ...]:
    """The requests of a file, numbered anew in their order.

    Raises:
        ScenarioError: The file cannot be read, or a line breaks a rule; the message names the line.
    """
    requests: list[Planned] = []
    for number, line in lines_of(path):
        try:
            requests.append(_planned(json.loads(line), len(requests)))
            _check_order(requests[-2:])
        except KeyError as error:
            raise ScenarioError(f"{path}, line {number}: {error.args[0]} is missing.") from error
        except (ValueError, TypeError, OverflowError) as error:
            raise ScenarioError(f"{path}, line {number}: {error}.") from error
    return tuple(requests)


def tells_the_truth(path: Path) -> bool:
    """Whether a file of requests says what each stage takes: it can be simulated as it stands."""
    try:
        with path.open(encoding="utf-8") as file:
            return '"stage_s"' in file.readline()
    except (OSError, UnicodeDecodeError):
        return True  # whoever reads it next says what is wrong


def _line(request: Planned) -> dict[str, Any]:
    start_s = request.send_s
    line: dict[str, Any] = {
        "id": request.index,
        "arrival_s": start_s,
        "deadline_s": start_s + request.budget_ms / 1e3,
    }
    if request.move is not None:
        line["moved"] = {
            "at_s": start_s + request.move.at_ms / 1e3,
            "deadline_s": start_s + request.move.total_ms / 1e3,
        }
    if request.cancel_ms is not None:
        line["cancel_at_s"] = start_s + request.cancel_ms / 1e3
    said = {
        "class": request.request_class,
        "max_exit": request.max_exit,
        "picture": request.picture,
        "stream": request.stream,
        "pause_s": request.pause_ms / 1e3,
    }
    always = {"picture", "stream"}  # where 0 says something
    return line | {
        name: value for name, value in said.items() if value or (name in always and value is not None)
    }


def _planned(values: Any, index: int) -> Planned:
    if not isinstance(values, dict):
        raise ValueError(f"{values!r} is no JSON object")  # noqa: TRY004  a rule of the file, as all others
    unknown = sorted(values.keys() - _KNOWN)
    if unknown:
        raise ValueError(f"there is no field {unknown[0]!r}")
    send_s, deadline_s = _seconds(values["arrival_s"]), _seconds(values["deadline_s"])
    if send_s < 0.0 or deadline_s <= send_s:
        raise ValueError(
            f"deadline_s {deadline_s:g} must lie after arrival_s {send_s:g}, which is at least 0"
        )
    moved, cancel_at_s = values.get("moved"), values.get("cancel_at_s")
    picture, stream = values.get("picture"), values.get("stream")
    return Planned(
        index=index,
        send_s=send_s,
        budget_ms=1e3 * (deadline_s - send_s),
        request_class=str(values.get("class", "")),
        max_exit=_whole("max_exit", values.get("max_exit", 0)),
        picture=None if picture is None else _whole("picture", picture),
        stream=None if stream is None else _whole("stream", stream),
        move=None if moved is None else _move(moved, send_s),
        cancel_ms=None if cancel_at_s is None else 1e3 * (_seconds(cancel_at_s) - send_s),
        pause_ms=1e3 * _seconds(values.get("pause_s", 0.0)),
    )


def _move(moved: Any, send_s: float) -> Move:
    if not isinstance(moved, dict):
        raise ValueError(f"moved {moved!r} is no JSON object")  # noqa: TRY004  as above
    at_s, deadline_s = _seconds(moved["at_s"]), _seconds(moved["deadline_s"])
    if at_s < send_s:
        raise ValueError("moved.at_s lies before arrival_s")
    return Move(at_ms=1e3 * (at_s - send_s), total_ms=max(1e3 * (deadline_s - send_s), 0.0))


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number of seconds")
    return float(value)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} {value!r} is no whole number of at least 0")
    return value


def _check_order(pair: list[Planned]) -> None:
    if len(pair) == 2 and pair[1].send_s < pair[0].send_s:
        raise ValueError(f"arrival_s {pair[1].send_s:g} lies before the line above it")
