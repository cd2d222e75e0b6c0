"""What the benchmarks send: the data pack's street scenes where it is, drawn ones elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.loadtest.pictures import draw_picture
from interim.loadtest.scenario import Clip

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 480, 360
"""Of the pictures in pixels, drawn or not."""


def count(text: str) -> int:
    """How many of something, from the command line: at least one."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def pictures(data: Path, count: int) -> tuple[tuple[bytes, ...], str]:
    """`count` encoded pictures, and a word on what they are."""
    listed = data / "val.txt"
    if not listed.is_file():
        return tuple(draw_picture(WIDTH, HEIGHT, seed=seed) for seed in range(count)), "drawn"
    names = listed.read_text(encoding="utf-8").split()[:count]
    return tuple((data / "images" / f"{name}.jpg").read_bytes() for name in names), f"{data.name} val"


def labelled_clip(data: Path, *, fps: float, budget_ms: float, newest_wins: bool = False) -> Clip:
    """The validation clip of a data folder."""
    return Clip(
        name="val",
        frames=data / "val.txt",
        images=data / "images",
        labels=data / "labels",
        fps=fps,
        budget_ms=budget_ms,
        newest_wins=newest_wins,
    )
