"""The pages of runs in a real browser, from a file: whole, drawn, readable, and without the network."""

import asyncio
from pathlib import Path

import pytest
from tests.browser import Page, browsing
from tests.loadtest.test_report_page import FACTS, RUN, drawn

from interim.loadtest.comparison import Comparison
from interim.loadtest.page.report import compare_page, report_page
from interim.loadtest.run_file import Run

pytestmark = pytest.mark.slow

_DRAWN = """[...document.querySelectorAll('.plot svg')].map((svg) =>
  [...svg.querySelectorAll('rect, polyline, polygon')].filter((mark) => {
    const box = mark.getBBox(), style = getComputedStyle(mark), seen = (paint) => !/^none$|, 0\\)$/.test(paint)
    return box.width + box.height > 0 && (seen(style.fill) || seen(style.stroke))
  }).length)"""


def looked_at(html: str, folder: Path, *, plots: int) -> None:
    """Open a page from a file, at a desk and on a phone, by day and by night."""
    file = folder / "page.html"
    file.write_text(html, encoding="utf-8")
    asyncio.run(_look(file.as_uri(), plots))


async def _look(url: str, plots: int) -> None:
    async with browsing() as page:
        inks = set()
        for width, dark in ((1280, False), (360, False), (360, True)):
            await page.open(url, width=width, dark=dark)
            await _is_drawn(page, plots)
            inks.add(await page.value("getComputedStyle(document.body).color"))
        assert len(inks) == 2
        assert page.complaints == []
        assert set(page.asked) == {url}


async def _is_drawn(page: Page, plots: int) -> None:
    marks = await page.value(_DRAWN)
    assert len(marks) == plots
    assert min(marks) > 0
    assert await page.sticks_out_px() <= 0
    assert await page.faint() == []


def test_a_report_is_whole_in_a_browser(tmp_path: Path) -> None:
    """All plots have marks that are seen, on any screen; nothing is asked of anybody, nothing is complained of."""
    looked_at(report_page(RUN), tmp_path, plots=9)


def test_runs_side_by_side_are_whole_in_a_browser(tmp_path: Path) -> None:
    """Three runs with long names: tables and plots scroll by themselves, the page does not."""
    runs = {
        f"{name}-of-a-run-that-was-named-at-length": Run(
            name=name, outcomes=drawn(seed=seed), quality_from="validated", facts=FACTS
        )
        for seed, name in enumerate(("first", "second", "third"))
    }
    looked_at(compare_page(Comparison(runs=runs)), tmp_path, plots=9)
