"""The samples of one split, each file read once while memory lasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from tqdm import tqdm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interim.training.data.folder import LabelledFolder
    from interim.training.data.sample import Sample

LIMIT_BYTES = 4 * 2**30


class Samples(Sequence["Sample"]):
    """Decoded samples in the order of their split, kept until `limit_bytes` of them are.

    What does not fit is read again at each use. All files are read, and so checked, when it is made.

    Raises:
        DataError: the split or one of its files is not as it should be.
    """

    def __init__(self, folder: LabelledFolder, split: str, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._names = folder.names(split)
        self._kept: dict[int, Sample] = {}
        for index, name in enumerate(tqdm(self._names, split, disable=None, leave=False)):
            sample = folder.read(name)
            limit_bytes -= sample.image.nbytes + sample.labels.nbytes
            if limit_bytes >= 0:
                self._kept[index] = sample

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...

    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = range(len(self))[index]
        return self._kept.get(place) or self._folder.read(self._names[place])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))
