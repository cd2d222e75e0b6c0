"""What the cost model learns, and what it charges for what it does not know."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.costs import MOST_LINES, CostModel
from interim.scheduling.errors import UnmeasuredError
from interim.scheduling.job import Size
from interim.scheduling.spread import UNTOLD, WINDOW, Spread

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = (512, 1024)
SECONDS = st.floats(1e-4, 1.0)
SHARES = st.floats(0.01, 1.0)
OBSERVATIONS = st.lists(
    st.tuples(
        st.integers(1, 4), st.sampled_from([SIZE, (256, 512)]), SECONDS, SHARES, st.sampled_from([1, 2, 4])
    ),
    min_size=1,
    max_size=60,
)


Observation = tuple[int, Size, float, float, int]


def taught(observations: Sequence[Observation]) -> CostModel:
    model = CostModel()
    for stage, size, seconds, share, batch in observations:
        model.observe(stage, size, seconds, active_share=share, batch=batch)
    return model


def test_nothing_measured_is_an_error_that_says_what_to_do() -> None:
    """A model that never saw a stage does not invent a cost."""
    with pytest.raises(UnmeasuredError, match="run each stage once"):
        CostModel().mean(1, SIZE)


@given(SECONDS, st.sampled_from([(256, 512), (1024, 2048), (32, 32)]), st.sampled_from([1, 3]))
def test_an_unseen_size_is_charged_three_times_by_pixels_until_measured(
    seconds: float, size: Size, batch: int
) -> None:
    """3x the measured size, scaled by pixels, for means and quantiles; then what it is."""
    model = taught([(1, SIZE, seconds, 1.0, 1)])
    guess = 3.0 * seconds * size[0] * size[1] / (SIZE[0] * SIZE[1])
    assert model.mean(1, size, batch=batch) == pytest.approx(batch * guess)
    assert model.predict(1, size, 0.999, batch=batch) == pytest.approx(batch * guess)
    assert not model.measured(1, size)
    model.observe(1, size, seconds / 7)
    assert model.mean(1, size) == pytest.approx(seconds / 7)
    assert model.measured(1, size)


def test_the_nearest_measured_size_is_the_one_scaled() -> None:
    """Of several measured sizes the one with the nearest count of pixels speaks."""
    model = taught([(1, (64, 64), 0.001, 1.0, 1), (1, SIZE, 0.1, 1.0, 1)])
    assert model.mean(1, (512, 512)) == pytest.approx(3 * 0.05)
    assert model.mean(1, (64, 128)) == pytest.approx(3 * 0.002)


def test_a_stage_that_never_ran_is_charged_like_the_dearest_that_did() -> None:
    """Before stage 2 is measured, it is 3x the most expensive stage of that size."""
    model = taught([(1, SIZE, 0.1, 1.0, 1), (3, SIZE, 0.3, 1.0, 1)])
    assert model.mean(2, SIZE) == pytest.approx(0.9)


@given(st.floats(1e-3, 0.1), st.floats(0.0, 0.1), st.permutations([0.1, 0.2, 0.35, 0.5, 0.7, 0.9]))
def test_a_line_in_the_active_share_is_found_again(a: float, b: float, shares: list[float]) -> None:
    """From noise-free times a + b * share, both are recovered, also between what was seen."""
    model = taught([(2, SIZE, a + b * share, share, 1) for share in shares * 20])
    for share in (0.1, 0.4, 0.9):
        assert model.mean(2, SIZE, active_share=share) == pytest.approx(a + b * share, rel=0.02)


def test_a_share_that_never_varied_is_charged_dense() -> None:
    """Where the mask was never seen to save anything, it is not believed to."""
    model = taught([(1, SIZE, 0.02, 1.0, 1)] * 10)
    assert model.mean(1, SIZE, active_share=0.1) == pytest.approx(0.02)


def test_shares_that_hardly_vary_make_no_slope_of_noise() -> None:
    """Two per mille more active and twice as slow is noise, not a mask that pays."""
    model = taught([(1, SIZE, 0.02 if i % 2 else 0.01, 0.5 + i % 2 / 1000, 1) for i in range(40)])
    assert model.mean(1, SIZE, active_share=0.1) == pytest.approx(0.015, rel=0.1)


def test_times_that_change_are_followed() -> None:
    """After some fifty observations the old speed is all but forgotten."""
    model = taught([(1, SIZE, 0.01, 1.0, 1)] * 100 + [(1, SIZE, 0.02, 1.0, 1)] * 200)
    assert model.mean(1, SIZE) == pytest.approx(0.02, rel=0.03)


def test_batching_pays_nothing_until_it_was_seen_to_pay() -> None:
    """N jobs cost n times one, until a batch is measured; larger ones then count like the largest seen."""
    model = taught([(1, SIZE, 0.01, 1.0, 1)] * 3)
    assert model.mean(1, SIZE, batch=4) == pytest.approx(0.04)
    model.observe(1, SIZE, 0.02, batch=4)
    assert model.mean(1, SIZE, batch=4) == pytest.approx(0.02)
    assert model.mean(1, SIZE, batch=8) == pytest.approx(0.04)
    assert model.mean(1, SIZE, batch=2) == pytest.approx(0.02)


@given(OBSERVATIONS, SHARES, st.integers(1, 5))
def test_costs_are_finite_positive_and_their_tail_is_above_their_mean(
    observations: list[Observation], share: float, batch: int
) -> None:
    """Whatever was observed, 0 <= mean <= p99 <= p99.9 < infinity."""
    model = taught(observations)
    mean = model.mean(1, SIZE, active_share=share, batch=batch)
    p99 = model.predict(1, SIZE, 0.99, active_share=share, batch=batch)
    p999 = model.predict(1, SIZE, 0.999, active_share=share, batch=batch)
    assert 0.0 <= mean <= p99 * (1 + 1e-9)
    assert p99 <= p999 * (1 + 1e-9) < float("inf")


@given(OBSERVATIONS)
def test_a_denser_mask_never_costs_less(observations: list[Observation]) -> None:
    """Costs do not fall as the active share grows."""
    model = taught(observations)
    costs = [model.mean(2, SIZE, active_share=share / 10) for share in range(11)]
    assert all(low <= high + 1e-12 for low, high in itertools.pairwise(costs))


@given(OBSERVATIONS, OBSERVATIONS)
def test_a_model_goes_through_json_and_learns_on_the_same(
    first: list[Observation], then: list[Observation]
) -> None:
    """Saved and loaded, it predicts and learns exactly as if it had never stopped."""
    model = taught(first)
    loaded = CostModel.from_dict(json.loads(json.dumps(model.to_dict())))
    for stage, size, seconds, share, batch in then:
        for each in (model, loaded):
            each.observe(stage, size, seconds, active_share=share, batch=batch)
    assert model.to_dict() == loaded.to_dict()
    for stage in range(1, 5):
        assert model.predict(stage, SIZE, 0.99, active_share=0.3) == loaded.predict(
            stage, SIZE, 0.99, active_share=0.3
        )


@given(OBSERVATIONS)
def test_a_prediction_asked_before_does_not_outlive_what_was_learnt(observations: list[Observation]) -> None:
    """Asking between observations changes nothing."""
    asked = CostModel()
    for stage, size, seconds, share, batch in observations:
        asked.observe(stage, size, seconds, active_share=share, batch=batch)
        asked.predict(1, SIZE, 0.999)
    assert asked.predict(1, SIZE, 0.999) == taught(observations).predict(1, SIZE, 0.999)


def test_sizes_without_end_do_not_fill_the_memory() -> None:
    """The size longest unused is forgotten, the one in use stays."""
    model = CostModel()
    for height in range(MOST_LINES + 10):
        model.observe(1, (height + 1, 8), 0.01)
        model.observe(1, SIZE, 0.01)
    assert len(model.to_dict()["lines"]) == MOST_LINES
    assert model.measured(1, SIZE)
    assert not model.measured(1, (1, 8))


@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=2 * WINDOW))
def test_a_spread_speaks_of_the_latest_window_alone(ratios: list[float]) -> None:
    """The largest quantile is the largest recent ratio (at least 1), and the margin of few observations."""
    spread = Spread()
    for ratio in ratios:
        spread.add(ratio)
    recent = ratios[-WINDOW:]
    assert spread.to_list() == recent
    largest = max(*recent, 1.0, 1.0) * (1 + 1 / len(recent))
    assert spread.quantile(1.0) == pytest.approx(max(largest, 1 + UNTOLD))


def test_a_tail_that_nobody_has_seen_is_charged_until_it_would_have_shown() -> None:
    """One in a thousand needs a thousand observations; one in ten has shown itself after ten."""
    spread, charged = Spread(), []
    for _ in range(WINDOW):
        spread.add(1.0)
        charged.append(spread.quantile(0.999))
    assert charged == sorted(charged, reverse=True)
    assert charged[99] == pytest.approx(1.0 + 0.9 * UNTOLD)
    assert charged[-1] == pytest.approx(1.0 + 1 / WINDOW)
    assert Spread([1.0] * 10).quantile(0.9) == pytest.approx(1.1)


def test_doubt_forgets_a_hiccup_but_keeps_a_few() -> None:
    """The largest ratios go first, and at least eight stay."""
    spread = Spread([1.0] * 8 + [9.0])
    spread.doubt()
    assert spread.to_list() == [1.0] * 8
    spread.doubt()
    assert spread.to_list() == [1.0] * 8
