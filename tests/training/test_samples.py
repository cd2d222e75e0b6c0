"""Samples are read once while memory lasts, and again only beyond it."""

from pathlib import Path

import numpy as np
import pytest

from interim.training.data.errors import DataError
from interim.training.data.folder import LabelledFolder, open_folder
from interim.training.data.sample import Sample
from interim.training.data.samples import Samples

BYTES = 96 * 128 * 4


@pytest.fixture
def counted(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LabelledFolder, list[str]]:
    """The scenes, and the names that were read so far."""
    reads: list[str] = []
    read = LabelledFolder.read

    def noted(folder: LabelledFolder, name: str) -> Sample:
        reads.append(name)
        return read(folder, name)

    monkeypatch.setattr(LabelledFolder, "read", noted)
    return open_folder(scenes), reads


def test_every_file_is_read_once(counted: tuple[LabelledFolder, list[str]]) -> None:
    """However often the samples are used, and whatever way."""
    folder, reads = counted
    samples = Samples(folder, "train")
    assert [sample.name for sample in samples] == [samples[index].name for index in range(6)]
    assert [sample.name for sample in samples[1:3]] == list(folder.names("train")[1:3])
    assert samples[-1] is samples[5]
    assert reads == list(folder.names("train"))


def test_beyond_the_limit_files_are_read_again(counted: tuple[LabelledFolder, list[str]]) -> None:
    """Two fit; the other four are read at each use, and are the same."""
    folder, reads = counted
    samples = Samples(folder, "train", limit_bytes=2 * BYTES)
    assert len(samples) == 6
    before = len(reads)
    assert np.array_equal(samples[5].image, samples[5].image)
    assert samples[0] is samples[0]
    assert len(reads) == before + 2


def test_what_is_wrong_is_said_at_once(counted: tuple[LabelledFolder, list[str]]) -> None:
    """Not after an hour of training."""
    with pytest.raises(DataError, match="no split 'test'"):
        Samples(counted[0], "test")
