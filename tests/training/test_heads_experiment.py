"""ADP-C's exits side by side: what is trained, what is measured, what the table tells."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from interim.training.data.folder import open_folder
from interim.training.experiments import heads
from interim.training.experiments.course import Course
from interim.training.experiments.mess import Data
from interim.training.experiments.record import Results
from interim.training.experiments.views import Views
from interim.training.head_tables import heads_table

SKIPPING = heads.CONTESTANTS[-1]


def noise(count: int) -> Views:
    """Images without meaning."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, 32, 64), generator=generator, dtype=torch.uint8)
    return Views(images=images, labels=images[:, 0] % 3)


def weights(network: nn.Module, named: str) -> int:
    """How many weights there are in convolutions whose names begin so."""
    found = [
        each.numel() for name, each in network.named_parameters() if re.match(named, name) and each.ndim > 1
    ]
    return sum(found)


@pytest.mark.slow
def test_heads_differ_and_the_backbone_does_not() -> None:
    """Of all contestants the parameters of stages are the same, those of early heads are their own."""
    with torch.device("meta"):
        networks = [heads.built(each, 3) for each in heads.CONTESTANTS]
    stages = {weights(network, r"sections\.\d\.stages") for network in networks}
    early = {weights(network, r"sections\.[012]\.head") for network in networks}
    assert len(stages) == 1
    assert len(early) == 4


@pytest.mark.slow
def test_skipping_is_measured_at_each_threshold_and_off() -> None:
    """The higher the threshold the more work to exit 2; no more than with every position computed.

    Later masks hang on what was held before them, too.
    """
    torch.manual_seed(0)
    network = heads.built(SKIPPING, 3).eval()
    found = heads.measured(network, Data(train=noise(1), test=noise(2), classes=3))
    assert list(found) == ["off", "0.8", "0.9", "0.95"]
    work = [found[name]["gmacs"][1] for name in ("0.8", "0.9", "0.95", "off")]
    assert work == sorted(work)
    assert network.spec.threshold == heads.THRESHOLD


@pytest.mark.slow
def test_what_is_missing_is_trained_and_the_table_tells_it(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that the record has is not trained again; one that it lacks is a dash in the table."""
    data = Data(train=noise(2), test=noise(2), classes=3)
    monkeypatch.setattr(heads, "read", lambda _folder: data)
    monkeypatch.setattr(heads, "CONTESTANTS", (heads.CONTESTANTS[0], SKIPPING))
    results = Results(tmp_path / "heads.json", {"hardware": "a machine", "commit": "abc"})
    heads.compare_heads(open_folder(scenes), results, tmp_path, course=Course(steps=2))
    assert set(results) == {"plain", SKIPPING.name}
    heads.compare_heads(None, results, tmp_path)  # type: ignore[arg-type]  # nothing is left to train
    lines = heads_table(tmp_path).splitlines()
    assert sum(line.startswith(f"| {SKIPPING.name} |") for line in lines) == 4
    assert any(line.startswith("| 1/1/1 |  | -") for line in lines)
    assert lines[-1].startswith("a machine, 0 minutes for all")


def test_a_table_without_a_record_has_the_papers_figures(tmp_path: Path) -> None:
    """Nothing was trained: dashes."""
    (tmp_path / "heads.json").write_text(json.dumps({"facts": {}, "parts": {}}))
    assert "44.6 / 60.2 / 76.6 / 79.9" in heads_table(tmp_path)
