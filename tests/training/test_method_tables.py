"""The tables of docs/methods.md."""

import json
from pathlib import Path

import pytest

from interim.training.experiments.schemes import contestants
from interim.training.method_tables import (
    Count,
    counts_table,
    mdeq_counts,
    mess_counts,
    pose_counts,
    schemes_table,
)


def test_counts_are_put_beside_what_is_printed() -> None:
    """A line each, two digits."""
    assert counts_table([Count("one", 1.234, 1.2)]).splitlines()[-1] == "| one | 1.23 | 1.20 |"


@pytest.mark.slow
def test_all_counts_are_the_papers() -> None:
    """To 0.0125, and MDEQ's, which have one digit, to 0.06."""
    for each in (*mess_counts(), *pose_counts()):
        assert each.counted == pytest.approx(each.printed, abs=0.0125), each.name
    for each in mdeq_counts():
        assert each.counted == pytest.approx(each.printed, abs=0.06), each.name


def test_a_record_becomes_a_table(tmp_path: Path) -> None:
    """Errors at the quarters and increases over OPT; what is not trained yet is left out."""
    assert f"0 of {len(contestants())} networks" in schemes_table(tmp_path)
    parts = {each.name: {"errors": [0.3] * each.depth} for each in contestants()}
    parts["adaloss"] = {"errors": [0.45] * 9}
    path = tmp_path / "schemes.json"
    path.write_text(json.dumps({"facts": {}, "parts": parts}))
    lines = schemes_table(tmp_path).splitlines()
    assert (
        "| adaloss | 45.0 | 45.0 | 45.0 | 45.0 | 50.0 / 50.0 / 50.0 / 50.0 | 32.99 / 9.97 / 3.96 / 2.73 |"
        in lines
    )
    assert lines[-1].startswith(f"{len(contestants())} of {len(contestants())}")
    del parts["opt 2/4"]
    path.write_text(json.dumps({"facts": {}, "parts": parts}))
    assert "| 50.0 / " not in schemes_table(tmp_path)
