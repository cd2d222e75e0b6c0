"""Where the files of a data set lie, and which of them each split names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from interim.training.data.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """One image's file and its labels' file."""

    image: Path
    labels: Path


class Layout(Protocol):
    """How a data set lies in its folder."""

    def splits(self) -> tuple[str, ...]:
        """The names of its splits."""
        ...

    def names(self, split: str) -> tuple[str, ...]:
        """The images of one split, of those that `splits` lists, in order; maybe none."""
        ...

    def pair(self, name: str) -> Pair:
        """The files of one image.

        Raises:
            DataError: there is no such image, or no labels for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A layout that was looked through once: the pairs of every split by name."""

    pairs: Mapping[str, Mapping[str, Pair]]

    def splits(self) -> tuple[str, ...]:
        """See `Layout`."""
        return tuple(self.pairs)

    def names(self, split: str) -> tuple[str, ...]:
        """See `Layout`."""
        return tuple(self.pairs[split])

    def pair(self, name: str) -> Pair:
        """See `Layout`."""
        for pairs in self.pairs.values():
            if name in pairs:
                return pairs[name]
        raise DataError(f"There is no image {name!r} in any split ({', '.join(self.pairs)}).")


def read_list(path: Path) -> tuple[str, ...]:
    """The lines of a text file that are not blank.

    Raises:
        DataError: there is no such file, or it is no text.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as a list of names ({error}).") from error
    return tuple(line.strip() for line in lines if line.strip())
