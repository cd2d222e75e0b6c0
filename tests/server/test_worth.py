"""What the scheduler is told of a model: its validated quality, and something sensible where there is none."""

from itertools import pairwise
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.model_zoo import checkpoint
from interim.model_zoo.anytime import ExitSpec
from interim.server.engine.worth import LEAST_GAIN, worth


def exits(*qualities: float | None) -> list[ExitSpec]:
    return [ExitSpec(f"exit {at}", quality=quality) for at, quality in enumerate(qualities, 1)]


def test_the_validated_quality_and_the_share_of_each_stage_are_handed_on() -> None:
    """As they stand in the model's card."""
    measured = [
        ExitSpec("exit 1", quality=0.5, active_share=1.0),
        ExitSpec("exit 2", quality=0.6, active_share=0.4),
    ]
    assert worth(measured).quality == (0.5, 0.6)
    assert worth(measured).active_share == (1.0, 0.4)


@pytest.mark.parametrize(
    "qualities", [(None, None, None), (0.5, None, 0.7), (0.5, nan, 0.7), (0.0, 0.0, 0.0)]
)
def test_without_a_measurement_each_exit_gains_half_of_the_one_before(
    qualities: tuple[float | None, ...],
) -> None:
    """Also where only some exits were measured, or nothing came of it."""
    assert worth(exits(*qualities)).quality == (0.5, 0.75, 0.875)
    assert worth(exits(*qualities)).active_share == (1.0, 1.0, 1.0)


QUALITIES = st.lists(st.none() | st.floats(-1.0, 1.0), min_size=1, max_size=8)


@given(QUALITIES)
def test_every_exit_is_worth_more_than_the_one_before(qualities: list[float | None]) -> None:
    """Whoever asks for the last exit gets it on an idle server, even if it was measured to be no better."""
    found = worth(exits(*qualities)).quality
    assert len(found) == len(qualities)
    assert all(after - before > 0.9 * LEAST_GAIN for before, after in pairwise((0.0, *found)))


def test_the_shipped_model_brings_both() -> None:
    """Its card's figures reach the scheduler."""
    spec = checkpoint.load("default").spec
    found = worth(spec.exits)
    assert found.quality == tuple(exit_.quality for exit_ in spec.exits)
    assert found.active_share[0] == 1.0
    assert all(0.0 < share < 1.0 for share in found.active_share[1:])
