"""The reports of several `interim-load simulate` runs side by side: a table and a picture for the docs."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2
from statistics import fmean
from typing import TYPE_CHECKING, Any

from interim.loadtest.suite import paired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Report = dict[str, Any]

_SAME = ("suite", "seeds", "seed_base", "requests", "stage1_ms", "default_policy")
LOADED = 2.0
"""From this load on, in shares of what full runs would take, most requests cannot be carried to the last exit."""

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 380, 52, 170, 16, 44


class MixedRunsError(ValueError):
    """Reports that cannot stand in one table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One policy over all scenarios; shares of the bound from 0 to 1.

    `worse`, `better`: in how many scenarios the default policy is significantly worse or better (95 %).
    `lead`, `lead_loaded`: the least by which the default policy is ahead in any scenario, and in any whose load
    is 2 or more (None: there is none).
    """

    policy: str
    mean: float
    least: float
    charged: float
    decision_us: float
    waited_us: float
    better: int
    worse: int
    lead: float
    lead_loaded: float | None


def merged(reports: Sequence[Report]) -> dict[str, dict[str, Any]]:
    """The rows of reports on the same requests, by policy and scenario.

    Raises:
        MixedRunsError: the reports are of other suites, seeds or sizes, or of another default policy's code.
    """
    rows: dict[str, dict[str, Any]] = {}
    for report in reports:
        for key in _SAME:
            if report[key] != reports[0][key]:
                raise MixedRunsError(
                    f"{key} is {report[key]} in one report and {reports[0][key]} in another: run them alike."
                )
        for row in report["rows"]:
            known = rows.setdefault(row["policy"], {}).setdefault(row["scenario"], row)
            if known["lp_share_by_seed"] != row["lp_share_by_seed"]:
                raise MixedRunsError(
                    f"{row['policy']} did differently on {row['scenario']} in two reports: run them with one version."
                )
    return rows


def standings(rows: Mapping[str, Mapping[str, Any]], default: str) -> list[Standing]:
    """All policies, the best first."""
    found = [_standing(policy, rows[policy], rows[default]) for policy in rows]
    return sorted(found, key=lambda each: -each.mean)


def table(found: Sequence[Standing], default: str, capacity: Mapping[str, float]) -> str:
    """The standings as Markdown; `capacity`: the load at a mean utility of .60, where it was measured."""
    lines = [
        f"| policy | mean %LP | least %LP | with decisions | a choice, us | waited for, us | `{default}` better, worse | least lead, points | from load {LOADED:g} | capacity |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for each in found:
        shares = " | ".join(f"{100 * share:.2f}" for share in (each.mean, each.least, each.charged))
        against = " | | " if each.policy == default else _against(each)
        load = f"{capacity[each.policy]:.2f}" if each.policy in capacity else ""
        lines.append(
            f"| `{each.policy}` | {shares} | {each.decision_us:.0f} | {each.waited_us:.0f} | {against} | {load} |"
        )
    if "lp" in capacity:
        lines.append(f"| the bound (LP) | 100 | 100 | | | | | | | {capacity['lp']:.2f} |")
    return "\n".join(lines)


def _against(each: Standing) -> str:
    loaded = "" if each.lead_loaded is None else _points(each.lead_loaded)
    return f"{each.better}, {each.worse} | {_points(each.lead)} | {loaded}"


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:.1f}"  # never -0.0


def _standing(policy: str, rows: Mapping[str, Any], default: Mapping[str, Any]) -> Standing:
    gaps = [
        paired([a - b for a, b in zip(row["lp_share_by_seed"], other["lp_share_by_seed"], strict=True)])
        for row, other in ((rows[name], default[name]) for name in rows)
    ]
    leads = {name: default[name]["lp_share"] - row["lp_share"] for name, row in rows.items()}
    return Standing(
        policy=policy,
        mean=fmean(row["lp_share"] for row in rows.values()),
        least=min(row["lp_share"] for row in rows.values()),
        charged=fmean(row["lp_share_charged"] for row in rows.values()),
        decision_us=fmean(row["decision_us"] for row in rows.values()),
        waited_us=fmean(row["waited_us"] for row in rows.values()),
        better=sum(high is not None and high < 0.0 for _, _, high in gaps),
        worse=sum(low is not None and low > 0.0 for _, low, _ in gaps),
        lead=min(leads.values()),
        lead_loaded=min((lead for name, lead in leads.items() if _load(name) >= LOADED), default=None),
    )


def picture(rows: Mapping[str, Mapping[str, Any]], kind: str, policies: Sequence[str]) -> str:
    """Mean utility against load on one kind of arrivals, the bound on top, as SVG."""
    names = [name for name in next(iter(rows.values())) if name.rpartition("-")[0] == kind]
    loads = [_load(name) for name in names]
    first = rows[policies[0]]
    curves = {"LP bound": [first[name]["utility"] / first[name]["lp_share"] for name in names]}
    curves |= {policy: [rows[policy][name]["utility"] for name in names] for policy in policies}
    ends = _apart([_y(values[-1]) for values in curves.values()])
    parts = [*_frame(loads)]
    for (label, values), colour, end in zip(curves.items(), ("#000000", *_COLOURS), ends, strict=False):
        points = " ".join(f"{_x(x, loads):.1f},{_y(y):.1f}" for x, y in zip(loads, values, strict=True))
        dash = ' stroke-dasharray="5 3"' if label == "LP bound" else ""
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
            f'<text x="{_WIDTH - _RIGHT + 8}" y="{end + 4:.1f}" fill="{colour}">{label}</text>',
        ]
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    style = 'font-family="sans-serif" font-size="12"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', *parts, "</svg>\n"])


def _load(scenario: str) -> float:
    """The load that a scenario's name ends with."""
    return float(scenario.rpartition("-")[2])


def _frame(loads: Sequence[float]) -> list[str]:
    """Background, grid and axes."""
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    lines = [f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>']
    for tenth in range(9):
        y = _y(tenth / 10)
        lines.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tenth / 10:.1f}</text>')
    lines += [
        f'<text x="{_x(load, loads):.1f}" y="{bottom + 18}" text-anchor="middle">{load:g}</text>'
        for load in loads
    ]
    middle = (_LEFT + right) / 2
    words = "load, as a share of what full runs take"
    lines.append(f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">{words}</text>')
    turned = f'transform="translate(14 {(_TOP + bottom) / 2}) rotate(-90)"'
    lines.append(f'<text {turned} text-anchor="middle">mean utility</text>')
    return lines


def _x(load: float, loads: Sequence[float]) -> float:
    share = (log2(load) - log2(loads[0])) / max(log2(loads[-1]) - log2(loads[0]), 1e-9)
    return _LEFT + share * (_WIDTH - _RIGHT - _LEFT)


def _y(utility: float) -> float:
    return _HEIGHT - _BOTTOM - utility / 0.85 * (_HEIGHT - _BOTTOM - _TOP)


def _apart(heights: Sequence[float]) -> list[float]:
    """The same heights, moved so that labels there do not lie on each other."""
    placed: dict[int, float] = {}
    last = float("-inf")
    for index in sorted(range(len(heights)), key=heights.__getitem__):
        last = placed[index] = max(heights[index], last + 14.0)
    return [placed[index] for index in range(len(heights))]
