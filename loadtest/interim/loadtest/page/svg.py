"""One plot as SVG: a frame with axes, and marks inside it, in the numbers of the data."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from interim.loadtest.page.curves import nice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_Y = TypeVar("_Y")

_LEFT, _RIGHT, _TOP, _BOTTOM = 54.0, 14.0, 10.0, 36.0  # margins, in the picture's own units


class Plot:
    """Marks are drawn in the order they are added; colours are CSS classes of the page.

    Args:
        x: The least and greatest value across.
        y: The least and greatest value up.
        labels: What the two axes say.
        width: Of the picture; it is scaled to its place on the page.
        height: Likewise.
        right: Room for words at the right.
        words_only: Whether the x axis has words (`under`) and no numbers.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        labels: tuple[str, str],
        *,
        width: float = 620.0,
        height: float = 250.0,
        right: float = _RIGHT,
        words_only: bool = False,
    ) -> None:
        self._x, self._y = (_widened(low, high) for low, high in (x, y))
        self._width, self._height, self._right = width, height, right
        values = () if words_only else ticks(*self._x, most=8)
        self._axes = [self._up(labels[1]), self._across(labels[0], values)]
        self._marks: list[str] = []

    def bar(self, x: tuple[float, float], y: tuple[float, float], colour: str, tip: str = "") -> None:
        """A filled box from x to x and from y to y; `tip` is shown where the pointer rests."""
        left, right = self._px(x[0]), self._px(x[1])
        top, bottom = self._py(y[1]), self._py(y[0])
        if bottom - top < 0.05:
            return
        title = f"<title>{escape(tip)}</title>" if tip else ""
        box = f'x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0.5):.1f}" height="{bottom - top:.1f}"'
        self._marks.append(f'<rect class="{colour}" {box}>{title}</rect>')

    def line(
        self, xs: Sequence[float], ys: Sequence[float | None], colour: str, *, dashed: bool = False
    ) -> None:
        """A line through the points; it breaks where y is None."""
        for run in _runs(xs, ys):
            points = " ".join(f"{self._px(x):.1f},{self._py(y):.1f}" for x, y in run)
            dash = ' stroke-dasharray="5 4"' if dashed else ""
            if len(run) == 1:
                x, y = run[0]
                dot = f'cx="{self._px(x):.1f}" cy="{self._py(y):.1f}" r="2"'
                self._marks.append(f'<circle class="dot {colour}" {dot}/>')
            else:
                self._marks.append(f'<polyline class="line {colour}" points="{points}"{dash}/>')

    def steps(self, edges: Sequence[float], ys: Sequence[float], colour: str) -> None:
        """A line of level pieces, one between each two edges."""
        xs = [x for pair in pairwise(edges) for x in pair]
        self.line(xs, [y for y in ys for _ in range(2)], colour)

    def band(
        self, xs: Sequence[float], lows: Sequence[float | None], highs: Sequence[float | None], colour: str
    ) -> None:
        """The area between two lines; it breaks where either is None."""
        both = [
            None if low is None or high is None else (low, high)
            for low, high in zip(lows, highs, strict=True)
        ]
        for run in _runs(xs, both):
            there = [f"{self._px(x):.1f},{self._py(high):.1f}" for x, (_, high) in run]
            back = [f"{self._px(x):.1f},{self._py(low):.1f}" for x, (low, _) in reversed(run)]
            self._marks.append(f'<polygon class="band {colour}" points="{" ".join(there + back)}"/>')

    def upright(self, x: float, words: str = "", colour: str = "mark", *, row: int = 0) -> None:
        """A vertical line through the whole plot, with words at its top, in a row of their own if need be."""
        at = self._px(x)
        top, bottom = _TOP, self._height - _BOTTOM
        self._marks.append(
            f'<line class="{colour}" x1="{at:.1f}" x2="{at:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
        )
        if words:
            near_end = at > 0.8 * self._width
            place = f'class="note{" end" if near_end else ""}" x="{at - 4 if near_end else at + 4:.1f}"'
            self._marks.append(f'<text {place} y="{top + 10 + 13 * row:.1f}">{escape(words)}</text>')

    def level(self, y: float, words: str) -> None:
        """A dotted horizontal line, with words at its right end."""
        at, right = self._py(y), self._width - self._right
        self._marks.append(
            f'<line class="level" x1="{_LEFT:.1f}" x2="{right:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
            f'<text class="note" x="{right + 4:.1f}" y="{at + 3.5:.1f}">{escape(words)}</text>'
        )

    def under(self, x: float, words: str) -> None:
        """Words below the x axis."""
        at = f'x="{self._px(x):.1f}" y="{self._height - _BOTTOM + 15:.1f}"'
        self._marks.append(f'<text class="tick middle" {at}>{escape(words)}</text>')

    def as_svg(self, title: str) -> str:
        """The picture; `title` is for people who do not see it."""
        size = f'viewBox="0 0 {self._width:g} {self._height:g}"'
        body = "".join([*self._axes, *self._marks])
        return f'<svg {size} role="img" aria-label="{escape(title)}">{body}</svg>'

    # --- axes -----------------------------------------------------------------------------------------

    def _across(self, label: str, values: Sequence[float]) -> str:
        bottom = self._height - _BOTTOM
        parts = [
            f'<line class="axis" x1="{_LEFT}" x2="{self._width - self._right}" y1="{bottom}" y2="{bottom}"/>'
        ]
        for value in values:
            at = self._px(value)
            parts.append(
                f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}"/>'
                f'<text class="tick middle" x="{at:.1f}" y="{bottom + 15}">{value:g}</text>'
            )
        centre = (_LEFT + self._width - self._right) / 2
        parts.append(
            f'<text class="label middle" x="{centre:.1f}" y="{self._height - 5}">{escape(label)}</text>'
        )
        return "".join(parts)

    def _up(self, label: str) -> str:
        parts = []
        for value in ticks(*self._y, most=5):
            at = self._py(value)
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{self._width - self._right}" y1="{at:.1f}" y2="{at:.1f}"/>'
                f'<text class="tick end" x="{_LEFT - 6}" y="{at + 3.5:.1f}">{value:g}</text>'
            )
        middle = (_TOP + self._height - _BOTTOM) / 2
        parts.append(
            f'<text class="label middle" transform="translate(13 {middle:.1f}) rotate(-90)">{escape(label)}</text>'
        )
        return "".join(parts)

    def _px(self, x: float) -> float:
        low, high = self._x
        share = (min(max(x, low), high) - low) / (high - low)
        return _LEFT + share * (self._width - _LEFT - self._right)

    def _py(self, y: float) -> float:
        low, high = self._y
        share = (min(max(y, low), high) - low) / (high - low)
        return self._height - _BOTTOM - share * (self._height - _TOP - _BOTTOM)


def ticks(low: float, high: float, *, most: int) -> list[float]:
    """Round numbers between two values, at most about `most` of them."""
    step = nice(high - low, most)
    first = -(-low // step)
    values = []
    while first * step <= high * (1 + 1e-9) + 1e-12:
        values.append(round(first * step, 10) + 0.0)  # never -0
        first += 1
    return values


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low, low + 1.0)


def _runs(xs: Iterable[float], ys: Iterable[_Y | None]) -> list[list[tuple[float, _Y]]]:
    """The stretches of points without a gap."""
    runs: list[list[tuple[float, _Y]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]
