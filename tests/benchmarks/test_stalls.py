"""The stall meter: what counts as the machine standing still."""

from __future__ import annotations

import time

import pytest
from benchmarks.stalls import STEP_S, stall_meter, summarised


def test_only_wakings_more_than_a_step_late_are_stalls() -> None:
    """Counted, added up, and the longest named."""
    found = summarised([0.0002, STEP_S, 0.004, 0.010], 5.0, highest_priority=True)
    assert (found.count, found.longest_ms) == (2, 10.0)
    assert found.total_ms == pytest.approx(14.0)
    assert "2 in 5 s, 14 ms together" in found.as_line()


def test_without_the_right_to_outrank_others_the_line_says_whose_stalls_they_are() -> None:
    """Nobody blames the machine for what another process did."""
    assert "other work's" in summarised([], 1.0, highest_priority=False).as_line()


@pytest.mark.slow
def test_it_measures_while_something_runs_and_ends_with_it() -> None:
    """Figures are there when the `with` is left, for about the time spent inside."""
    with stall_meter() as stalls:
        assert stalls.as_line() == "machine's own stalls: not measured"
        begun_s = time.monotonic()
        while time.monotonic() - begun_s < 0.5:
            pass
    assert 0 < stalls.seconds < 60
