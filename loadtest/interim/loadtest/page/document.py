"""The HTML around the plots: one page, light or dark as its reader likes, that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interim.loadtest.page.picture import Picture

_SHALLOW, _DEEP = ((191, 219, 241), (12, 62, 122)), ((44, 78, 112), (138, 205, 255))
"""The colours of the first and of the last exit, by day and by night."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --faint: #5d6a7a; --paper: #fbfbfa; --card: #ffffff;
  --line: #e3e6ea; --late: #d1432b; --refused: #b9bec6; --other: #dcd3c0; --server: #1f6fb2;
  --client: #e08a1e; --asked: #cfd8e3; --window: #e4f2e4; --back: #2f8f46; --bad: #fdecea; --edge: #0004; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --faint: #9aa5b3; --paper: #14181d; --card: #1c2229;
  --line: #323a44; --late: #ff7a5c; --refused: #59626e; --other: #6b6250; --server: #62b0f0; --client: #f3b25c;
  --asked: #3a4654; --window: #20382a; --back: #6fd089; --bad: #43241f; --edge: #000b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1400px; padding: 28px 24px 60px; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; margin: 0 0 2px; } h2 { font-size: 16px; margin: 0; } p { margin: 2px 0 8px; }
.faint, .says { color: var(--faint); } .says { font-size: 13px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 10px; margin: 18px 0; }
.tile, figure, .box { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.tile { padding: 10px 14px; } .tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.tile span { color: var(--faint); font-size: 13px; } .tile.bad b, .bad td:last-child { color: var(--late); }
.warn { background: var(--bad); border: 1px solid var(--late); border-radius: 8px; padding: 10px 14px; margin: 14px 0; }
.plots { display: grid; margin-bottom: 14px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); gap: 14px; }
figure { margin: 0; padding: 12px 14px 8px; min-width: 0; } figure.wide { grid-column: 1 / -1; }
svg { display: block; width: 100%; height: auto; } .plot, .box { overflow-x: auto; background:
  linear-gradient(to right, var(--card) 40%, transparent) left / 40px 100% local no-repeat,
  linear-gradient(to left, var(--card) 40%, transparent) right / 40px 100% local no-repeat,
  linear-gradient(to right, var(--edge), transparent) left / 10px 100% no-repeat,
  linear-gradient(to left, var(--edge), transparent) right / 10px 100% no-repeat, var(--card); }
@media (max-width: 620px) { body { padding: 20px 12px 40px; } .plot svg { min-width: 500px; }
  .wide .plot svg { min-width: 760px; } .tiles { grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); } }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 13px; margin: 4px 0 2px; }
.legend i { display: inline-block; width: 12px; height: 12px; border-radius: 3px; margin-right: 6px;
  vertical-align: -1px; }
.box { padding: 10px 14px; margin: 14px 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: left; padding: 3px 18px 3px 0; vertical-align: top; border-bottom: 1px solid var(--line); }
td:not(:first-child) { min-width: 150px; } th:first-child, td:first-child { position: sticky; left: 0;
  background: var(--card); } th { color: var(--faint); font-weight: 500; } td.number { text-align: right; }
svg text { fill: var(--ink); font-size: 11px; } svg .tick, svg .note { fill: var(--faint); }
svg .label { fill: var(--faint); font-size: 12px; } svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .axis { stroke: var(--faint); } svg .grid { stroke: var(--line); }
svg .level { stroke: var(--faint); stroke-dasharray: 2 4; }
svg .mark { stroke: var(--faint); stroke-dasharray: 4 3; } svg line.back { stroke: var(--back); stroke-width: 2; }
svg .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } svg .band { opacity: .8; }
"""
_PLAIN = ("late", "refused", "other", "server", "client", "asked", "window", "back")
_CAUSES = {"cause1": "--refused", "cause2": "--client", "cause3": "--server", "cause4": "--late"}


def document(title: str, parts: Iterable[str], *, exits: int) -> str:
    """A whole page.

    Args:
        title: Of the page.
        parts: What is on it, as HTML, from the top.
        exits: How many exits need a colour.
    """
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}{_colours(exits)}</style></head><body>"
    )
    return head + "\n".join(parts) + "</body></html>\n"


def figures(pictures: Sequence[Picture]) -> str:
    """Plots, side by side where there is room."""
    return '<div class="plots">' + "\n".join(_figure(picture) for picture in pictures) + "</div>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in a box of its own."""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    top = f"<thead><tr>{names}</tr></thead>" if head else ""
    return f'<div class="box"><table>{top}<tbody>{lines}</tbody></table></div>'


def tiles(facts: Mapping[str, str], *, bad: Iterable[str] = ()) -> str:
    """Large figures with their names; those in `bad` are red."""
    wrong = set(bad)
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile{" bad" if name in wrong else ""}"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
            for name, value in facts.items()
        )
        + "</div>"
    )


def warning(words: str) -> str:
    """A box that cannot be overlooked."""
    return f'<div class="warn">{escape(words)}</div>'


def heading(title: str, about: str) -> str:
    """The top of the page."""
    return f'<h1>{escape(title)}</h1><p class="faint">{escape(about)}</p>'


def _figure(picture: Picture) -> str:
    legend = "".join(
        f'<span><i class="{colour}"></i>{escape(words)}</span>' for colour, words in picture.legend.items()
    )
    return (
        f"<figure{' class=wide' if picture.wide else ''}><h2>{escape(picture.title)}</h2>"
        f'<p class="says">{escape(picture.says)}</p><div class="legend">{legend}</div><div class="plot">{picture.svg}</div></figure>'
    )


def _colours(exits: int) -> str:
    """CSS for the exits, from pale to strong, and for everything else that is drawn in a colour."""
    day, night = ([_between(*ends, index, exits) for index in range(exits)] for ends in (_SHALLOW, _DEEP))
    rules = [
        ":root{" + "".join(f"--exit{index}:{colour};" for index, colour in enumerate(day, start=1)) + "}",
        "@media (prefers-color-scheme: dark){:root{"
        + "".join(f"--exit{index}:{colour};" for index, colour in enumerate(night, start=1))
        + "}}",
    ]
    named = {f"exit{index}": f"--exit{index}" for index in range(1, exits + 1)}
    named |= {name: f"--{name}" for name in _PLAIN} | _CAUSES
    for name, variable in named.items():
        rules.append(
            f"svg rect.{name},svg .band.{name},svg .dot.{name}{{fill:var({variable})}}"
            f"svg .line.{name}{{stroke:var({variable})}}i.{name}{{background:var({variable})}}"
        )
    return "".join(rules)


def _between(first: tuple[int, int, int], last: tuple[int, int, int], index: int, count: int) -> str:
    share = index / max(count - 1, 1)
    mixed = (round(a + share * (b - a)) for a, b in zip(first, last, strict=True))
    return "#" + "".join(f"{each:02x}" for each in mixed)
