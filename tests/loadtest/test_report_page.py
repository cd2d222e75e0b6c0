"""The pages: well formed, self-contained, and true to the run."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from interim.loadtest.main import main
from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.page.report import report_page
from interim.loadtest.run_file import Run

VOID_TAGS = {"meta", "br"}


class Page(HTMLParser):
    """Reads a page: its text, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(html)
        self.close()
        self.svgs = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def drawn(count: int = 400, seed: int = 1) -> tuple[Outcome, ...]:
    """Requests with all that may become of them."""
    random = Random(seed)
    endings = [*Ending, *([Ending.ANSWERED] * 8)]
    return tuple(_outcome(index, random.choice(endings), random) for index in range(count))


def _outcome(index: int, ending: Ending, random: Random) -> Outcome:
    answered = ending is Ending.ANSWERED
    return Outcome(
        index=index,
        send_s=index / 20,
        lag_ms=random.random(),
        budget_ms=random.uniform(20, 90),
        ending=ending,
        end_ms=random.uniform(10, 95),
        cause="<b>&deadline" if ending is Ending.REFUSED else "",
        first_ms=9.0 if answered else None,
        exit=random.randint(1, 4) if answered else 0,
        late=answered and random.random() < 0.05,
        elapsed_ms=random.uniform(10, 95),
        budget_in_force_ms=random.uniform(20, 90) if answered else 0.0,
        request_class=random.choice(["batch", "interactive"]),
        quality=random.random(),
    )


FACTS = {
    "scenario": {
        "about": "a <test>",
        "seed": 4,
        "arrivals": {"process": "steps", "at_s": [0, 5, 15], "rates_hz": [20, 20, 10]},
    },
    "model": {"name": "m", "exits": [{"name": str(k), "quality": k / 5} for k in range(1, 5)]},
    "server": "here",
}
RUN = Run(name="steps & <more>", outcomes=drawn(), quality_from="validated", facts=FACTS)


def test_a_page_is_well_formed_and_needs_nothing_else() -> None:
    """Every tag is closed, words are escaped, and nothing is loaded from anywhere."""
    html = report_page(RUN)
    page = Page(html)
    assert not page.open
    assert "steps & <more>" in page.text
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "onload"}
    assert "http" not in html
    assert "url(" not in html
    assert "<script" not in html


def test_a_page_has_the_plots_and_the_figures() -> None:
    """What the run was about, its plots, its figures and its classes; what is red says why."""
    page = Page(report_page(RUN))
    for words in (
        "Load offered, and what became of it",
        "Exit reached against load",
        "Slack at the end",
        "Quality at the deadline",
        "Budget in force",
        "In flight, and queue",
        "Refusals",
        "The sender's own lag",
        "After the last step",
        "interactive",
        "a <test>",
    ):
        assert words in page.text
    assert len(page.svgs) == 9
    assert f"{len(RUN.outcomes):,}" in page.text


def test_exits_of_like_quality_share_a_line() -> None:
    """Words that would lie over one another are written once."""
    exits = [{"quality": quality} for quality in (0.46, 0.47, 0.58, 0.8)]
    text = Page(report_page(dataclasses.replace(RUN, facts={"model": {"exits": exits}}))).text
    assert "exit 1, 2" in text
    assert "exit 2, 3" not in text


def test_marks_stay_inside_their_pictures() -> None:
    """Every box, point and line lies in the picture's own frame."""
    for svg in Page(report_page(RUN)).svgs:
        width, height = map(float, svg.attrib["viewBox"].split()[2:])
        for mark in svg.iter():
            for name, limit in (("x", width), ("x2", width), ("cx", width), ("y", height), ("cy", height)):
                assert 0 <= float(mark.attrib.get(name, 0)) <= limit
            if "width" in mark.attrib:
                assert float(mark.attrib["x"]) + float(mark.attrib["width"]) <= width
            points = mark.attrib.get("points", "").replace(",", " ").split()
            assert all(0 <= float(x) <= width for x in points[::2])
            assert all(0 <= float(y) <= height for y in points[1::2])


def test_columns_are_as_high_as_their_counts() -> None:
    """In the first plot all boxes together cover what the run sent: area is requests."""
    svg = Page(report_page(RUN)).svgs[0]
    boxes = [mark.attrib for mark in svg.iter() if mark.tag == "rect"]
    areas: dict[str, float] = {}
    for box in boxes:
        kind = box["class"]
        areas[kind] = areas.get(kind, 0.0) + float(box["width"]) * float(box["height"])
    refused = sum(one.ending is Ending.REFUSED for one in RUN.outcomes) / len(RUN.outcomes)
    assert areas["refused"] / sum(areas.values()) == pytest.approx(refused, rel=0.05)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_requests_are_a_page_too(count: int) -> None:
    """A run of nothing, of one or of two requests is drawn as far as it goes."""
    page = Page(report_page(Run(name="few", outcomes=drawn(count))))
    assert not page.open
    assert "All figures" in page.text


