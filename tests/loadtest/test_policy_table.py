"""Reports side by side: only of the same requests, the best first, significance from paired seeds."""

from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from interim.loadtest.policy_table import MixedRunsError, Report, merged, picture, standings, table

SCENARIOS = ("poisson-1", "poisson-4", "gamma4-1")


def report(shares: dict[str, tuple[float, ...]], **facts: Any) -> Report:
    """Each policy with the same shares, by seed, in every scenario; the bound is a utility of 0.8."""
    rows = [
        {
            "scenario": scenario,
            "policy": policy,
            "utility": 0.8 * sum(values) / len(values),
            "lp_share": sum(values) / len(values),
            "lp_share_charged": 0.9,
            "lp_share_by_seed": list(values),
            "decision_us": 50.0,
            "waited_us": 20.0,
        }
        for policy, values in shares.items()
        for scenario in SCENARIOS
    ]
    same = {"suite": "published", "seeds": 3, "seed_base": 1, "requests": 9, "stage1_ms": 5.0}
    return {**same, "default_policy": "plan", "rows": rows, "capacity": {}, **facts}


PLAN = (0.97, 0.96, 0.98)
REPORTS = [
    report({"plan": PLAN, "fifo": (0.5, 0.49, 0.52)}),
    report({"plan": PLAN, "near": (0.98, 0.95, 0.985)}),
    report({"plan": PLAN, "better": (0.975, 0.9649, 0.9851)}),
]


def test_the_best_stands_first_and_only_clear_differences_count() -> None:
    """Paired by seed: a small steady lead is significant, a larger one that comes and goes is not."""
    found = {each.policy: each for each in standings(merged(REPORTS), "plan")}
    assert list(found) == ["better", "near", "plan", "fifo"]
    assert {name: (each.better, each.worse) for name, each in found.items()} == {
        "better": (0, 3),
        "near": (0, 0),
        "plan": (0, 0),
        "fifo": (3, 0),
    }


def test_the_least_lead_is_told_of_all_loads_and_of_high_ones() -> None:
    """A policy that is near at low load may be far behind at high load; where no load is high, nothing is said."""
    low, high = (report({"plan": PLAN, "fifo": fifo}) for fifo in ((0.95, 0.95, 0.95), (0.5, 0.5, 0.5)))
    low["rows"] = [row for row in low["rows"] if row["scenario"] == "poisson-1"]
    high["rows"] = [row for row in high["rows"] if row["scenario"] == "poisson-4"]
    _, fifo = standings(merged([low, high]), "plan")
    assert (fifo.lead, fifo.lead_loaded) == pytest.approx((0.02, 0.47))
    _, fifo = standings(merged([low]), "plan")
    assert fifo.lead_loaded is None


def test_the_table_has_a_line_for_each_policy_and_the_bound() -> None:
    """Capacities where there are any."""
    lines = table(standings(merged(REPORTS), "plan"), "plan", {"plan": 3.9, "lp": 4.4}).splitlines()
    assert len(lines) == 2 + 4 + 1
    assert lines[4] == "| `plan` | 97.00 | 97.00 | 90.00 | 50 | 20 |  | |  | 3.90 |"
    assert lines[5] == "| `fifo` | 50.33 | 50.33 | 90.00 | 50 | 20 | 3, 0 | 46.7 | 46.7 |  |"
    assert "4.40" in lines[-1]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (report({"plan": PLAN}, seed_base=2), "seed_base is 2"),
        (report({"plan": (0.97, 0.96, 0.97)}), "plan did differently on poisson-1"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: Report, words: str) -> None:
    """Other seeds, or a default policy that has changed meanwhile."""
    with pytest.raises(MixedRunsError, match=words):
        merged([REPORTS[0], other])


def test_the_picture_has_a_curve_for_each_policy_and_the_bound() -> None:
    """One point a load of the kind; labels do not lie on each other."""
    root = ET.fromstring(picture(merged(REPORTS), "poisson", ["plan", "near", "fifo"]))
    space = "{http://www.w3.org/2000/svg}"
    curves = root.findall(f"{space}polyline")
    assert [len(curve.attrib["points"].split()) for curve in curves] == [2, 2, 2, 2]
    labels = {
        text.text: float(text.attrib["y"])
        for text in root.findall(f"{space}text")
        if text.text in {"LP bound", "plan", "near", "fifo"}
    }
    heights = sorted(labels.values())
    assert all(low + 13.9 < high for low, high in pairwise(heights))
