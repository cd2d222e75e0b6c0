"""The page of figures: what is measured is what is shown."""

from typing import Any

import pytest

from interim.training.bench.tables import answer_table, exit_table, picture, speed_table


@pytest.fixture
def row() -> dict[str, Any]:
    """One setting, as `scripts/bench kernels` reports it."""
    part = {"torch_eager_ms": 80.0, "torch_best_ms": 30.0, "own_dense_ms": 12.0, "own_masked_ms": 10.0}
    return {
        "model": "default",
        "size": [64, 96],
        "dtype": "bf16",
        "masks": "recorded",
        "threads": 1,
        "active": [0.7, 0.65, 1.0],
        "parts": {"stages34": {**part, "theory": 1.5}, "end_to_end": {**part, "theory": 1.25}},
        "exits_ms": [2.0, 4.0, 8.0, 11.0],
        "laps_ms": {name[:-3]: [1.0, 2.0, 3.0, 4.0, ms] for name, ms in part.items()},
        "argmax_agreement": 0.9991,
        "longest_slice_ms": 0.7,
    }


def test_a_setting_is_a_row_for_each_part_and_its_exits(row: dict[str, Any]) -> None:
    """Ratios are of the times beside them."""
    speed = speed_table([row]).splitlines()
    assert len(speed) == 4
    for cell in ("default, 64x96, bf16, recorded .70/.65/1.00, 1", "12.0 ms", "2.50x", "1.20x", "99.91 %"):
        assert f"| {cell} |" in speed[2]
    assert "| 1.50x |" in speed[2]
    assert "| 1.25x |" in speed[3]
    assert "| 2.0 ms | 4.0 ms | 8.0 ms | 11.0 ms | 0.70 ms |" in exit_table([row])


def test_the_picture_has_a_line_for_each_contestant(row: dict[str, Any]) -> None:
    """With its name."""
    drawn = picture(row)
    for name in ("torch eager", "torch best", "own, all positions", "own, masked"):
        assert name in drawn


def test_answers_are_shown_by_exit() -> None:
    """In percent, in order."""
    rows = [{"run": "native", "masks": "own", "miou": [0.5, 0.625], "same": [0.9978, 1.0]}]
    assert "| native | its own | 50.00 / 62.50 | 99.78 / 100.00 |" in answer_table(rows)
