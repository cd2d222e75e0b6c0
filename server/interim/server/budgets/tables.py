"""The `[budget]` tables of the config file: checked against their rules, made into plain values.

A wrong value is named with its line, the rule it breaks and so the way out; docs/budgets.md shows every key.
"""

import difflib
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from interim.scheduling.budgets.book import BudgetRules
from interim.scheduling.budgets.by_class import ClassRule
from interim.scheduling.budgets.clock import Window
from interim.scheduling.budgets.function import FunctionRule
from interim.scheduling.budgets.load import LoadRule
from interim.server import rules
from interim.server.budgets import words
from interim.server.budgets.lines import line_of
from interim.server.errors import ConfigError
from interim.server.rules import Rule

_MS = rules.number(1, 3_600_000)
_DRY = {"dry_run": rules.truth()}
_FOR = {"classes": words.class_names()}
_TOP = {name: rules.table() for name in ("class", "clock", "load", "function")} | _DRY
_CLASS = {"default_ms": _MS, "at_most_ms": _MS} | _DRY
_CLOCK = {"time_zone": words.time_zone(), "window": rules.tables()}
_WINDOW = {
    "name": rules.text(),
    "days": words.days(),
    "from": words.clock_time(),
    "until": words.clock_time(),
    "at_most_ms": _MS,
} | _FOR | _DRY  # fmt: skip
_LOAD = {
    "above_ms": _MS,
    "below_ms": _MS,
    "least_share": rules.number(0.01, 1),
    "at_least_ms": _MS,
    "every_ms": rules.number(10, 60_000),
    "shrink": rules.number(0.1, 0.99),
    "grow": rules.number(1.01, 10),
} | _FOR | _DRY  # fmt: skip
_FUNCTION = {"call": words.function_name(), "limit_ms": rules.number(0.5, 1000)} | _DRY


class _Table:
    """One table with its rules: every key is known and every value keeps its rule, or it says where not."""

    def __init__(self, place: "_Place", values: Mapping[str, Any], known: Mapping[str, Rule]) -> None:
        self.place = place
        self.values = values
        for key, value in values.items():
            rule = known.get(key)
            if rule is None:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
                raise place.error(f"no such option; {hint}", key)
            if not rule.holds(value):
                shown = "is not that" if isinstance(value, dict | list) else f"= {value!r}"
                raise place.error(f"{shown}: must be {rule.words}", key)
        self._known = known

    def need(self, key: str) -> Any:
        """A value that must be there."""
        if key not in self.values:
            raise self.place.error(f"needs {key}: {self._known[key].words}")
        return self.values[key]

    def seconds(self, **names: str) -> dict[str, Any]:
        """Those of the named milliseconds that are there, as seconds: field=key."""
        return {field: self.values[key] / 1e3 for field, key in names.items() if key in self.values}

    def plain(self, *names: str) -> dict[str, Any]:
        """Those of the named values that are there, as they are."""
        found = {name: self.values[name] for name in names if name in self.values}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


class _Place:
    """Where in the file a table stands, for sentences."""

    def __init__(self, file: str, source: str, path: tuple[str | int, ...]) -> None:
        self._file = file
        self._source = source
        self._path = path

    def inside(self, *names: str | int) -> "_Place":
        """A table in this one."""
        return _Place(self._file, self._source, (*self._path, *names))

    def error(self, sentence: str, *key: str) -> ConfigError:
        """What is wrong here, or with a key here."""
        path = (*self._path, *key)
        name = ".".join(str(part) for part in path if not isinstance(part, int))
        colon = "" if sentence.startswith(("=", "needs", "is not")) else ":"
        return ConfigError(f"{self._file}:{line_of(self._source, path)}: {name}{colon} {sentence}")


def budget_rules(file: str, source: str, table: Mapping[str, Any]) -> BudgetRules:
    """The rules in a config file's `budget` table.

    Args:
        file: Its name, for sentences.
        source: Its text, for lines.
        table: The table.

    Raises:
        ConfigError: a key or a value breaks its rule.
    """
    place = _Place(file, source, ("budget",))
    if not isinstance(table, dict):
        raise place.error("must be a table, [budget]")
    top = _Table(place, table, _TOP)
    clock, load, function = (table.get(name) for name in ("clock", "load", "function"))
    return BudgetRules(
        classes=_classes(place.inside("class"), table.get("class", {})),
        windows=() if clock is None else _windows(place.inside("clock"), clock),
        load=None if load is None else _load(place.inside("load"), load),
        function=None if function is None else _function(place.inside("function"), function),
        **top.plain("dry_run"),
    )


def _classes(place: _Place, table: Mapping[str, Any]) -> tuple[ClassRule, ...]:
    made = []
    for name, values in table.items():
        here = place.inside(name)
        if not isinstance(values, dict):
            raise here.error(f"must be a table, [budget.class.{name}]")
        each = _Table(here, values, _CLASS)
        if not {"default_ms", "at_most_ms"} & set(values):
            raise here.error("needs default_ms, at_most_ms or both")
        times = each.seconds(default_s="default_ms", at_most_s="at_most_ms")
        made.append(ClassRule(request_class=name, **times, **each.plain("dry_run")))
    return tuple(made)


def _windows(place: _Place, table: Mapping[str, Any]) -> tuple[Window, ...]:
    clock = _Table(place, table, _CLOCK)
    zone = ZoneInfo(clock.need("time_zone"))
    made: list[Window] = []
    for number, values in enumerate(clock.need("window")):
        here = place.inside("window", number)
        each = _Table(here, values, _WINDOW)
        window = Window(
            name=each.need("name"),
            days=words.days_of(each.need("days")),
            start=words.time_of(each.need("from")),
            end=words.time_of(each.need("until")),
            zone=zone,
            at_most_s=each.need("at_most_ms") / 1e3,
            **each.plain("classes", "dry_run"),
        )
        if window.name in {other.name for other in made}:
            raise here.error(f'= "{window.name}": another window has this name; give each its own', "name")
        made.append(window)
    return tuple(made)


def _load(place: _Place, table: Mapping[str, Any]) -> LoadRule:
    load = _Table(place, table, _LOAD)
    above, below = load.need("above_ms"), load.need("below_ms")
    if below >= above:
        raise place.error(
            f"= {below!r}: must be less than above_ms ({above!r}), so that budgets do not swing", "below_ms"
        )
    times = load.seconds(at_least_s="at_least_ms", every_s="every_ms")
    shares = load.plain("least_share", "shrink", "grow", "classes", "dry_run")
    return LoadRule(above_s=above / 1e3, below_s=below / 1e3, **times, **shares)


def _function(place: _Place, table: Mapping[str, Any]) -> FunctionRule:
    function = _Table(place, table, _FUNCTION)
    return FunctionRule(
        call=function.need("call"), **function.seconds(limit_s="limit_ms"), **function.plain("dry_run")
    )
