"""A line plot as SVG: small, sharp at any size, and readable in a diff."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]

COLORS = ("#1b6ca8", "#c8553d", "#3a7d44", "#8a5a9e", "#b0851f", "#4d6a6d")
PAPER, INK, FAINT, ASIDE = "#fcfcfa", "#1c1e22", "#d8d8d4", "#8a8a86"
SIZE = (640, 420)
MARGIN = (64, 40, 20, 52)
"""Left, top, right, bottom, in pixels."""
LEGEND_WIDTH = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Points joined by a line; `marks`: with a dot at each; `notes`: a word beside each, maybe none."""

    name: str
    points: Sequence[Point]
    marks: bool = True
    dashed: bool = False
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Some series in one frame; the axes span the points unless ranges are given.

    `decades`: x goes by its logarithm; every x is above 0 then.
    """

    title: str
    x: str
    y: str
    series: Sequence[Series]
    x_range: Point | None = None
    y_range: Point | None = None
    decades: bool = False

    def svg(self) -> str:
        """The plot as one SVG document."""
        points = [point for each in self.series for point in each.points]
        across = self._across([x for x, _ in points])
        up = _Axis(self.y_range or _span([y for _, y in points]), SIZE[1] - MARGIN[3], MARGIN[1])
        width, height = SIZE
        middle = ((MARGIN[0] + width - MARGIN[2]) / 2, (MARGIN[1] + height - MARGIN[3]) / 2)
        look = f'font-family="DejaVu Sans, Verdana, sans-serif" font-size="12" fill="{INK}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {look}>',
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
            f'<text x="{MARGIN[0]}" y="22" font-size="15">{escape(self.title)}</text>',
            *_frame(across, up),
            _centered(f"translate({middle[0]:g} {height - 12})", self.x),
            _centered(f"translate(16 {middle[1]:g}) rotate(-90)", self.y),
        ]
        colors = _colors(self.series)
        for each, color in zip(self.series, colors, strict=True):
            parts += _drawn(each, color, across, up)
        lines = [[(float(across.at(x)), float(up.at(y))) for x, y in each.points] for each in self.series]
        corners = (
            (MARGIN[0] + 10.0, MARGIN[1] + 16.0),
            (middle[0] + 70, height - MARGIN[3] - 17.0 * len(self.series)),
        )
        parts += _legend(self.series, colors, min(corners, key=lambda corner: _covered(corner, lines)))
        return "\n".join([*parts, "</svg>"]) + "\n"

    def _across(self, values: Sequence[float]) -> _Axis:
        left, right = MARGIN[0], SIZE[0] - MARGIN[2]
        if not self.decades:
            return _Axis(self.x_range or _span(values), left, right)
        logs = [float(np.log10(each)) for each in self.x_range or values]
        return _Decades((logs[0], logs[1]) if self.x_range else _span(logs), left, right)


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to pixels along one axis."""

    span: Point
    first: float
    last: float

    def at(self, value: float) -> str:
        """The pixel of a value."""
        low, high = self.span
        return f"{self.first + (value - low) / (high - low) * (self.last - self.first):.1f}"

    def ticks(self) -> list[float]:
        """About five round values."""
        low, high = self.span
        raw = (high - low) / 5
        power = 10 ** np.floor(np.log10(raw))
        step = float(min((1, 2, 2.5, 5, 10), key=lambda size: abs(size * power - raw)) * power)
        first = np.ceil(low / step - 1e-9)
        return [float(tick) * step + 0.0 for tick in np.arange(first, high / step + 1e-9)]


@dataclass(frozen=True, slots=True)
class _Decades(_Axis):
    """From values to pixels by their logarithms to base 10, which `span` holds."""

    def at(self, value: float) -> str:
        """The pixel of a value above 0."""
        return _Axis.at(self, float(np.log10(value)))

    def ticks(self) -> list[float]:
        """1, 2 and 5 of each decade."""
        low, high = self.span
        powers = range(int(np.floor(low)), int(np.ceil(high)) + 1)
        values = [first * 10.0**power for power in powers for first in (1, 2, 5)]
        return [value for value in values if low <= np.log10(value) <= high]


def _span(values: Sequence[float]) -> Point:
    """The range of some values with a little air; never empty."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = 0.06 * (high - low) or max(abs(low) * 0.1, 0.1)
    return low - air, high + air


def _centered(transform: str, text: str) -> str:
    return f'<text transform="{transform}" text-anchor="middle">{escape(text)}</text>'


def _frame(across: _Axis, up: _Axis) -> list[str]:
    left, top, right, bottom = MARGIN[0], MARGIN[1], SIZE[0] - MARGIN[2], SIZE[1] - MARGIN[3]
    parts = []
    for tick in across.ticks():
        x = across.at(tick)
        parts.append(f'<path d="M{x} {top}V{bottom}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{x}" y="{bottom + 17}" text-anchor="middle">{tick:g}</text>')
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(f'<path d="M{left} {y}H{right}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{left - 7}" y="{float(y) + 4:g}" text-anchor="end">{tick:g}</text>')
    return parts


def _drawn(series: Series, color: str, across: _Axis, up: _Axis) -> list[str]:
    places = [(across.at(x), up.at(y)) for x, y in series.points]
    line = " ".join(f"{x},{y}" for x, y in places)
    dash = ' stroke-dasharray="5 4"' if series.dashed else ""
    parts = [f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"{dash}/>']
    if series.marks:
        parts += [f'<circle cx="{x}" cy="{y}" r="3.5" fill="{color}"/>' for x, y in places]
    for (x, y), note in zip(places, series.notes, strict=False):
        parts.append(
            f'<text x="{float(x) + 6:g}" y="{float(y) + 12:g}" font-size="10" fill="{color}">{escape(note)}</text>'
        )
    return parts


def _colors(series: Sequence[Series]) -> list[str]:
    """One each; dashed lines are for comparison, and grey."""
    found, used = [], 0
    for each in series:
        found.append(ASIDE if each.dashed else COLORS[used % len(COLORS)])
        used += not each.dashed
    return found


def _covered(corner: Point, lines: Sequence[Sequence[Point]]) -> int:
    """How much of the lines, each of many points, a legend would cover."""
    left, top = corner
    steps = np.linspace(0, 1, 20)[:, None]
    found = 0
    for line in lines:
        for start, end in pairwise(line):
            x, y = (np.asarray(start) * (1 - steps) + np.asarray(end) * steps).T
            inside = (x > left) & (x < left + LEGEND_WIDTH) & (y > top - 17) & (y < top + 17 * len(lines))
            found += int(inside.sum())
    return found


def _legend(series: Sequence[Series], colors: Sequence[str], corner: Point) -> list[str]:
    """Names one below the other, from a corner."""
    left, top = corner
    parts = []
    for index, (each, color) in enumerate(zip(series, colors, strict=True)):
        y = top + 17 * index
        dash = ' stroke-dasharray="5 4"' if each.dashed else ""
        parts.append(f'<path d="M{left:g} {y - 4:g}h22" stroke="{color}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{left + 28:g}" y="{y:g}">{escape(each.name)}</text>')
    return parts
