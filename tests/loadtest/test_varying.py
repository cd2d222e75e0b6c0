"""Arrivals whose rate changes: steps, days, recordings."""

from itertools import islice, takewhile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.arrivals import Arrivals
from interim.loadtest.entries import ScenarioError
from interim.loadtest.varying import Daily, Replay, Steps, read_trace

STEPS = Steps(rates_hz=(50.0, 400.0, 50.0), at_s=(0.0, 20.0, 40.0))


def counted(process: Arrivals, from_s: float, to_s: float, seed: int = 1) -> int:
    instants = takewhile(lambda at_s: at_s < to_s, process.instants(Random(seed)))
    return sum(at_s >= from_s for at_s in instants)


@given(seed=st.integers(), swing=st.floats(0, 1), rate_hz=st.floats(0.1, 1000))
def test_instants_rise_and_one_seed_is_one_run(seed: int, swing: float, rate_hz: float) -> None:
    """No request is sent before the one drawn earlier, none before the run, and the seed settles them."""
    for process in (Daily(rate_hz=rate_hz, swing=swing, day_s=3.0), STEPS.at_rate(rate_hz)):
        instants = list(islice(process.instants(Random(seed)), 50))
        assert instants == sorted(instants)
        assert instants[0] > 0
        assert instants == list(islice(process.instants(Random(seed)), 50))


def test_steps_keep_the_rate_of_each_step() -> None:
    """Counts in each step are its rate times its length, within 10 %."""
    for rate_hz, begin_s in ((50, 0), (400, 20), (50, 40)):
        assert counted(STEPS, begin_s, begin_s + 20) == pytest.approx(20 * rate_hz, rel=0.1)


def test_all_steps_change_together() -> None:
    """`at_rate` is told of the first step; the others keep their ratio to it."""
    assert STEPS.at_rate(100).rates_hz == (100.0, 800.0, 100.0)
    assert STEPS.at_rate(100).at_s == STEPS.at_s


def test_a_day_has_its_night_at_the_start() -> None:
    """The mean rate is as said, the quarter about noon busier than the one about midnight."""
    day = Daily(rate_hz=200, swing=0.9, day_s=40)
    assert counted(day, 0, 40) == pytest.approx(8000, rel=0.1)
    assert counted(day, 15, 25) > 5 * (counted(day, 0, 5) + counted(day, 35, 40))
    assert day.rate_at(0) == pytest.approx(20)
    assert day.rate_at(20) == pytest.approx(380)


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=20), st.floats(0.1, 100))
def test_a_recording_is_played_at_any_rate(gaps: list[float], rate_hz: float) -> None:
    """Every arrival comes once, in order, and the ratios of the gaps stay."""
    times = tuple(sum(gaps[:end]) for end in range(len(gaps) + 1))
    played = Replay(times_s=times).at_rate(rate_hz)
    instants = list(played.instants(Random(0)))
    assert len(instants) == len(times)
    assert played.rate_hz == pytest.approx(rate_hz)
    assert [at_s / instants[-1] for at_s in instants] == pytest.approx([at_s / times[-1] for at_s in times])


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text)
    return path


def test_parts_of_an_arrival_add_up(tmp_path: Path) -> None:
    """Averages of a minute are no whole numbers: what is left over comes in a later second; a BOM is no column."""
    path = written(tmp_path, "\ufeffn\n0.5\n0.5\n0.5\n1.5\n")
    trace = read_trace(path, column="n", counts=True)
    assert [int(at_s) for at_s in trace.times_s] == [1, 3, 3]


def test_counts_are_placed_inside_their_seconds(tmp_path: Path) -> None:
    """So many in each second as the file says; `from_s` leaves the beginning out; the seed settles it."""
    path = written(tmp_path, "n\n3\n0\n2\n")
    trace = read_trace(path, column="n", counts=True, seed=4)
    assert [int(at_s) for at_s in trace.times_s] == [0, 0, 0, 2, 2]
    assert trace == read_trace(path, column="n", counts=True, seed=4)
    assert len(read_trace(path, column="n", counts=True, from_s=1.5).times_s) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("t\n0\n5\n4\n", "line 4: the trace goes backwards, from 5 to 4 s: sort it"),
        ("t\n0\nfive\n", "line 3: 'five' is no finite number"),
        ("t\n0\n-5\n", "line 3: '-5' is no finite number of at least 0"),
        ("t\n0\nnan\n", "line 3: 'nan' is no finite number"),
        ("u\n0\n5\n", "has no column 't'; its columns are: u"),
        ("", "has no column 't'; its columns are: none"),
        ("t\n0\n", "holds fewer than two rows"),
        ("t\n3\n3\n", "has no arrivals after 0 s"),
    ],
)
def test_a_wrong_trace_is_named_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    """Whatever is wrong with a recording: one sentence, with the line where there is one."""
    with pytest.raises(ScenarioError) as raised:
        read_trace(written(tmp_path, text), column="t")
    assert says in str(raised.value)


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    """A file that is not there is a sentence, not a trace of calls."""
    with pytest.raises(ScenarioError, match=r"none\.csv cannot be read"):
        read_trace(tmp_path / "none.csv", column="t")
