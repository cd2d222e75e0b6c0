"""What happens a thousand times a second is said once a minute."""

import logging
from typing import Any

from interim.server.telemetry.seldom import Seldom


def test_one_line_a_minute_says_how_often_it_happened(caplog: Any) -> None:
    """At once the first time, then not before a minute has passed; each matter for itself."""
    now_s = 0.0
    seldom = Seldom(logging.getLogger("interim.front"), lambda: now_s)
    caplog.set_level(logging.INFO, "interim.front")
    for now_s in (0.0, 10.0, 59.9, 60.0, 61.0):
        seldom.note("a", "it happened", at=now_s)
    seldom.note("b", "it happened", at=now_s)
    assert [(each.facts["times"], each.facts["at"]) for each in caplog.records] == [
        (1, 0.0),
        (3, 60.0),
        (1, 61.0),
    ]
