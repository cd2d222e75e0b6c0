"""Masking rules side by side: what is measured, how it is told, and that it goes on where it ended."""

import json
from pathlib import Path

import pytest

from interim.model_zoo.mask_choice import mask_choice
from interim.training.data.folder import open_folder
from interim.training.experiments import masks
from interim.training.experiments.record import Results
from interim.training.main import main
from interim.training.mask_tables import RECORD, TABLES, equal_work_table, mask_plot, mask_table


def record(folder: Path, parts: dict[str, tuple[float, float]]) -> Path:
    """A record of settings by mean mIoU and mean work."""
    kept = {
        key: {
            "images": 51, "miou": [miou] * 4, "gmacs": [work - 1, work, work, work + 1],
            "active_share": [1, 0.5, 0.25, 0.125],
        }
        for key, (miou, work) in parts.items()
    }  # fmt: skip
    (folder / RECORD).write_text(
        json.dumps({"facts": {"hardware": "a", "commit": "b"}, "parts": kept | {"weights": "default 0123"}})
    )
    return folder


CURVES = {
    masks.DENSE: (0.6, 4.0),
    "share=0.1": (0.4, 2.0),
    "share=0.4": (0.6, 4.0),
    "random=0.1": (0.3, 1.0),
    "random=0.4": (0.5, 3.0),
    "cascade=0.6": (0.5, 4.0),
}


def test_every_setting_is_a_rule_as_served() -> None:
    """But for the two that are there for comparison; none is measured twice."""
    found = masks.settings()
    assert len({each.key for each in found}) == len(found)
    rules = [each for each in found if each.rule not in {masks.DENSE, masks.INTERPOLATED}]
    assert [mask_choice(each.key).text for each in rules] == [each.key for each in rules]
    assert {each.rule for each in rules} == {"threshold", "share", "entropy", "random", "cascade", "sampling"}


def test_rules_are_compared_at_equal_work(tmp_path: Path) -> None:
    """Between settings on a straight line, only where all rules have been; the cascade has one work."""
    assert equal_work_table(tmp_path) == mask_table(tmp_path) == "Nothing was measured yet."
    lines = equal_work_table(record(tmp_path, CURVES)).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| share", "| random"]
    assert lines[2] == "| share | 40.0 | 43.3 | 46.7 | 50.0 |"
    assert lines[3] == "| random | 40.0 | 43.3 | 46.7 | 50.0 |"
    whole = mask_table(tmp_path).splitlines()
    assert whole[3] == "| share | 0.1 | 50 / 25 / 12 | 40.0 / 40.0 / 40.0 / 40.0 | 40.00 | 2.00 | 3.00 |"
    assert whole[-1] == "51 images; weights default 0123; a; commit b."


def test_the_curves_are_written_beside_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line a rule; stale where they are not what the record says; none without a record."""
    monkeypatch.setattr("interim.training.commands.methods.TABLES", TABLES)  # others take long to count
    page, curves = tmp_path / "page.md", tmp_path / "images" / "rules.svg"
    page.write_text("<!-- table: masks -->\n<!-- end -->\n")
    words = ["methods", "--page", str(page), "--records", str(tmp_path), "--curves", str(curves)]
    assert mask_plot(tmp_path) is None
    assert main(words) == 0
    assert not curves.exists()
    record(tmp_path, CURVES)
    assert main([*words, "--check"]) == 1
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    assert all(f">{rule}<" in curves.read_text() for rule in ("share", "random", "cascade", masks.DENSE))
    curves.write_text("")
    capsys.readouterr()
    assert main([*words, "--check"]) == 1
    assert f"{curves} is stale" in capsys.readouterr().err


@pytest.mark.slow
def test_settings_are_measured_once(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On every second image of the split; what was measured before stays."""
    monkeypatch.setattr(
        masks, "SETTINGS", {"share": ("0.5",), "cascade": ("0.9",), masks.INTERPOLATED: ("0.5",)}
    )
    results = Results(tmp_path / "masks.json", {})
    results[masks.DENSE], results[masks.WEIGHTS_PART] = "known", masks._weights()
    masks.compare_masks(open_folder(scenes), results)
    assert results[masks.DENSE] == "known"
    for key in ("share=0.5", f"{masks.INTERPOLATED}=0.5"):
        assert results[key]["active_share"] == pytest.approx([1, 0.5, 0.5, 0.5], abs=2e-3)
    assert results["share=0.5"]["images"] == 1
    assert results["share=0.5"]["miou"] != results[f"{masks.INTERPOLATED}=0.5"]["miou"]
    assert results["share=0.5"]["gmacs"][-1] < results["cascade=0.9"]["gmacs"][-1]
    monkeypatch.setattr(masks, "SETTINGS", {})
    results[masks.WEIGHTS_PART] = "others"
    masks.compare_masks(open_folder(scenes), results)
    assert set(results) == {masks.DENSE, masks.WEIGHTS_PART}
    assert results[masks.DENSE] != "known"
