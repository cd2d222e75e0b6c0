"""The [budget] tables of the config file: what they mean, and how a wrong line is named."""

import re
from datetime import time
from pathlib import Path
from typing import Any

import pytest

from interim.scheduling.budgets.by_class import ClassRule
from interim.server.budgets.lines import line_of
from interim.server.budgets.words import days_of
from interim.server.config import load
from interim.server.errors import ConfigError

WHOLE = """\
default_budget_ms = 800

[budget]
dry_run = true

[budget.class.interactive]
default_ms = 150
at_most_ms = 300

[budget.class.batch]
at_most_ms = 5000
dry_run = true

[budget.clock]
time_zone = "Europe/Berlin"

[[budget.clock.window]]
name = "rush hour"
days = "mon-fri"
from = "07:30"
until = "09:30"
at_most_ms = 200
classes = ["interactive"]

[[budget.clock.window]]
name = "night"
days = "sat,sun"
from = "22:00"
until = "06:00:30"
at_most_ms = 2000

[budget.load]
above_ms = 800
below_ms = 400
least_share = 0.4

[budget.function]
call = "shop.budgets:for_request"
limit_ms = 4
"""


def loaded(tmp_path: Any, text: Any) -> Any:
    path = tmp_path / "interim.toml"
    path.write_text(text)
    return load(path, {}).budgets


def test_the_tables_are_the_rules(tmp_path: Any) -> None:
    """Every table, every key; seconds inside, milliseconds outside."""
    rules = loaded(tmp_path, WHOLE)
    assert (rules.default_s, rules.guard_s, rules.dry_run) == (0.8, 0.01, True)
    assert rules.classes == (
        ClassRule(request_class="interactive", default_s=0.15, at_most_s=0.3),
        ClassRule(request_class="batch", at_most_s=5.0, dry_run=True),
    )
    rush, night = rules.windows
    assert (rush.name, rush.days, rush.classes) == ("rush hour", {0, 1, 2, 3, 4}, ("interactive",))
    assert (rush.start, rush.end, rush.at_most_s, rush.zone.key) == (
        time(7, 30),
        time(9, 30),
        0.2,
        "Europe/Berlin",
    )
    assert (night.days, night.end) == ({5, 6}, time(6, 0, 30))
    assert (rules.load.above_s, rules.load.below_s, rules.load.least_share) == (0.8, 0.4, 0.4)
    assert (rules.function.call, rules.function.limit_s) == ("shop.budgets:for_request", 0.004)


def test_the_example_of_the_documentation_holds(tmp_path: Any) -> None:
    """Every TOML block of docs/budgets.md loads, and shows every table."""
    text = (Path(__file__).parents[2] / "docs/budgets.md").read_text()
    rules = [loaded(tmp_path, block) for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert [len(each.windows) for each in rules] == [1, 0]
    assert rules[0].load is not None
    assert rules[1].function is not None


def test_without_tables_only_the_request_counts(tmp_path: Any) -> None:
    """And an empty table is none."""
    for text in ("", "[budget]\n"):
        rules = loaded(tmp_path, text)
        assert (rules.classes, rules.windows, rules.load, rules.function) == ((), (), None, None)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("mon", {0}),
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("fri-mon", {4, 5, 6, 0}),
        ("mon,wed, sat-sun", {0, 2, 5, 6}),
        ("sun-sun", {6}),
        ("monday", set()),
        ("", set()),
        (5, set()),
    ],
)
def test_days_are_names_and_ranges(words: Any, meant: Any) -> None:
    """Also over Sunday; what means nothing is none."""
    assert days_of(words) == meant


CLOCK = '[budget.clock]\ntime_zone = "UTC"\n[[budget.clock.window]]\nname = "a"\ndays = "mon"\nfrom = "08:00"\nuntil = "09:00"\nat_most_ms = 5\n'


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("budget = 5\n", 1, "budget: must be a table, [budget]"),
        ("[budget]\ndry_run = 1\n", 2, "budget.dry_run = 1: must be true or false"),
        ("[budget]\n\n[budget.loads]\n", 3, "budget.loads: no such option; did you mean load?"),
        (
            "[budget.class.a]\nat_most = 3\n",
            2,
            "budget.class.a.at_most: no such option; did you mean at_most_ms?",
        ),
        (
            "[budget.class.a]\nat_most_ms = 0\n",
            2,
            "budget.class.a.at_most_ms = 0: must be a number from 1 to",
        ),
        ("[budget.class.a]\n", 1, "budget.class.a needs default_ms, at_most_ms or both"),
        ("[budget.class]\na = 5\n", 2, "budget.class.a: must be a table, [budget.class.a]"),
        ("[budget.load]\nabove_ms = 100\n", 1, "budget.load needs below_ms: a number from 1"),
        (
            "[budget.load]\nabove_ms = 100\nbelow_ms = 200\n",
            3,
            "budget.load.below_ms = 200: must be less than above_ms (100)",
        ),
        ("[budget.clock]\ntime_zone = 'Mars/Base'\n", 2, "a time zone such as"),
        ("[budget.clock]\nwindow = []\n", 2, "budget.clock.window is not that: must be one or more tables"),
        (
            CLOCK.replace('"mon"', '"someday"'),
            5,
            "budget.clock.window.days = 'someday': must be days such as",
        ),
        (CLOCK.replace('"09:00"', '"9"'), 7, "must be a time of day such as"),
        (CLOCK.replace("at_most_ms = 5\n", ""), 3, "budget.clock.window needs at_most_ms: a number"),
        (
            CLOCK + CLOCK[CLOCK.index("[[") :],
            10,
            'budget.clock.window.name = "a": another window has this name',
        ),
        ("[budget.function]\ncall = 'for_request'\n", 2, "must be MODULE:NAME of a function"),
        ("[budget.function]\nlimit_ms = 5\n", 1, "budget.function needs call: MODULE:NAME"),
    ],
)
def test_a_wrong_budget_line_is_named_with_its_rule(tmp_path: Any, text: Any, line: Any, words: Any) -> None:
    """File, line, key, value, rule."""
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path}/interim.toml:{line}: ")
    assert words in str(error.value)


def test_lines_are_found_through_tables_and_arrays() -> None:
    """Also for keys with dots and quotes; what is not there stands where its table does."""
    source = '[a]\nb.c = 1\n"d e" = 2\n[[a.list]]\nx = 1\n[[a.list]] # two\nx = 2\n[a.list.sub]\ny = 1\n'
    for path, line in (
        (("a",), 1),
        (("a", "b", "c"), 2),
        (("a", "d e"), 3),
        (("a", "list", 0, "x"), 5),
        (("a", "list", 1, "x"), 7),
        (("a", "list", 1, "sub", "y"), 9),
        (("a", "list", 1, "none"), 6),
        (("other",), 1),
    ):
        assert line_of(source, path) == line, path
