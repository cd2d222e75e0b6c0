"""What answers are worth at their deadlines."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from interim.loadtest.outcome import Ending, Outcome
from interim.loadtest.quality import by_exit, by_labels
from interim.loadtest.sender import Sent
from interim.loadtest.summary import summarise


def outcome(index: int = 0, exit_: int = 2, ending: Ending = Ending.ANSWERED, **known: Any) -> Outcome:
    fields: dict[str, Any] = {"send_s": 0.0, "lag_ms": 0.0, "budget_ms": 100.0, "end_ms": 50.0}
    return Outcome(index=index, ending=ending, exit=exit_, **fields, **known)


def test_an_exit_is_worth_its_validated_quality() -> None:
    """In time: the exit's; late, refused, failed or without an exit: 0; cancelled: not scored."""
    outcomes = [
        outcome(exit_=1),
        outcome(exit_=2),
        outcome(exit_=2, late=True),
        outcome(exit_=0, ending=Ending.NO_EXIT),
        outcome(exit_=0, ending=Ending.REFUSED),
        outcome(exit_=0, ending=Ending.CANCELLED),
        outcome(exit_=0, ending=Ending.FAILED),
    ]
    scores = [each.quality for each in by_exit(outcomes, (0.4, 0.7))]
    assert scores == [0.4, 0.7, 0.0, 0.0, 0.0, None, 0.0]


def test_a_late_answer_is_worth_what_was_there_in_time() -> None:
    """Exit 1 was handed over before the deadline, exit 2 after it; in time as exit 1 goes, and worth as much."""
    seen: dict[str, Any] = {
        "exits_seen": (1, 2),
        "exits_ms": (40.0, 101.0),
        "elapsed_ms": 101.0,
        "budget_in_force_ms": 100.0,
    }
    late = outcome(exit_=2, late=True, **seen)
    assert [each.quality for each in by_exit([late], (0.4, 0.7))] == [0.4]
    assert summarise([late]).attainment == 1.0
    assert summarise([late]).late_server == 1
    never = dataclasses.replace(late, exits_ms=(100.5, 101.0))
    assert summarise([never]).attainment == 0.0


def test_labels_score_the_mask_that_came() -> None:
    """Half the mask right: half the score of the class that fills the picture; a late mask is worth 0."""
    truth = np.zeros((2, 4), np.uint8)
    half = truth.copy()
    half[:, :2] = 1
    sent = Sent()
    for index, mask in ((0, truth), (1, half), (2, truth)):
        sent.keep(index, mask)
    sent = dataclasses.replace(
        sent, outcomes=(outcome(0), outcome(1), outcome(2, late=True), outcome(3, picture=9))
    )
    scores = [each.quality for each in by_labels(sent, {0: truth}, 2)]
    assert scores == [1.0, pytest.approx(0.5), 0.0, None]


def test_labels_of_another_size_score_nothing() -> None:
    """They say nothing about the mask: it is not counted as wrong."""
    sent = Sent()
    sent.keep(0, np.zeros((2, 4), np.uint8))
    sent = dataclasses.replace(sent, outcomes=(outcome(0),))
    assert by_labels(sent, {0: np.zeros((3, 3), np.uint8)}, 2)[0].quality is None


@pytest.mark.parametrize("void", [255, 9])
def test_what_cannot_be_scored_does_not_count_when_it_is_refused_either(void: int) -> None:
    """Labels that are all void, or of classes the model has not: 0 for the late and nothing else would be a lie."""
    sent = Sent(outcomes=(outcome(0), outcome(1, late=True), outcome(2, ending=Ending.REFUSED)))
    scored = by_labels(sent, {0: np.full((3, 3), void, np.uint8)}, 2)
    assert [each.quality for each in scored] == [None, None, None]


def test_a_failed_request_gave_nothing_by_its_deadline() -> None:
    """It lowers the mean: a run is none the better for requests that fail."""
    scored = by_exit([outcome(0), outcome(1, ending=Ending.FAILED)], (0.4, 0.8))
    assert summarise(scored, quality_from="validated").utility == pytest.approx(0.4)


def test_one_mask_is_kept_once() -> None:
    """Many answers with the same mask cost the memory of one; senders' masks join."""
    sent, other = Sent(), Sent()
    for index in range(5):
        sent.keep(index, np.zeros((2, 4), np.uint8))
    other.keep(9, np.ones((2, 4), np.uint8))
    joined = sent.joined(other)
    assert len(sent.masks) == 1
    assert (len(joined.masks), sorted(joined.mask_of)) == (2, [0, 1, 2, 3, 4, 9])
