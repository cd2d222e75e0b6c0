"""The contact sheet: a picture and what each exit made of it, side by side."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from interim.client.painter import Painter
from interim.client.picture import Colour, Pixels
from interim.client.refinement import Reason, Refinement

PAPER: Final = (250, 250, 248)
_INK: Final = (28, 30, 34)
_FAINT: Final = (112, 116, 122)
_TRACK: Final = (222, 223, 220)
_SURE: Final = (46, 125, 92)
_LATE: Final = (186, 48, 40)

_COLUMN: Final = 480  # pixels; pictures are scaled to fit, so that captions have room
_TALLEST: Final = 960  # of a picture on the sheet
_GAP: Final = 20
_BAR: Final = 5  # height of the bar that says how much is sure
_TEXT: Final = 17
_TITLE: Final = 26
_CAPTION: Final = 62  # height below a picture: the bar and two lines
_WORDS: Final = {
    Reason.FINAL_EXIT: "final exit",
    Reason.DEADLINE: "answer at the deadline",
    Reason.CONFIDENT: "sure enough",
    Reason.BUDGET_CUT: "budget was cut",
    Reason.CLIENT_STOP: "stopped by the client",
    Reason.SUPERSEDED: "a newer frame came",
    Reason.SHUTDOWN: "server is stopping",
    Reason.WORKER_LOST: "worker was lost",
    Reason.FAILED: "the model failed",
    Reason.OTHER: "final",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Panel:
    """One picture of the sheet. `sure` is the share of pixels that need no more work; None: no bar."""

    pixels: Pixels
    name: str
    detail: str
    sure: float | None = None
    late: bool = False


def contact_sheet(
    pixels: Pixels, refinements: Sequence[Refinement], painter: Painter, *, title: str
) -> Image.Image:
    """Draws the picture, each exit's answer over it with what it cost, and what its colours mean.

    Args:
        pixels: the picture, (H, W, 3) uint8.
        refinements: what was answered, in order.
        painter: what draws the model's answers.
        title: of the sheet, at its top.
    """
    panels = [_Panel(pixels=pixels, name="input", detail=f"{pixels.shape[1]} x {pixels.shape[0]} pixels")]
    panels += [_panel(pixels, group, painter) for group in _by_exit(refinements)]
    return _compose(panels, painter.legend(refinements), title=title, subtitle=_subtitle(refinements))


def _by_exit(refinements: Iterable[Refinement]) -> list[list[Refinement]]:
    """The answers of each exit together: a final may repeat the exit before it."""
    groups: list[list[Refinement]] = []
    for each in refinements:
        if not each.exit:
            continue
        if not groups or groups[-1][0].exit != each.exit:
            groups.append([])
        groups[-1].append(each)
    return groups


def _panel(pixels: Pixels, group: Sequence[Refinement], painter: Painter) -> _Panel:
    first, last = group[0], group[-1]
    words = [f"exit {first.exit} of {first.exits}"]
    if last.reason:
        words.append(_WORDS[last.reason])
        words += [f"{last.elapsed_ms:.0f} ms"] if last is not first else []
    return _Panel(
        pixels=painter.painted(pixels, first),
        name="  ·  ".join([*words, "late"] if last.late else words),
        detail=f"{first.elapsed_ms:.0f} ms  ·  {first.active_share:.0%} still refining",
        sure=1.0 - first.active_share,
        late=last.late,
    )


def _subtitle(refinements: Sequence[Refinement]) -> str:
    if not refinements:
        return ""
    last = refinements[-1]
    return f"{last.model}  ·  budget {last.budget_ms:.0f} ms ({last.budget_policy})"


def _compose(
    panels: Sequence[_Panel], legend: Sequence[tuple[str, Colour]], *, title: str, subtitle: str
) -> Image.Image:
    columns = len(panels) if len(panels) <= 3 else math.ceil(len(panels) / 2)
    rows = math.ceil(len(panels) / columns)
    size = _fitted(panels[0].pixels)
    head = _GAP + _TITLE + _TEXT + _GAP
    total = _GAP + columns * (_COLUMN + _GAP)
    keys = _places(legend, total)
    foot = head + rows * (size[1] + _CAPTION) + _GAP // 2
    sheet = Image.new("RGB", (total, foot + (keys[-1][1] if keys else 0) + _TEXT + 2 * _GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP - 4), title, _INK, ImageFont.load_default(_TITLE))
    draw.text((_GAP, _GAP + _TITLE + 4), subtitle, _FAINT, ImageFont.load_default(_TEXT))
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        corner = (_GAP + column * (_COLUMN + _GAP), head + row * (size[1] + _CAPTION))
        _draw_panel(sheet, draw, panel, corner, size)
    for (name, colour), (left, top) in zip(legend, keys, strict=True):
        _draw_key(draw, name, colour, (left, foot + top))
    return sheet


def _fitted(pixels: Pixels) -> tuple[int, int]:
    """The width and height of a picture on the sheet."""
    height, width = pixels.shape[:2]
    scale = min(_COLUMN / width, _TALLEST / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _draw_panel(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    panel: _Panel,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> None:
    picture = Image.fromarray(panel.pixels).resize(size, Image.Resampling.LANCZOS)
    sheet.paste(picture, corner)
    (left, top), (width, height) = corner, size
    bottom = top + height
    if panel.sure is not None:
        draw.rectangle((left, bottom, left + width - 1, bottom + _BAR - 1), _TRACK)
        if filled := round(panel.sure * width):
            draw.rectangle((left, bottom, left + filled - 1, bottom + _BAR - 1), _SURE)
    text = ImageFont.load_default(_TEXT)
    draw.text((left, bottom + _BAR + 4), panel.name, _LATE if panel.late else _INK, text)
    draw.text((left, bottom + _BAR + 8 + _TEXT), panel.detail, _FAINT, text)


def _places(legend: Sequence[tuple[str, Colour]], total: int) -> list[tuple[int, int]]:
    """Where each key of the legend stands, in lines as wide as the sheet."""
    text = ImageFont.load_default(_TEXT)
    places: list[tuple[int, int]] = []
    left, top = _GAP, 0
    for name, _ in legend:
        width = _TEXT + 8 + math.ceil(text.getlength(name)) + 2 * _GAP
        if left > _GAP and left + width > total:
            left, top = _GAP, top + _TEXT + 12
        places.append((left, top))
        left += width
    return places


def _draw_key(draw: ImageDraw.ImageDraw, name: str, colour: Colour, corner: tuple[int, int]) -> None:
    left, top = corner
    draw.rounded_rectangle((left, top, left + _TEXT, top + _TEXT), 4, colour)
    draw.text((left + _TEXT + 8, top - 2), name, _INK, ImageFont.load_default(_TEXT))
