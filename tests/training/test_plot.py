"""Plots are well-formed SVG whose marks lie where the axes say."""

from xml.etree import ElementTree as ET

import pytest

from interim.training.plot import ASIDE, COLORS, MARGIN, SIZE, Plot, Series

NS = "{http://www.w3.org/2000/svg}"


def drawn(*series: Series, span: tuple[float, float] | None = None) -> ET.Element:
    """The elements of a plot."""
    plot = Plot(title="a < b & c", x="x", y="y", series=series, x_range=span, y_range=span)
    return ET.fromstring(plot.svg())


def test_corners_are_corners() -> None:
    """With ranges given, (0, 0) is below on the left and (1, 1) above on the right."""
    root = drawn(Series(name="s", points=[(0, 0), (1, 1)]), span=(0, 1))
    low, high = ((float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in root.iter(f"{NS}circle"))
    assert low == (MARGIN[0], SIZE[1] - MARGIN[3])
    assert high == (SIZE[0] - MARGIN[2], MARGIN[1])


def test_words_survive() -> None:
    """Titles, names and notes are there, escaped."""
    root = drawn(Series(name="<one>", points=[(0, 5), (2, 5)], notes=["first", "last"]))
    words = {text.text for text in root.iter(f"{NS}text")}
    assert {"a < b & c", "<one>", "first", "last"} <= words


@pytest.mark.parametrize("points", [[], [(3.0, 3.0)], [(1e-6, 1e6), (2e-6, 5e6)]])
def test_any_points_make_a_plot(points: list[tuple[float, float]]) -> None:
    """None, one, or numbers far apart: some ticks, all marks inside."""
    root = drawn(Series(name="s", points=points))
    assert len(list(root.iter(f"{NS}path"))) > 4
    for dot in root.iter(f"{NS}circle"):
        assert MARGIN[0] <= float(dot.get("cx", "")) <= SIZE[0]
        assert 0 <= float(dot.get("cy", "")) <= SIZE[1]


def test_decades_are_alike_wide() -> None:
    """From 1 to 10 it is as far as from 10 to 100, and the axis says 1, 2 and 5 of each."""
    points = [(1.0, 0.0), (10.0, 1.0), (100.0, 2.0)]
    root = ET.fromstring(
        Plot(title="", x="", y="", series=[Series(name="s", points=points)], decades=True).svg()
    )
    one, ten, hundred = (float(dot.get("cx", "")) for dot in root.iter(f"{NS}circle"))
    assert ten - one == pytest.approx(hundred - ten, abs=0.2)
    assert {"1", "2", "5", "10", "20", "50", "100"} <= {text.text for text in root.iter(f"{NS}text")}


@pytest.mark.parametrize("series", [[], [Series(name="s", points=[(3.0, 3.0)])]])
def test_decades_of_any_points_make_a_plot(series: list[Series]) -> None:
    """None, or one."""
    ET.fromstring(Plot(title="", x="", y="", series=series, decades=True).svg())


@pytest.mark.parametrize(("high", "left"), [([(0, 10), (3, 10), (9, 0)], False), ([(0, 0), (9, 9)], True)])
def test_names_stand_where_they_cover_little(high: list[tuple[float, float]], left: bool) -> None:
    """In the upper left, or where that would cover more of the lines than the lower right, in that."""
    root = drawn(Series(name="s", points=high))
    (name,) = (text for text in root.iter(f"{NS}text") if text.text == "s")
    assert (float(name.get("x", "")) < SIZE[0] / 2) is left
    assert (float(name.get("y", "")) < SIZE[1] / 2) is left


def test_lines_for_comparison_are_grey() -> None:
    """A dashed line takes no colour from the others."""
    lines = [Series(name=name, points=[(0, 0), (1, 1)], dashed=name == "b") for name in "abc"]
    strokes = [line.get("stroke") for line in drawn(*lines).iter(f"{NS}polyline")]
    assert strokes == [COLORS[0], ASIDE, COLORS[1]]
