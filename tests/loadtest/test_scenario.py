"""Scenario files: what they mean, and that whatever is wrong is named with its line and its rule."""

from pathlib import Path

import pytest

from interim.loadtest.arrivals import Gamma, Poisson, TwoState
from interim.loadtest.budgets import Choice, Constant, LogNormal, Uniform
from interim.loadtest.entries import ScenarioError
from interim.loadtest.scenario import Clip, builtin_names, parse_scenario, read_scenario
from interim.loadtest.traffic import Readers, RequestClass, Revisions, Traffic, faster, settled
from interim.loadtest.varying import Daily, Replay, Steps

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
            "sead is no entry of this table; there are about, arrivals, budget, budgets_in",
        ),
        ("duration_s = 3", "duration_ms = 3000", 2, "duration_ms has the wrong unit: write duration_s"),
        ("duration_s = 3", "duration_s = '3 s'", 2, "must be a finite number above 0, not the string '3 s'"),
        ("duration_s = 3", "duration_s = 0", 2, "must be a finite number above 0, not 0"),
        ("duration_s = 3", "duration_s = inf", 2, "must be a finite number above 0, not inf"),
        pytest.param(
            "duration_s = 3",
            f"duration_s = 1{'0' * 400}",
            2,
            "must be a finite number above 0, not 1000",
            id="a number of 400 digits",
        ),
        ('pictures = ["street.jpg"]', 'labels = "l"', 4, "labels needs pictures: drawn ones have no labels"),
        ("duration_s = 3", "duration_s = true", 2, "must be a finite number above 0, not true"),
        ("duration_s = 3", "", 1, "duration_s is missing: write duration_s = ... (in seconds)"),
        ("seed = 7", "seed = 7.5", 3, "seed must be a whole number of at least 0, not 7.5"),
        ("rate_hz = 5", "rate_per_s = 5", 6, "arrivals.rate_hz is missing: write rate_hz = ... (per second)"),
        ("rate_hz = 5", "rte_hz = 5", 8, "arrivals.rte_hz is no entry of this table; rate_hz may be meant"),
        ("rate_hz = 5", "rate_hz = -5", 8, "arrivals.rate_hz must be a finite number above 0, not -5"),
        ('"poisson"', '"posson"', 7, "arrivals.process must be one of 'poisson', 'regular', 'gamma', "),
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


def test_budgets_are_not_spread_without_end() -> None:
    """A deviation that no number can follow is refused before anything is drawn."""
    budget = '[budget]\ndistribution = "lognormal"\nmedian_ms = 80\nspread = 800\n'
    with pytest.raises(ScenarioError, match="spread must be at most 20, not 800"):
        parsed(GOOD[: GOOD.index("[budget]")] + budget)


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
    with pytest.raises(ScenarioError, match=r"'stedy'.*clip, day, mixed-budgets"):
        read_scenario("stedy")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that cannot be read is an error of one sentence."""
    with pytest.raises(ScenarioError, match=r"absent\.toml cannot be read"):
        read_scenario(str(tmp_path / "absent.toml"))


REST = GOOD[: GOOD.index("[arrivals]")] + GOOD[GOOD.index("[budget]") :]


@pytest.mark.parametrize(
    ("entries", "arrivals"),
    [
        ('process = "gamma"\nrate_hz = 5\nvariation = 4', Gamma(rate_hz=5.0, variation=4.0)),
        (
            'process = "two-state"\nrate_hz = 5\ncalm_s = 8\nburst_s = 2',
            TwoState(rate_hz=5.0, calm_s=8.0, burst_s=2.0),
        ),
        (
            'process = "steps"\nrates_hz = [5, 9, 5]\nat_s = [10, 20]',
            Steps(rates_hz=(5.0, 9.0, 5.0), at_s=(0.0, 10.0, 20.0)),
        ),
        (
            'process = "daily"\nrate_hz = 5\nswing = 0.8\nday_s = 60',
            Daily(rate_hz=5.0, swing=0.8, day_s=60.0),
        ),
    ],
)
def test_the_processes_of_arrivals(entries: str, arrivals: object) -> None:
    """Every process has its own entries."""
    traffic = parsed(f"{REST}\n[arrivals]\n{entries}\n")
    assert isinstance(traffic, Traffic)
    assert traffic.arrivals == arrivals
    assert not traffic.relative


def test_a_trace_lies_beside_the_scenario(tmp_path: Path) -> None:
    """A CSV of instants or of counts, named relative to the scenario, played at another rate if asked."""
    (tmp_path / "trace.csv").write_text("at,n\n3,1\n4,0\n6,2\n")
    for column, rate in (
        ('instants = "at"', 1.0),
        ('instants = "at"\nrate_hz = 4', 4.0),
        ('counts = "n"', None),
    ):
        text = f'{REST}\n[arrivals]\nprocess = "trace"\nfile = "trace.csv"\n{column}\n'
        traffic = parse_scenario(text, tmp_path / "mine.toml")
        assert isinstance(traffic, Traffic)
        assert isinstance(traffic.arrivals, Replay)
        assert len(traffic.arrivals.times_s) == 3
        assert rate is None or traffic.arrivals.rate_hz == pytest.approx(rate)


EVERYTHING = """\
duration_s = 3
budgets_in = "runs"
labels = "truth"
drawn = 4
pictures = ["images"]
[arrivals]
process = "poisson"
load_of = "exit 1"
load = 0.8

