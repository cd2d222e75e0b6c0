"""The page of one run, and the page that puts several side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from interim.loadtest.page import curves
from interim.loadtest.page.document import document, figures, heading, table, tiles, warning
from interim.loadtest.page.plots import against_load, became, most_hz, pictures, slack
from interim.loadtest.page.recovery import recovery, steps_of
from interim.loadtest.summary import LAG_LIMIT_MS

if TYPE_CHECKING:
    from interim.loadtest.comparison import Comparison
    from interim.loadtest.page.picture import Picture
    from interim.loadtest.run_file import Run
    from interim.loadtest.summary import Summary


def report_page(run: Run) -> str:
    """Everything about one run."""
    summary = run.summary
    parts = [heading(f"Load test: {run.name}", _about(run)), *_warnings(run)]
    bad = {"exit 1 in time, of the admitted"} if summary.attainment not in {None, 1.0} else set()
    bad |= {"late, as the server says"} if summary.late_server else set()
    bad |= {"sender's own lag, p99"} if (summary.sender_lag_ms["p99"] or 0.0) > LAG_LIMIT_MS else set()
    parts += [tiles(_tiles(summary), bad=bad), figures(pictures(run))]
    back = recovery(run.outcomes, steps_of(run.facts))
    if back is not None:
        depth = "not within the run" if back.depth_s is None else f"after {back.depth_s:.2f} s"
        rows = [
            ("the load stepped down at", f"{back.at_s:g} s"),
            ("longest relative deadline", f"{back.longest_s:.3f} s"),
            ("budgets back", f"after {back.budgets_s:.2f} s (twice the deadline: {back.allowed_s:.2f} s)"),
            ("promise", "kept" if back.kept else "BROKEN"),
            ("answers as deep as before", depth),
        ]
        parts.append(table(("After the last step", ""), rows))
    parts += [*_classes(run), table(("All figures", ""), summary.rows())]
    return document(f"Load test: {run.name}", parts, exits=run.exits)


def compare_page(comparison: Comparison) -> str:
    """Runs side by side: their figures, then the same plots on the same scales."""
    runs = comparison.runs
    high = max((most_hz(run) for run in runs.values() if run.outcomes), default=1.0)
    drawn: list[list[Picture]] = [[], [], []]
    for name, run in runs.items():
        if run.outcomes:
            bins = curves.time_bins(run.outcomes)
            each = (became(run, bins, high=high, wide=False), against_load(run), slack(run))
            for kind, picture in zip(drawn, each, strict=True):
                if picture is not None:
                    kind.append(replace(picture, title=f"{name}: {picture.title}"))
    parts = [
        heading("Load tests side by side", ", ".join(runs)),
        table(("", *runs), comparison.rows()),
        *(figures(kind) for kind in drawn if kind),
    ]
    return document("Load tests side by side", parts, exits=max(run.exits for run in runs.values()))


def _about(run: Run) -> str:
    facts = run.facts
    model = facts.get("model", {}).get("name", "")
    seen = [
        str(facts.get("scenario", {}).get("about", "")),
        f"model {model}" if model else "",
        f"server {facts['server']}" if facts.get("server") else "",
        str(facts.get("ended", "")),
        f"seed {facts['scenario']['seed']}" if "seed" in facts.get("scenario", {}) else "",
    ]
    return " · ".join(words for words in seen if words)


def _warnings(run: Run) -> list[str]:
    said = []
    if run.summary.void:
        said.append(warning(f"This run does not count: {run.summary.void}."))
    if run.facts.get("interrupted"):
        sent, planned = len(run.outcomes), run.facts.get("planned", "?")
        said.append(warning(f"This run was stopped early: {sent} of {planned} requests were sent."))
    if run.summary.failed:
        said.append(
            warning(f"{sum(run.summary.failed.values())} requests failed: {run.summary.first_failure}")
        )
    return said


def _tiles(summary: Summary) -> dict[str, str]:
    sent = max(summary.sent, 1)
    return {
        "requests sent": f"{summary.sent:,}",
        "admitted": f"{100 * summary.admitted / sent:.1f} %",
        "exit 1 in time, of the admitted": _percent(summary.attainment),
        "late, as the server says": f"{summary.late_server:,}",
        "late, as the client sees": f"{summary.late_client:,}",
        "mean exit of the admitted": "-" if summary.mean_exit is None else f"{summary.mean_exit:.2f}",
        "mean quality at the deadline": "-" if summary.utility is None else f"{summary.utility:.3f}",
        "sender's own lag, p99": f"{summary.sender_lag_ms['p99'] or 0.0:.1f} ms",
    }


def _percent(share: float | None) -> str:
    """Never rounded up to 100."""
    if share is None:
        return "-"
    return "100 %" if share == 1.0 else f"{min(100 * share, 99.999):.3f} %"


def _classes(run: Run) -> list[str]:
    names = sorted({one.request_class for one in run.outcomes})
    if len(names) < 2:
        return []
    rows = []
    for name in names:
        part = type(run)(
            name=name,
            outcomes=tuple(one for one in run.outcomes if one.request_class == name),
            quality_from=run.quality_from,
        ).summary
        shown = _tiles(part)
        rows.append((name or "(none)", *list(shown.values())[:7]))
    return [table(("class", *list(_tiles(run.summary))[:7]), rows)]
