"""MESS's training compared: what is trained, what stays frozen, and what is kept."""

from pathlib import Path

import pytest
import torch

from interim.training.data.folder import LabelledFolder, open_folder
from interim.training.distillation import LESSONS
from interim.training.experiments import mess
from interim.training.experiments.course import Course
from interim.training.experiments.record import Results

SHORT = Course(steps=2)
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps instead of thousands, one seed, two ways' losses."""
    for name, value in {
        "LENGTHS": (mess.Length(preparing=SHORT, teaching=SHORT, seeds=(0,)),),
        "BATCH": 2,
        "LESSONS": {name: LESSONS[name] for name in ("ce", "pfd")},
    }.items():
        monkeypatch.setattr(mess, name, value)


class Scenes:
    """Drawn scenes, whose splits have other names."""

    def __init__(self, root: Path) -> None:
        self._folder: LabelledFolder = open_folder(root)
        self.classes, self.read = self._folder.classes, self._folder.read

    def names(self, split: str) -> tuple[str, ...]:
        return self._folder.names({"train_core": "train", "dev": "val"}[split])


def test_every_part_is_kept_and_none_is_made_twice(scenes: Path, tmp_path: Path) -> None:
    """Six exits each; a second run with the same record finds nothing to do."""
    results = Results(tmp_path / "mess.json", {})
    mess.compare_mess(Scenes(scenes), results, tmp_path / "work")  # type: ignore[arg-type]
    assert set(results) == {f"2+2 0 {part}" for part in (*mess.PREPARATIONS, "frozen", "lessons")}
    assert all(len(results[f"2+2 0 {part}"]["miou"]) == mess.EXITS for part in mess.PREPARATIONS)
    assert set(results["2+2 0 lessons"]["miou"]) == {"ce", "pfd"}
    last = {results["2+2 0 exit-aware"]["miou"][-1]}
    assert {scores[-1] for scores in results["2+2 0 lessons"]["miou"].values()} == last
    mess.compare_mess(None, results, tmp_path / "none")  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


def test_teaching_exits_leaves_the_backbone_alone(scenes: Path, tmp_path: Path) -> None:
    """Neither weights nor statistics move; the sets of exits begin alike and part."""
    network = mess.small_network(11).eval()
    before = {name: each.clone() for name, each in network.state_dict().items()}
    lessons = [LESSONS[name] for name in ("ce", "pfd")]
    taught = mess.taught_exits(network, lessons, data(scenes), tmp_path / "exits.pt", course=SHORT, seed=0)
    assert all(each.equal(before[name]) for name, each in network.state_dict().items())
    weights = [torch.cat([part.flatten() for part in heads.parameters()]) for heads in taught]
    assert len(weights) == len(lessons)
    assert not weights[0].equal(weights[1])


@pytest.mark.parametrize(
    ("preparation", "moved"),
    [("vanilla", {5}), ("e2e", {0, 1, 2, 3, 4, 5}), ("exit-aware", {0, 1, 5})],
)
def test_a_preparation_trains_its_exits_alone(
    scenes: Path, tmp_path: Path, preparation: str, moved: set[int]
) -> None:
    """In two steps: the last exit, all of them, or the last and the first two in turn."""
    torch.manual_seed(0)
    before = [_weights(exit_) for exit_ in mess.small_network(11).exits]
    network = mess.prepared(preparation, data(scenes), tmp_path, course=SHORT, seed=0)
    after = [_weights(exit_) for exit_ in network.exits]
    changed = {
        index for index, pair in enumerate(zip(before, after, strict=True)) if not pair[0].equal(pair[1])
    }
    assert changed == moved


def data(scenes: Path) -> mess.Data:
    return mess.read(Scenes(scenes))  # type: ignore[arg-type]


def _weights(exit_: torch.nn.Module) -> torch.Tensor:
    return torch.cat([part.detach().clone().flatten() for part in exit_.parameters()])
