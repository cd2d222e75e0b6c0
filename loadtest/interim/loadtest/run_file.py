"""The file of a run: its figures, and a record of every request, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from interim.loadtest.entries import ScenarioError, reason
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_FORMAT = 1
_COLUMNS = tuple(each.name for each in fields(Outcome))
_YOUNGER = {"exits_ms", "retry_ms"}  # that older files lack


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that was measured, or simulated.

    Attributes:
        name: Of the scenario, or of the file of requests.
        outcomes: One a request, in order of sending.
        quality_from: How their quality was scored; empty: it was not.
        facts: Whatever else is known, as plain data: the scenario, the server, the model, capacities.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    quality_from: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def summary(self) -> Summary:
        """In figures."""
        return summarise(self.outcomes, quality_from=self.quality_from)

    @property
    def exits(self) -> int:
        """How many exits the model has, as far as this run can tell."""
        named = len(self.facts.get("model", {}).get("exits", ()))
        return max(named, max((outcome.exit for outcome in self.outcomes), default=1), 1)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`: facts, figures, and `requests`, a list a column.

        The columns are those of `Outcome`, and what follows from them for readers that are not ours:
        `sent_s`, `slack_ms`, `server_slack_ms`, `late_client`.
        """
        columns: dict[str, list[Any]] = {
            name: [_plain(getattr(outcome, name)) for outcome in self.outcomes] for name in _COLUMNS
        }
        columns["sent_s"] = [_plain(one.send_s + one.lag_ms / 1e3) for one in self.outcomes]
        columns["slack_ms"] = [_plain(one.slack_ms) for one in self.outcomes]
        columns["server_slack_ms"] = [_plain(one.server_slack_ms) for one in self.outcomes]
        columns["late_client"] = [one.admitted and one.slack_ms < 0 for one in self.outcomes]
        return {
            "format": _FORMAT,
            "name": self.name,
            **self.facts,
            **self.summary.as_json(),
            "requests": columns,
        }


def read_run(path: Path) -> Run:
    """The run in a file of `interim-load run --json` or of `interim-load simulate --scenario`.

    Raises:
        ScenarioError: The file cannot be read, or is no such file.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        _check_kind(path, facts)
        outcomes = _outcomes(facts.pop("requests"))
        figures = {each.name for each in fields(Summary)}
        kept = {name: value for name, value in facts.items() if name not in {*figures, "name", "format"}}
        return Run(
            name=str(facts["name"]),
            outcomes=outcomes,
            quality_from=str(facts["quality_from"]),
            facts=kept,
        )
    except ScenarioError:
        raise
    except OSError as error:
        raise ScenarioError(f"The run {path} cannot be read ({reason(error)}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScenarioError(
            f"{path} is no record of a run: write one with `interim-load run --json FILE`."
        ) from error


def _check_kind(path: Path, facts: Mapping[str, Any]) -> None:
    if "miou_streaming" in facts:
        raise ScenarioError(f"{path} is of a clip, which has no page: all its figures are in the file.")


def _outcomes(columns: Mapping[str, Sequence[Any]]) -> tuple[Outcome, ...]:
    known = [name for name in _COLUMNS if name in columns or name not in _YOUNGER]
    rows = zip(*(columns[name] for name in known), strict=True)
    return tuple(_outcome(dict(zip(known, row, strict=True))) for row in rows)


def _outcome(values: dict[str, Any]) -> Outcome:
    ending = Ending(values.pop("ending"))
    exits_seen, exits_ms = tuple(values.pop("exits_seen")), tuple(values.pop("exits_ms", ()))
    return Outcome(ending=ending, exits_seen=exits_seen, exits_ms=exits_ms, **values)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value
