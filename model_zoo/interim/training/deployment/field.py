"""What a search chooses from: every trained exit's cost and its memoised answers to a calibration set."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from interim.model_zoo.metrics import mean_iou
from interim.model_zoo.whole_file import replaced

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

FILE = "field.npz"

_MADE = "give a file that `interim-zoo experiment mess-search` wrote"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One trained exit.

    `point`: which place it stands at, from 0. `giga`: its own cost in 10^9 operations. `counts`: its
    confusion with the truth, image by image (images, classes, classes). `sure`: how sure it is of each image,
    by measure (measures, images).
    """

    name: str
    point: int
    giga: float
    counts: NDArray[np.int64]
    sure: NDArray[np.float64]

    @cached_property
    def miou(self) -> float:
        """Over all images."""
        return mean_iou(self.counts.sum(0))

    @cached_property
    def quality(self) -> float:
        """The mean of the images' own."""
        return float(np.nanmean([mean_iou(counts) for counts in self.counts]))


@dataclass(frozen=True, kw_only=True)
class Field:
    """All exits of an overprovisioned network.

    `ways`: 10^9 operations from the image to each place, rising; the last is the end. `exits`: the early
    ones. `last`: the exit at the end, which no search replaces. `measures`: the names of the rows of `sure`.
    """

    ways: tuple[float, ...]
    exits: tuple[Candidate, ...]
    last: Candidate
    measures: tuple[str, ...]

    @property
    def whole(self) -> float:
        """10^9 operations of the network without any early exit."""
        return self.ways[-1] + self.last.giga

    def on(self, images: NDArray[np.intp]) -> Field:
        """The same exits on some of the images."""
        return replace(
            self, exits=tuple(_only(each, images) for each in self.exits), last=_only(self.last, images)
        )

    def measured_by(self, *prefixes: str) -> Field:
        """The same exits, with those measures alone whose names begin so."""
        rows = [row for row, name in enumerate(self.measures) if name.startswith(prefixes)]
        exits = tuple(replace(each, sure=each.sure[rows]) for each in self.exits)
        last = replace(self.last, sure=self.last.sure[rows])
        return replace(self, exits=exits, last=last, measures=tuple(self.measures[row] for row in rows))

    def save(self, file: Path) -> None:
        """Write everything into one .npz file, replaced as a whole."""
        every = (*self.exits, self.last)
        file.parent.mkdir(parents=True, exist_ok=True)
        with replaced(file) as unfinished:
            np.savez_compressed(
                unfinished,
                ways=self.ways,
                measures=self.measures,
                names=[each.name for each in every],
                points=[each.point for each in every],
                giga=[each.giga for each in every],
                counts=np.stack([each.counts for each in every]),
                sure=np.stack([each.sure for each in every]),
            )


def load_field(file: Path) -> Field:
    """What `Field.save` wrote.

    Raises:
        ValueError: the file is not one of these.
        OSError: it cannot be read.
    """
    try:
        with file.open("rb") as opened, np.load(opened) as read:
            kept = dict(read)
    except (BadZipFile, EOFError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"{file} cannot be read ({error}): {_MADE}.") from error
    missing = {"ways", "measures", "names", "points", "giga", "counts", "sure"} - set(kept)
    if missing:
        raise ValueError(f"{file} has no {min(missing)}: {_MADE}.")
    columns = (kept[name].tolist() for name in ("names", "points", "giga"))
    every = [
        Candidate(name=name, point=point, giga=giga, counts=counts, sure=sure)
        for name, point, giga, counts, sure in zip(*columns, kept["counts"], kept["sure"], strict=True)
    ]
    return Field(
        ways=tuple(kept["ways"].tolist()),
        exits=tuple(every[:-1]),
        last=every[-1],
        measures=tuple(kept["measures"].tolist()),
    )


def _only(candidate: Candidate, images: NDArray[np.intp]) -> Candidate:
    return replace(candidate, counts=candidate.counts[images], sure=candidate.sure[:, images])
