"""The file of a run: what is written is read, and other programs can read it too."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.loadtest.entries import ScenarioError
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.run_file import Run, read_run

MS = st.floats(0, 1e6).map(lambda ms: round(ms, 6))
OUTCOMES = st.builds(
    Outcome,
    index=st.integers(0, 99),
    send_s=MS,
    lag_ms=MS,
    budget_ms=MS,
    ending=st.sampled_from(Ending),
    end_ms=MS,
    first_ms=st.none() | MS,
    exits_seen=st.lists(st.integers(1, 4)).map(tuple),
    exit=st.integers(0, 4),
    late=st.booleans(),
    revised_ms=st.none() | MS,
    granted=st.none() | st.booleans(),
    quality=st.none() | MS,
)


@settings(max_examples=40)
@given(st.lists(OUTCOMES, max_size=6))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, outcomes: list[Outcome]) -> None:
    """Every field of every record survives the file, and so do the facts beside them."""
    run = Run(name="n", outcomes=tuple(outcomes), quality_from="labels", facts={"server": "here"})
    path = tmp_path_factory.mktemp("run") / "run.json"
    path.write_text(json.dumps(run.as_json()))
    assert read_run(path) == run


def test_columns_for_other_readers() -> None:
    """Derived columns lie beside the recorded ones, as long as these."""
    late = Outcome(index=0, send_s=1.0, lag_ms=2.0, budget_ms=50.0, ending=Ending.ANSWERED, end_ms=60.0)
    columns = Run(name="n", outcomes=(late,)).as_json()["requests"]
    assert (columns["sent_s"], columns["slack_ms"], columns["late_client"]) == ([1.002], [-10.0], [True])
    assert {len(column) for column in columns.values()} == {1}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"requests": {}}', '{"name": "n", "requests": {"exit": []}}']
)
def test_what_is_no_run_is_told(tmp_path: Path, text: str) -> None:
    """Any other file: one sentence with its name."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=r"other\.json is no record of a run"):
        read_run(path)
    with pytest.raises(ScenarioError, match=r"none\.json cannot be read"):
        read_run(tmp_path / "none.json")
