"""Resumable state is whole, in small files, and only the newest is kept."""

from pathlib import Path

import pytest
import torch

from interim.model_zoo.errors import CheckpointError
from interim.training.state import PART_BYTES, load_state, save_state


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    """Tensors bit for bit, facts as they were."""
    tensors = {
        "a": torch.randn(3, 4),
        "b": torch.tensor(7),
        "c": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
    }
    save_state(tmp_path, 12, tensors, {"wall_s": 1.5})
    loaded = load_state(tmp_path)
    assert loaded is not None
    found, facts = loaded
    assert facts == {"wall_s": 1.5, "step": 12}
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_there_may_be_no_state_yet(tmp_path: Path) -> None:
    """A new run starts from nothing."""
    assert load_state(tmp_path / "new") is None


def test_a_large_state_is_split_into_parts(tmp_path: Path) -> None:
    """No file is larger than a part."""
    save_state(tmp_path, 1, {str(i): torch.zeros(PART_BYTES // 8) for i in range(5)}, {})
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.safetensors")]
    assert len(sizes) > 1
    assert max(sizes) <= PART_BYTES + 100_000


def test_only_the_newest_is_kept(tmp_path: Path) -> None:
    """An older state goes when a newer one is whole."""
    for step in (9, 10):
        save_state(tmp_path, step, {"a": torch.tensor(float(step))}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-0000010"]


def test_a_save_that_was_killed_changes_nothing(tmp_path: Path) -> None:
    """What is left of it is ignored, then overwritten."""
    save_state(tmp_path, 1, {"a": torch.tensor(1.0)}, {})
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "part-00.safetensors").write_bytes(b"half")
    loaded = load_state(tmp_path)
    assert loaded is not None
    assert loaded[1]["step"] == 1
    save_state(tmp_path, 2, {"a": torch.tensor(2.0)}, {})
    assert not (tmp_path / "unfinished").exists()


@pytest.mark.parametrize("name", ["part-00.safetensors", "facts.json"])
def test_half_a_file_is_named(tmp_path: Path, name: str) -> None:
    """Copies are cut off, and disks fail."""
    save_state(tmp_path, 1, {"a": torch.zeros(100)}, {})
    path = tmp_path / "step-0000001" / name
    path.write_bytes(path.read_bytes()[:9])
    with pytest.raises(CheckpointError, match=f"{name} cannot be read"):
        load_state(tmp_path)
