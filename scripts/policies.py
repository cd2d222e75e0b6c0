"""Writes the tables and the picture of docs/scheduling.md from reports of `interim-load simulate|fleet --json`."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from interim.loadtest.policy_table import MixedRunsError, merged, picture, standings, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOCS = Path(__file__).resolve().parent.parent / "docs"
SHOWN = ("plan", "rtdeepiot-style", "edf-stages", "slackfit-style", "edgeserving-style", "clockwork-style")


def main(arguments: Sequence[str]) -> int:
    """Runs the command; its exit status."""
    parser = argparse.ArgumentParser(prog="scripts/policies", description=__doc__)
    parser.add_argument("reports", nargs="+", metavar="JSON", type=Path)
    try:
        written = _write(
            [json.loads(path.read_text("utf-8")) for path in parser.parse_args(arguments).reports]
        )
    except (OSError, ValueError, KeyError, MixedRunsError) as error:
        print(f"scripts/policies: {error}", file=sys.stderr)
        return 1
    print(written)
    return 0


def _write(given: Sequence[dict[str, Any]]) -> str:
    fleets = [report for report in given if "devices" in report]
    reports = [report for report in given if "devices" not in report]
    suites = {
        name: [report for report in reports if report["suite"] == name] for name in ("published", "edges")
    }
    page = DOCS / "scheduling.md"
    text = page.read_text("utf-8")
    if suites["published"]:
        rows, default = merged(suites["published"]), suites["published"][0]["default_policy"]
        capacity = {name: load["0.60"] for report in reports for name, load in report["capacity"].items()}
        text = _between(text, "published", table(standings(rows, default), default, capacity))
        shown = [name for name in SHOWN if name in rows]
        (DOCS / "images/quality-against-load.svg").write_text(picture(rows, "poisson", shown), "utf-8")
    if suites["edges"]:
        text = _between(text, "edges", _edges(merged(suites["edges"])))
    if fleets:
        text = _between(text, "fleet", _fleets(fleets))
    page.write_text(text, "utf-8")
    return f"{page} is written."


def _edges(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Mean shares of the bound of each group of scenarios."""
    groups = list(dict.fromkeys(name.partition("-")[0] for name in next(iter(rows.values()))))
    lines = [f"| policy | {' | '.join(groups)} |", "|---" * (len(groups) + 1) + "|"]
    for policy, scenarios in rows.items():
        means = [
            100 * fmean(row["lp_share"] for name, row in scenarios.items() if name.startswith(f"{group}-"))
            for group in groups
        ]
        lines.append(f"| `{policy}` | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    return "\n".join(lines)


def _fleets(reports: Sequence[Mapping[str, Any]]) -> str:
    """A row for each router of each fleet; the mean rate over the simulated time."""
    lines = [
        "| devices, arrivals | router | requests | a second | utility | admitted | exit 1 in time | mean exit | wall, s |",
        "|---" * 9 + "|",
    ]
    lines += [
        f"| {report['devices']}, {report['scenario']} | `{row['router']}` | {row['requests']:,} | "
        f"{row['requests'] / row['simulated_s']:,.0f} | {row['utility']:.4f} | {_percent(row['admitted_share'])} | "
        f"{_percent(row['attainment'])} | {row['mean_exit']:.2f} | {row['wall_s']:.0f} |"
        for report in reports
        for row in report["rows"]
    ]
    return "\n".join(lines)


def _percent(share: float) -> str:
    """Never rounded up to 100."""
    return "100 %" if share == 1.0 else f"{min(100 * share, 99.999):.3f} %"


def _between(text: str, name: str, inner: str) -> str:
    """The text with what stands between its marks `<!-- NAME -->` and `<!-- /NAME -->` replaced."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(
            f"docs/scheduling.md has no marks <!-- {name} --> and <!-- /{name} -->: put them back."
        )
    return pattern.sub(lambda match: f"{match[1]}{inner}\n{match[2]}", text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
