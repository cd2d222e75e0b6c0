"""What the front learns of its own speed."""

import pytest

from interim.server.front.pace import LEAST_MARGIN_S, MOST_MARGIN_S, WIRE_S, DecodePace, SendMargin


def test_the_margin_follows_the_slowest_sends() -> None:
    """It is the wire and a quarter above the p99.5 of what was seen for that size, and knows nothing of other sizes."""
    margin = SendMargin()
    for _ in range(240):
        margin.observe(500_000, 0.002)
    assert margin.margin_s(500_000) == pytest.approx(WIRE_S + 0.0025)
    for _ in range(3):
        margin.observe(500_000, 0.007)
    assert margin.margin_s(500_000) == pytest.approx(WIRE_S + 0.00875)
    assert margin.margin_s(5_000_000) != 0.007


def test_the_margin_is_never_below_a_millisecond() -> None:
    """A timer and a thread have to wake up."""
    margin = SendMargin()
    for _ in range(250):
        margin.observe(1000, 0.00001)
    assert margin.margin_s(1000) == WIRE_S + LEAST_MARGIN_S


def test_few_sends_say_little_about_the_slowest() -> None:
    """Until 200 of a size were seen, the margin is 3 ms at least, and the wire."""
    margin = SendMargin()
    assert margin.margin_s(1000) == WIRE_S + 0.003
    for _ in range(199):
        margin.observe(1000, 0.0005)
    assert margin.margin_s(1000) == WIRE_S + 0.003


def test_a_slow_reader_does_not_widen_the_margin() -> None:
    """A write that waited for its reader says nothing about us."""
    margin = SendMargin()
    for _ in range(250):
        margin.observe(1000, 0.002)
        margin.observe(1000, 3.0)
    assert margin.margin_s(1000) == pytest.approx(WIRE_S + 0.0025)


def test_a_very_large_map_may_take_longer_than_a_slow_reader() -> None:
    """Encoding 49 megapixels takes a quarter of a second, which is ours and foreseen."""
    margin = SendMargin()
    assert margin.margin_s(49_000_000) > MOST_MARGIN_S
    for _ in range(250):
        margin.observe(49_000_000, 0.26)
        margin.observe(49_000_000, 3.0)
    assert margin.margin_s(49_000_000) == pytest.approx(WIRE_S + 1.25 * 0.26)


def test_decoding_is_predicted_from_what_it_took() -> None:
    """After some decodes the prediction is close, per format and in proportion to the pixels."""
    pace = DecodePace()
    png = pace.expect("PNG", 1000, now_s=0.0)
    before = pace.ready_in_s(png)
    pace.dropped(png)
    for _ in range(40):
        _decode(pace, "JPEG", 500_000, cpu_s=0.010, took_s=0.0105)
    assert _ready_in_s(pace, "JPEG", 1_000_000) == pytest.approx(0.0205, rel=0.02)
    assert _ready_in_s(pace, "PNG", 1000) <= before


def test_an_image_waits_for_those_before_it() -> None:
    """Decoders are shared: the third of three alike is promised after three, and what is dropped is not waited for."""
    pace = DecodePace()
    for _ in range(40):
        _decode(pace, "JPEG", 500_000, cpu_s=0.010, took_s=0.0105)
    first, second, third = (pace.expect("JPEG", 500_000, now_s=0.0) for _ in range(3))
    assert pace.ready_in_s(third) == pytest.approx(0.0305, rel=0.02)
    for each in (first, second, third):
        pace.dropped(each)
    assert _ready_in_s(pace, "JPEG", 500_000) == pytest.approx(0.0105, rel=0.01)


def test_where_decoding_is_often_slow_promises_count_on_it() -> None:
    """One in ten took 8 ms instead of 2: that is what the next one may take; one in forty is a hiccup."""
    often, seldom = DecodePace(), DecodePace()
    for index in range(200):
        _decode(often, "PNG", 100_000, cpu_s=0.002, took_s=0.008 if index % 10 == 5 else 0.0025)
        _decode(seldom, "PNG", 100_000, cpu_s=0.002, took_s=0.008 if index % 40 == 5 else 0.0025)
    assert _ready_in_s(often, "PNG", 100_000) == pytest.approx(0.008, rel=0.01)
    assert _ready_in_s(seldom, "PNG", 100_000) < 0.003


def test_what_was_slow_does_not_refuse_for_ever() -> None:
    """Where nothing is decoded any more, since it would take too long, the slowest are doubted each second."""
    pace = DecodePace()
    for index in range(100):
        _decode(pace, "JPEG", 500_000, cpu_s=0.010, took_s=0.0105 if index % 5 else 0.0525)
    assert _ready_in_s(pace, "JPEG", 500_000, now_s=0.9) == pytest.approx(0.0525, rel=0.01)
    assert _ready_in_s(pace, "JPEG", 500_000, now_s=1.1) == pytest.approx(0.0105, rel=0.01)


def test_tiny_images_price_no_other_out() -> None:
    """A pixel of a 1x1 file takes as long as opening a file; that says nothing of a photograph's."""
    pace = DecodePace()
    before_s = _ready_in_s(pace, "PNG", 500_000)
    for _ in range(50):
        _decode(pace, "PNG", 1, cpu_s=0.0003, took_s=0.0008)
    assert _ready_in_s(pace, "PNG", 500_000) < 1.5 * before_s


def test_tiny_images_make_no_other_cheap() -> None:
    """However many were opened in no time: the next photograph is promised when photographs are ready."""
    pace = DecodePace()
    for _ in range(40):
        _decode(pace, "JPEG", 500_000, cpu_s=0.010, took_s=0.0105)
    for _ in range(10_000):
        _decode(pace, "JPEG", 1024, cpu_s=0.0001, took_s=0.0007)
    assert _ready_in_s(pace, "JPEG", 500_000) == pytest.approx(0.0105, rel=0.1)


def test_one_file_made_to_be_slow_prices_few_out() -> None:
    """It counts as four times as dear as is usual, however long it took."""
    pace = DecodePace()
    for _ in range(40):
        _decode(pace, "JPEG", 500_000, cpu_s=0.010, took_s=0.0105)
    _decode(pace, "JPEG", 500_000, cpu_s=10.0, took_s=10.0)
    assert _ready_in_s(pace, "JPEG", 500_000) < 2 * 0.0105


def test_a_price_that_refuses_everything_is_doubted() -> None:
    """Where all of a format is refused nothing is learnt of it; each second without a decode it is trusted less."""
    pace = DecodePace()
    for _ in range(30):
        _decode(pace, "WEBP", 500_000, cpu_s=1.0, took_s=1.0)
    assert _ready_in_s(pace, "WEBP", 500_000, now_s=0.5) > 0.9
    for second in range(1, 30):
        _ready_in_s(pace, "WEBP", 500_000, now_s=second * 1.1)
    assert _ready_in_s(pace, "WEBP", 500_000, now_s=40.0) < 0.06


def _decode(pace: DecodePace, kind: str, pixels: int, *, cpu_s: float, took_s: float) -> None:
    pace.done(pace.expect(kind, pixels, now_s=0.0), cpu_s=cpu_s, took_s=took_s, now_s=0.0)


def _ready_in_s(pace: DecodePace, kind: str, pixels: int, *, now_s: float = 0.0) -> float:
    decoding = pace.expect(kind, pixels, now_s=now_s)
    pace.dropped(decoding)
    return pace.ready_in_s(decoding)
