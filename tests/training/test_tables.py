"""docs/accuracy.md says what the records say."""

import json
from pathlib import Path

import pytest

from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card, Measured
from interim.training.main import main
from interim.training.page import filled
from interim.training.tables import accuracy_table, calibration_table, curves, runs_table

ROOT = Path(__file__).parents[2]
Capture = pytest.CaptureFixture[str]


def measured(scale: float, gmacs: tuple[float, ...], split: str = "dev") -> Measured:
    """Four exits."""
    return Measured(
        split=split, images=60, miou=tuple(scale * part for part in (0.4, 0.5, 0.6, 0.7)),
        quality=(0.4,) * 4, ece=(0.01, 0.02, 0.03, 0.04), active_share=(1, 0.7, 0.5, 0.4), gmacs=gmacs,
    )  # fmt: skip


CARD = Card(
    name="mine", network="hrnet-w18s-adpc", classes=(ClassSpec("a", (0, 0, 0)),), threshold=0.95,
    data="`camvid`, split `train_core`", recipe="mine", seed=7, epochs=71, wall_s=3600, hardware="2 cores",
    commit="abc1234", temperatures=(0.9, 1, 1, 1.1), dense=measured(1, (2, 3, 5, 8)), adaptive=measured(0.99, (2, 2.5, 3.5, 5)),
)  # fmt: skip


def test_a_model_has_a_row_on_and_off() -> None:
    """With what adaptivity leaves of the late stages' work: 2.5 of 5."""
    table = accuracy_table([CARD])
    assert "mIoU % on 60 images of `dev`" in table
    assert "| mine | off | 40.00 | 50.00 | 60.00 | 70.00 | 8.00 | - |" in table
    assert "| mine | on, above 0.95 (rbf) | 39.60 | 49.50 | 59.40 | 69.30 | 5.00 | 50 % |" in table


def test_every_run_is_told() -> None:
    """Config, seed, hardware, wall time, commit."""
    row = (
        "| mine | `hrnet-w18s-adpc` | mine | 7 | 71 | `camvid`, split `train_core` | 2 cores | 60 | abc1234 |"
    )
    assert row in runs_table([CARD])
    assert "| mine | 60 of `dev` | 0.95 | 1.00 / 2.00 / 3.00 / 4.00 | 0.900 / 1.000 / 1.000 / 1.100 |" in (
        calibration_table([CARD])
    )


def test_curves_are_as_served() -> None:
    """Work and quality with adaptivity on."""
    (line,) = curves([CARD]).series
    assert line.points[-1] == pytest.approx((5, 69.3))


def test_words_around_tables_stay() -> None:
    """Only what lies between the marks changes; twice filled is once filled."""
    page = "Before.\n<!-- table: a -->\nold\n<!-- end -->\nAfter.\n"
    once = filled(page, {"a": "new"})
    assert once == "Before.\n<!-- table: a -->\nnew\n<!-- end -->\nAfter.\n"
    assert filled(once, {"a": "new"}) == once


@pytest.mark.parametrize(
    ("page", "words"), [("x", "no place"), ("<!-- table: b -->\n<!-- end -->", "table 'b'")]
)
def test_a_page_that_asks_for_nothing_or_too_much_is_refused(page: str, words: str) -> None:
    """With the way to write it."""
    with pytest.raises(ValueError, match=f"{words}.* NAME one of a"):
        filled(page, {"a": ""})


def test_records_become_a_page(tmp_path: Path, capsys: Capture) -> None:
    """Added, written, checked; a record that changed is noticed."""
    records, page = tmp_path / "records", tmp_path / "page.md"
    page.write_text("<!-- table: runs -->\n<!-- end -->\n")
    words = ["table", "--records", str(records), "--page", str(page), "--curves", str(tmp_path / "c.svg")]
    assert main([*words, "--add", "again=default"]) == 0
    assert "| again | `hrnet-w18s-adpc` |" in page.read_text()
    assert main([*words, "--check"]) == 0
    record = json.loads((records / "again.json").read_text())
    (records / "again.json").write_text(json.dumps(record | {"seed": 99}))
    capsys.readouterr()
    assert main([*words, "--check"]) == 1
    assert "page.md is not what the records say" in capsys.readouterr().err


def test_the_shipped_page_is_what_the_records_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/accuracy.md of this checkout."""
    monkeypatch.chdir(ROOT)
    assert main(["table", "--check"]) == 0
