"""Scenario files: what they mean, and that whatever is wrong is named with its line and its rule."""

from pathlib import Path

import pytest

from interim.loadtest.arrivals import Poisson
from interim.loadtest.budgets import Choice, Constant, Uniform
from interim.loadtest.entries import ScenarioError
from interim.loadtest.scenario import Clip, Traffic, builtin_names, faster, parse_scenario, read_scenario

GOOD = """\
about = "a test"
duration_s = 3
seed = 7
pictures = ["street.jpg"]

[arrivals]
process = "poisson"
rate_hz = 5

[budget]
distribution = "uniform"
low_ms = 20
high_ms = 40
"""


def parsed(text: str) -> Traffic | Clip:
    return parse_scenario(text, Path("runs/mine.toml"))


def test_a_file_becomes_a_value() -> None:
    """Every entry arrives in the scenario; paths start from the file's folder."""
    assert parsed(GOOD) == Traffic(
        name="mine",
        about="a test",
        seed=7,
        duration_s=3.0,
        arrivals=Poisson(rate_hz=5.0),
        budgets=Uniform(low_ms=20.0, high_ms=40.0),
        pictures=(Path("runs/street.jpg"),),
    )


def test_the_distributions_of_budgets() -> None:
    """A budget is a constant, a range or a choice among values."""
    head = GOOD[: GOOD.index("[budget]")]
    constant = parsed(head + '[budget]\ndistribution = "constant"\nms = 60.5\n')
    choice = parsed(head + '[budget]\ndistribution = "choice"\nvalues_ms = [20, 80]\nweights = [1, 3]\n')
    assert isinstance(constant, Traffic)
    assert isinstance(choice, Traffic)
    assert constant.budgets == Constant(ms=60.5)
    assert choice.budgets == Choice(values_ms=(20.0, 80.0), weights=(1.0, 3.0))


def test_the_built_in_scenarios_are_read() -> None:
    """`steady`, `mixed-budgets` and `clip` come with the package and say what they are about."""
    assert {"steady", "mixed-budgets", "clip"} <= set(builtin_names())
    for name in builtin_names():
        scenario = read_scenario(name)
        assert scenario.name == name
        assert scenario.about
    assert isinstance(read_scenario("clip"), Clip)


def test_a_clip_may_name_its_files() -> None:
    """A clip's lists and folders start from the scenario's folder; what is absent is left to the command."""
    clip = parsed('kind = "clip"\nfps = 15\nbudget_ms = 60\nframes = "val.txt"\nnewest_wins = true\n')
    assert clip == Clip(name="mine", fps=15.0, budget_ms=60.0, frames=Path("runs/val.txt"), newest_wins=True)


def test_a_rate_can_be_changed() -> None:
    """`--rate` speeds a scenario up and leaves the rest of it alone."""
    traffic = parsed(GOOD)
    assert isinstance(traffic, Traffic)
    assert faster(traffic, rate_hz=9).arrivals == Poisson(rate_hz=9)
    assert faster(traffic, rate_hz=9).budgets == traffic.budgets


@pytest.mark.parametrize(
    ("old", "new", "line", "rule"),
    [
        (
            "seed = 7",
            "sead = 7",
            3,
            "sead is no entry of this table; there are about, arrivals, budget, class",
        ),
        ("duration_s = 3", "duration_ms = 3000", 2, "duration_ms has the wrong unit: write duration_s"),
        ("duration_s = 3", "duration_s = '3 s'", 2, "must be a finite number above 0, not the string '3 s'"),
        ("duration_s = 3", "duration_s = 0", 2, "must be a finite number above 0, not 0"),
        ("duration_s = 3", "duration_s = inf", 2, "must be a finite number above 0, not inf"),
        ("duration_s = 3", "duration_s = true", 2, "must be a finite number above 0, not true"),
        ("duration_s = 3", "", 1, "duration_s is missing: write duration_s = ... (in seconds)"),
        ("seed = 7", "seed = 7.5", 3, "seed must be a whole number of at least 0, not 7.5"),
        ("rate_hz = 5", "rate_per_s = 5", 6, "arrivals.rate_hz is missing: write rate_hz = ... (per second)"),
        ("rate_hz = 5", "rate_hz = -5", 8, "arrivals.rate_hz must be a finite number above 0, not -5"),
        ('"poisson"', '"posson"', 7, "arrivals.process must be one of 'poisson', 'regular', not 'posson'"),
        ("high_ms = 40", "high_ms = 20", 13, "budget.high_ms must be a finite number above 20, not 20"),
        (
            "low_ms = 20",
            "low_s = 0.02",
            12,
            "budget.low_s has the wrong unit: write low_ms = ... (in milliseconds)",
        ),
        ("seed = 7", "seed = 7\npicture_px = [1.5, 2]", 4, "picture_px must be two whole numbers"),
        ('["street.jpg"]', '"street.jpg"', 4, "pictures must be a list of strings"),
        ('"a test"', "5", 1, "about must be a string, not 5"),
    ],
)
def test_a_wrong_entry_is_named_with_its_line(old: str, new: str, line: int, rule: str) -> None:
    """A wrong key, unit, type or value: the message says which line and which rule."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(ScenarioError) as raised:
        parsed(text)
    assert f"mine.toml, line {line}: " in str(raised.value)
    assert rule in str(raised.value)


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        ("values_ms = []", "must be a list of finite numbers above 0"),
        ("values_ms = [20, -1]", "must be a list of finite numbers above 0: -1 is none"),
        ("values_ms = [20, 80]\nweights = [1]", "must have one weight a value: 2"),
        ("values_ms = 20", "must be a list of finite numbers above 0, not 20"),
    ],
)
def test_a_wrong_choice_of_budgets_is_named(entry: str, rule: str) -> None:
    """A choice needs values, and as many weights as values."""
    text = GOOD[: GOOD.index("[budget]")] + f'[budget]\ndistribution = "choice"\n{entry}\n'
    with pytest.raises(ScenarioError, match=r"line 1\d") as raised:
        parsed(text)
    assert rule in str(raised.value)


def test_a_file_that_is_no_toml_is_named_with_its_line() -> None:
    """A syntax error: the file, the line, and what the parser says."""
    with pytest.raises(ScenarioError, match=r"mine\.toml is no TOML file: .*line 2"):
        parsed("seed = 1\nduration_s = = 3\n")


def test_a_table_must_be_a_table() -> None:
    """`arrivals = 3` is told to be a table."""
    with pytest.raises(ScenarioError, match=r"line 2: arrivals must be a table \[arrivals\], not 3"):
        parsed("duration_s = 3\narrivals = 3\n")


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A scenario that is neither a file nor built in: the message says which there are."""
    with pytest.raises(ScenarioError, match=r"'stedy'.*clip, mixed-budgets, steady"):
        read_scenario("stedy")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is an error of one sentence."""
    with pytest.raises(ScenarioError, match=r"absent\.toml cannot be read"):
        read_scenario(str(tmp_path / "absent.toml"))