def test_a_run_that_does_not_count_says_so() -> None:
    """Void, stopped early or failed: said at the top."""
    late = tuple(
        Outcome(index=i, send_s=i, lag_ms=9.0, budget_ms=1, ending=Ending.FAILED, end_ms=2, detail="it broke")
        for i in range(3)
    )
    run = Run(name="n", outcomes=late, facts={"interrupted": True, "planned": 8})
    text = Page(report_page(run)).text
    assert "This run does not count: the sender itself lagged 9.0 ms" in text
    assert "stopped early: 3 of 8 requests were sent" in text
    assert "3 requests failed: it broke" in text


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two files of runs: the same scenario with other seeds."""
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for path, seed in zip(paths, (1, 2), strict=True):
        run = Run(name="n", outcomes=drawn(seed=seed), quality_from="validated", facts=FACTS)
        path.write_text(json.dumps(run.as_json()))
    return [str(path) for path in paths]


def test_report_writes_the_page(files: list[str], tmp_path: Path, capsys: Any) -> None:
    """Beside the run, or where `-o` says."""
    assert main(["report", files[0]]) == 0
    assert main(["report", files[0], "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "one.html").read_text() == (tmp_path / "page.html").read_text()
    assert "page.html" in capsys.readouterr().out


def test_compare_puts_runs_side_by_side(files: list[str], tmp_path: Path, capsys: Any) -> None:
    """A table with a column a run, JSON with the points between them, a page with both runs' plots."""
    page = tmp_path / "both.html"
    assert main(["compare", *files, "--html", str(page), "--json", str(tmp_path / "both.json")]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["one", "two"]
    assert any(row.startswith("mean exit") for row in rows)
    facts = json.loads((tmp_path / "both.json").read_text())
    gap = facts["two"]["utility"] - facts["one"]["utility"]
    assert facts["two"]["points_to_first"]["utility"] == pytest.approx(100 * gap)
    assert facts["one"]["points_to_first"]["attainment"] == 0
    read = Page(page.read_text())
    assert not read.open
    assert len(read.svgs) == 6


def test_runs_that_agree_and_runs_that_do_not(files: list[str], tmp_path: Path, capsys: Any) -> None:
    """`--agree` is status 0 within 2 points of utility and half a point of attainment, else 1."""
    same = tmp_path / "same.json"
    same.write_text(Path(files[0]).read_text())
    assert main(["compare", files[0], str(same), "--agree"]) == 0
    other = json.loads(same.read_text())
    other["requests"]["quality"] = [each * 0.9 for each in other["requests"]["quality"]]
    same.write_text(json.dumps(other))
    capsys.readouterr()
    assert main(["compare", files[0], str(same), "--agree", "--json", "-"]) == 1
    said = capsys.readouterr()
    assert [check["holds"] for check in json.loads(said.out)["agreement"]] == [True, True, False, True]
    assert "BROKEN  same: utility" in said.err
    assert main(["compare", files[0], str(same), "--agree"]) == 1
    assert "BROKEN  same: utility" in capsys.readouterr().out
    assert main(["compare", *files, "--agree"]) == 1
    assert "BROKEN  two: requests unlike the first run's" in capsys.readouterr().out


def test_a_page_is_never_a_file_called_dash(files: list[str], capsys: Any) -> None:
    """A page goes into a file that is named; - is refused."""
    for command in (["report", files[0], "-o", "-"], ["compare", *files, "--html", "-"]):
        with pytest.raises(SystemExit) as end:
            main(command)
        assert end.value.code == 2
        assert "a page goes into a file: name one" in capsys.readouterr().err


def test_a_clip_has_no_page(tmp_path: Path, capsys: Any) -> None:
    """Its record is one, but there is nothing to draw."""
    (tmp_path / "clip.json").write_text(json.dumps({"miou_streaming": None, "summary": {}}))
    assert main(["report", str(tmp_path / "clip.json")]) == 2
    assert "is of a clip, which has no page" in capsys.readouterr().err


def test_no_exit_in_time_at_all_is_marked() -> None:
    """The worst there is is no better than nearly all."""
    late = Outcome(index=0, send_s=0, lag_ms=0, budget_ms=1, ending=Ending.NO_EXIT, end_ms=2)
    assert 'class="tile bad"' in report_page(Run(name="n", outcomes=(late,)))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["report", "none.json"], "none.json cannot be read"), (["compare", "one.json"], "at least two")],
)
def test_wrong_use_is_status_2(arguments: list[str], says: str, capsys: Any) -> None:
    """A file that is not there, or nothing to compare: one sentence."""
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
