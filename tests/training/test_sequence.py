"""Networks one after the other: which exits count, and what the order costs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.model_zoo import checkpoint
from interim.model_zoo.card import Measured
from interim.model_zoo.registry import build
from interim.model_zoo.sequence import Place, read_order
from interim.training.deployment.sequence import (
    Member,
    answers,
    base_of,
    bound,
    ideal_inflation,
    measured_inflation,
    served,
    useful,
)
from interim.training.main import main

SMALL = Member(costs=(1.0, 2.0), errors=(0.5, 0.3))
LARGE = Member(costs=(1.0, 2.0, 4.0), errors=(0.6, 0.25, 0.2))


def test_answers_come_in_order_and_only_better_ones_count() -> None:
    """The large network starts after the small one, and its first exit is worse than what stands."""
    given_ = answers([SMALL, LARGE])
    assert [each.cost for each in given_] == [1, 2, 3, 4, 6]
    assert [(each.member, each.exit_) for each in useful(given_)] == [(0, 0), (0, 1), (1, 1), (1, 2)]


def test_a_network_ends_at_its_last_useful_exit() -> None:
    """What follows costs less for it; one without a useful exit costs nothing."""
    idle = Member(costs=(1.0, 5.0), errors=(0.28, 0.9))
    worse = Member(costs=(8.0,), errors=(0.9,))
    members = [SMALL, idle, worse, LARGE]
    kept = served(members, useful(answers(members)))
    assert [(each.member, each.exit_, each.cost) for each in kept] == [
        (0, 0, 1.0),
        (0, 1, 2.0),
        (1, 0, 3.0),
        (3, 1, 5.0),
        (3, 2, 7.0),
    ]


def test_the_bound_is_the_papers() -> None:
    """Base 2: at most 3, and 2.44 on average."""
    limit = bound(2)
    assert limit.most == 3
    assert limit.mean == pytest.approx(2.44, abs=0.005)


@given(st.floats(1.5, 4), st.integers(2, 6))
def test_dense_exits_keep_the_bound(base: float, count: int) -> None:
    """Members that grow by exactly the base, with exits everywhere: never more than the proposition says."""
    steps = 100
    members = [
        Member(costs=tuple(base**index * (step + 1) / steps for step in range(steps)), errors=(0.5,) * steps)
        for index in range(count)
    ]
    found, limit = ideal_inflation(members), bound(base_of(members) * (1 - 1e-9))
    # a step is not nothing: with 1000 of them the figures are below the bounds, but a test takes too long
    assert found.most <= limit.most * (1 + 5 * base / steps)
    assert found.mean <= limit.mean * (1 + base / (2 * steps))


def test_inflation_against_networks_for_one_exit() -> None:
    """An answer is worth the cheapest network that beats it; at its worst just before the next one comes."""
    standing = answers([Member(costs=(1.0, 3.0), errors=(0.5, 0.1))])
    found = measured_inflation(standing, [(0.5, 0.6), (2.0, 0.4), (3.0, 0.2)])
    assert found.most == pytest.approx(3 / 2)
    assert found.mean == pytest.approx((9 - 1) / 2 / 2 / (3 - 1))


def checkpoint_of(folder: Path, miou: tuple[float, ...], gmacs: tuple[float, ...]) -> str:
    """Random weights whose card says this."""
    measured = Measured(
        split="dev", images=3, miou=miou, quality=miou, ece=(), active_share=(1.0,) * 4, gmacs=gmacs
    )
    network = "hrnet-w18s-ee"
    card = checkpoint.read("default").card
    card = replace(card, name=folder.name, network=network, temperatures=(), adaptive=None, dense=measured)
    checkpoint.write(folder, build(network, classes=len(card.classes)).state_dict(), card)
    return str(folder)


@pytest.mark.slow
def test_the_command_writes_a_sequence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the cards' scores; models that do not grow are refused."""
    small = checkpoint_of(tmp_path / "small", (0.2, 0.3, 0.4, 0.35), (1, 2, 3, 4))
    large = checkpoint_of(tmp_path / "large", (0.3, 0.39, 0.5, 0.6), (2, 4, 6, 8))
    out = tmp_path / "both"
    assert main(["sequence", small, large, "--out", str(out), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["member"], each["exit"], each["gmacs"]) for each in told["useful"]] == [
        (1, 1, 1),
        (1, 2, 2),
        (1, 3, 3),
        (2, 3, 9),
        (2, 4, 11),
    ]
    assert told["base"] == 2
    folders, places = read_order(out)
    assert [checkpoint.read(each).card.name for each in folders] == ["small", "large"]
    assert places == [Place(0, 1), Place(0, 2), Place(0, 3), Place(1, 3), Place(1, 4)]
    assert main(["sequence", small, large, "--out", str(out)]) == 0
    assert "left out" in capsys.readouterr().out
    for wrong, reason in (([large, small], "do not grow"), ([small], "no sequence")):
        assert main(["sequence", *wrong, "--out", str(out)]) == 2
        assert reason in capsys.readouterr().err
