"""Calibration writes a checkpoint that serves what was chosen, and says what it is based on."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from interim.model_zoo.card import Card, Measured
from interim.model_zoo.checkpoint import load, read, write
from interim.model_zoo.registry import build
from interim.training.main import main
from interim.training.scenes.labels import CLASSES
from interim.training.thresholds import Point, choose

Capture = pytest.CaptureFixture[str]


def point(threshold: float, miou: float, gmacs: float) -> Point:
    """A point of the curve of which only the last exit matters."""
    measured = Measured(
        split="dev", images=1, miou=(0.1, miou), quality=(), ece=(), active_share=(1, 0.5), gmacs=(1, gmacs)
    )
    found: Any = SimpleNamespace(measured=measured)
    return Point(threshold=threshold, found=found)


CURVE = (point(0.8, 0.590, 2), point(0.9, 0.598, 3), point(0.95, 0.597, 4), point(0.98, 0.601, 5))


@pytest.mark.parametrize(("within", "threshold"), [(0.003, 0.9), (0.0, 0.98), (0.02, 0.8)])
def test_the_cheapest_that_is_good_enough_is_chosen(within: float, threshold: float) -> None:
    """Against 0.600 with every position computed."""
    assert choose(CURVE, point(1, 0.600, 9).found.measured, within=within).threshold == threshold


def test_where_none_is_good_enough_the_best_is_chosen() -> None:
    """Rather than none."""
    assert choose(CURVE, point(1, 0.7, 9).found.measured, within=0.003).threshold == 0.98


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Random weights of a network with confidence adaptivity."""
    torch.manual_seed(0)
    card = Card(name="random", network="hrnet-w18s-adpc", classes=CLASSES, threshold=0.2)
    write(tmp_path / "in", build(card.network, classes=11).state_dict(), card)
    return tmp_path / "in"


@pytest.mark.slow
def test_calibrate_writes_a_checkpoint_that_serves(
    checkpoint: Path, scenes: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Temperatures, the chosen threshold and gains in the card; plots and figures beside it."""
    out = tmp_path / "out"
    words = ["calibrate", str(checkpoint), "--data", str(scenes), "--thresholds", "0.15,0.5"]
    assert main([*words, "--out", str(out), "--json", "-"]) == 0
    said = json.loads(capsys.readouterr().out)
    card = read(out).card
    assert [each["threshold"] for each in said["curve"]] == [0.15, 0.5]
    assert card.threshold in {0.15, 0.5}
    assert list(card.temperatures) == said["temperatures"]
    assert len(card.gains) == 3
    assert card.adaptive is not None
    assert card.dense is not None
    assert list(card.adaptive.ece) == pytest.approx(said["ece_after"], abs=1e-6)
    assert "<svg" in (out / "reliability.svg").read_text()
    assert "<svg" in (out / "threshold.svg").read_text()
    assert load(out).spec.threshold == card.threshold
    assert main(["evaluate", str(out), "--data", str(scenes), "--json", "-"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["miou"] == pytest.approx(card.adaptive.miou, abs=1e-3)


@pytest.mark.parametrize(
    ("option", "text", "rule"),
    [
        *(
            ("--temperatures", text, "above 0")
            for text in ("", "a", "0,1,1,1", "1,1,-1,1", "nan,1,1,1", "inf,1,1,1")
        ),
        *(("--thresholds", text, "0") for text in ("", "a", "1.5", "0.5,-1")),
    ],
)
def test_numbers_that_do_not_fit_are_refused(option: str, text: str, rule: str, capsys: Capture) -> None:
    """Wrong use, with the rule."""
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", "default", "--data", "x", "--out", "y", option, text])
    assert ended.value.code == 2
    assert rule in capsys.readouterr().err
