"""MESS's and EANN's tables beside the papers'."""

import json
from pathlib import Path

import pytest

from interim.training.eann_tables import bound_table
from interim.training.mess_tables import (
    LENGTH,
    SEEDS,
    deployments_table,
    judges_table,
    lessons_table,
    preparations_table,
)


def record(folder: Path) -> Path:
    """Two seeds, ten points apart; the second lesson is better by one."""
    parts: dict[str, object] = {}
    for seed in SEEDS:
        scores = [0.2 + 0.1 * seed] * 6
        lessons = {
            name: [score + 0.01 * (name == "kd") for score in scores] for name in ("ce", "kd", "ce+kd", "pfd")
        }
        for part in ("e2e", "exit-aware"):
            parts[f"{LENGTH} {seed} {part}"] = {"miou": scores, "seconds": 60}
        parts[f"{LENGTH} {seed} frozen"] = {"miou": {"ce": scores}, "seconds": 30}
        parts[f"{LENGTH} {seed} lessons"] = {"miou": lessons, "seconds": 30}
    text = json.dumps({"facts": {"hardware": "two cores", "commit": "abc"}, "parts": parts})
    (folder / "mess.json").write_text(text)
    return folder


def test_training_is_the_mean_of_the_seeds_beside_the_papers(tmp_path: Path) -> None:
    """And says on what, and how long it took."""
    found = preparations_table(record(tmp_path))
    printed = "29.02 / 40.67 / 48.64 / 51.69 / 55.34 / 58.33"
    assert f"| end to end | 25.0 | 25.0 | 25.0 | 25.0 | 25.0 | 25.0 | {printed} |" in found
    assert "two cores, 6 minutes for all of both tables; commit abc." in found
    lines = lessons_table(tmp_path).splitlines()
    assert lines[3] == "| KD | 26.0 | 26.0 | 26.0 | 26.0 | 26.0 | 50.33 / 55.67 / 59.08 |"


def test_what_is_not_trained_yet_is_left_out(tmp_path: Path) -> None:
    """Dashes."""
    assert "| PFD | - | - | - | - | - |" in lessons_table(tmp_path)
    assert "| end to end | - |" in preparations_table(tmp_path)


def test_deployments_are_told_by_place_and_share(tmp_path: Path) -> None:
    """How many times less than the whole is computed; a ceiling that nothing meets is a dash."""
    whole = {"giga": 2.0, "miou": 0.5, "miou_there": 0.4}
    mixed = {**whole, "giga": 1.0, "exits": ["3 /1 b0"], "shares": [0.25, 0.75]}
    narrow = {**whole, "giga": 2.1, "exits": ["5 /8 b1w"], "shares": []}
    judges = {judge: [None, [0.4, 1], [0.4, 1], [0.4, 1]] for judge in ("edges", "plain", "mean")}
    parts = {"final-only": whole, "anytime": narrow, "input-dependent": mixed, "judges": judges}
    (tmp_path / "some.json").write_text(json.dumps({"facts": {}, "parts": parts}))
    lines = deployments_table(tmp_path, "some.json").splitlines()
    assert lines[2] == "| no early exit | the last | 2.000 | 1.00x | 50.0 | 40.0 | 138.63 |"
    assert "| 5 /8 b1w | 2.100 | 0.95x |" in lines[4]
    assert "| 3 (25 % leave) | 1.000 | 2.00x | 50.0 | 40.0 | 23.02 (6.02x) |" in lines[5]
    assert (
        judges_table(tmp_path, "some.json").splitlines()[-1] == "| mean confidence | - | 40.0 | 40.0 | 40.0 |"
    )


@pytest.mark.slow
def test_the_papers_sequence_keeps_its_bound() -> None:
    """ResANNs of 7, 13 and 25 units: both figures below the proposition's."""
    row = next(line for line in bound_table(Path()).splitlines() if "7, 13, 25" in line)
    base, most, real_most, mean, real_mean = map(float, row.split("|")[2:7])
    assert 1.8 < base < 2
    assert real_most < most
    assert real_mean < mean