[[classes]]
name = "interactive"
share = 3
[classes.budget]
distribution = "constant"
runs = 0.5

[[classes]]
name = "batch"
share = 1
max_exit = 3
[classes.budget]
distribution = "lognormal"
median_runs = 4
spread = 0.5

[revisions]
share = 0.3

[readers]
cancelled = 0.1
slow = 0.2
pause_ms = 50

[streams]
count = 8
newest_wins = true
"""


def test_a_scenario_may_say_everything() -> None:
    """Classes, revisions, readers and streams; loads and budgets relative to what the server can do."""
    traffic = parsed(EVERYTHING)
    assert isinstance(traffic, Traffic)
    assert traffic.classes == (
        RequestClass(name="interactive", share=3.0, budgets=Constant(ms=0.5)),
        RequestClass(name="batch", share=1.0, budgets=LogNormal(median_ms=4.0, spread=0.5), max_exit=3),
    )
    assert (traffic.revisions, traffic.readers) == (
        Revisions(share=0.3),
        Readers(cancelled=0.1, slow=0.2, pause_ms=50.0),
    )
    assert (traffic.streams, traffic.newest_wins, traffic.drawn) == (8, True, 4)
    assert (traffic.load_of, traffic.in_runs, traffic.labels) == ("exit 1", True, Path("runs/truth"))


def test_relative_traffic_is_settled_by_what_was_measured() -> None:
    """Loads become rates of exit 1 or of full runs, budgets become milliseconds; the rest stays."""
    traffic = parsed(EVERYTHING)
    assert isinstance(traffic, Traffic)
    real = settled(traffic, exit1_hz=50, full_hz=20, full_ms=40)
    assert real.arrivals.rate_hz == pytest.approx(40)
    assert [each.budgets for each in real.classes] == [
        Constant(ms=20.0),
        LogNormal(median_ms=160.0, spread=0.5),
    ]
    assert not real.relative
    full = parsed(EVERYTHING.replace('"exit 1"', '"full runs"'))
    assert isinstance(full, Traffic)
    assert settled(full, exit1_hz=50, full_hz=20, full_ms=40).arrivals.rate_hz == pytest.approx(16)


@pytest.mark.parametrize(
    ("old", "new", "line", "rule"),
    [
        ("runs = 0.5", "ms = 30", 16, "classes.0.budget.ms has the wrong unit: write runs = ..."),
        ("median_runs = 4", "median_ms = 4", 24, "median_ms has the wrong unit: write median_runs"),
        ("share = 0.3", "share = 3", 28, "revisions.share must be a share from 0 to 1, not 3"),
        ("pause_ms = 50", "", 30, "readers.pause_ms is missing"),
        ("load = 0.8", "rate_hz = 8", 6, "arrivals.load is missing: write load = ..."),
        ('"exit 1"', '"exit 2"', 8, "load_of must be one of '', 'exit 1', 'full runs', not 'exit 2'"),
        ("count = 8", "count = 1.5", 36, "streams.count must be a whole number"),
    ],
)
def test_a_wrong_entry_of_any_table_is_named(old: str, new: str, line: int, rule: str) -> None:
    """Also inside lists of tables: the line is that of the very table."""
    assert old in EVERYTHING
    with pytest.raises(ScenarioError) as raised:
        parsed(EVERYTHING.replace(old, new))
    assert rule in str(raised.value)
    assert f"line {line}: " in str(raised.value)


def test_steps_that_do_not_fit_are_named() -> None:
    """Each later step begins once, after the one before."""
    for at_s in ("[20, 10]", "[10]", "[10, 10]"):
        text = f'{REST}\n[arrivals]\nprocess = "steps"\nrates_hz = [5, 9, 5]\nat_s = {at_s}\n'
        with pytest.raises(ScenarioError, match="at_s must rise, and say when each of the 2 later steps"):
            parsed(text)
