"""Log lines: one style, readable by people and by a split at spaces and '='."""

import io
import logging
import re
from typing import Any

import pytest

from interim.server.telemetry.log import configure, note


@pytest.fixture
def log() -> Any:
    """The server's own loggers, given back as they were."""
    root = logging.getLogger("interim")
    before = (root.handlers, root.level, root.propagate)
    yield logging.getLogger("interim.front")
    root.handlers, root.level, root.propagate = before


def test_a_line_is_time_level_part_sentence_and_facts(log: Any) -> None:
    """Times are UTC; a value with a space is quoted."""
    out = io.StringIO()
    configure("info", out)
    note(log, "request ended", id=17, slack_ms=1.9, detail="two words", empty="")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO interim\.front request ended "
        r'id=17 slack_ms=1\.9 detail="two words" empty=""\n',
        out.getvalue(),
    )


def test_lines_below_the_level_are_not_written(log: Any) -> None:
    """Debug lines cost nothing unless asked for."""
    out = io.StringIO()
    configure("warning", out)
    note(log, "quiet", id=1)
    note(log, "loud", level=logging.WARNING, id=1)
    assert out.getvalue().count("\n") == 1
    assert "loud" in out.getvalue()
