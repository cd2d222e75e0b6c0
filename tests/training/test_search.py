"""Which exits to deploy: the best there is, under the requirement, by table 1's costs."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interim.training.deployment.field import Candidate, Field, load_field
from interim.training.deployment.search import Chosen, Setting, best_under, cheapest, measured

IMAGES, CLASSES = 6, 2
WAYS = (1.0, 2.0, 3.0)
FIELDS = st.integers(0, 10**6)


def field(seed: int, *, heads: int = 2) -> Field:
    """Two places with so many exits each, and a last exit; right and sure at random."""
    rng = np.random.default_rng(seed)

    def candidate(name: str, point: int) -> Candidate:
        right = rng.integers(0, 50, (IMAGES, CLASSES)) + 10 * point
        counts = np.stack([np.diag(row) + np.array([[0, 5], [7, 0]]) for row in right])
        return Candidate(
            name=name,
            point=point,
            giga=float(rng.uniform(0.1, 0.5)),
            counts=counts,
            sure=rng.random((2, IMAGES)),
        )

    exits = [candidate(f"{point}/{head}", point) for point, head in product(range(2), range(heads))]
    return Field(ways=WAYS, exits=tuple(exits), last=candidate("last", 2), measures=("edges 0.5", "mean"))


def test_costs_are_table_1s() -> None:
    """To an exit and its head; the whole and every head; each segment for the images that come to it."""
    made = field(0)
    budgeted = cheapest(made, Setting.BUDGETED, least=0)
    assert budgeted is not None
    assert budgeted.giga == pytest.approx(min(WAYS[each.point] + each.giga for each in made.exits))
    anytime = cheapest(made, Setting.ANYTIME, least=0, early=2)
    assert anytime is not None
    assert anytime.giga == pytest.approx(made.whole + sum(each.giga for each in anytime.exits))
    assert [each.point for each in anytime.exits] == [0, 1]
    mixed = best_under(made, Setting.INPUT_DEPENDENT, most=100, early=2)
    assert mixed is not None
    first, second = mixed.exits
    stay = 1 - np.cumsum(mixed.shares)
    expected = 1 + first.giga + stay[0] * (1 + second.giga) + stay[1] * (1 + made.last.giga)
    assert mixed.giga == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(FIELDS, st.sampled_from(Setting), st.floats(0.3, 1), st.integers(1, 2))
def test_both_requirements_meet(seed: int, setting: Setting, least: float, early: int) -> None:
    """What is cheapest at an accuracy is within its own cost, where nothing is better and as cheap."""
    made = field(seed)
    found = cheapest(made, setting, least=least, early=early)
    if found is None:
        everything = best_under(made, setting, most=1000, early=early)
        assert everything is not None
        assert everything.miou < least
        return
    assert found.miou >= least
    best = best_under(made, setting, most=found.giga, early=early)
    assert best is not None
    assert best.miou >= found.miou
    assert best.giga == found.giga or best.miou < least
    tighter = best_under(made, setting, most=np.nextafter(found.giga, 0), early=early)
    assert tighter is None or tighter.miou < least


@settings(max_examples=10, deadline=None)
@given(FIELDS)
def test_images_leave_where_they_are_sure(seed: int) -> None:
    """Every image at the first exit whose rule it meets, with that exit's answer."""
    made = field(seed)
    found = best_under(made, Setting.INPUT_DEPENDENT, most=3.0, early=2)
    if found is None:
        return
    counts = np.zeros((CLASSES, CLASSES), int)
    for image in range(IMAGES):
        for exit_, rule in zip(found.exits, found.rules, strict=True):
            if exit_.sure[made.measures.index(rule.measure), image] >= rule.least:
                counts += exit_.counts[image]
                break
        else:
            counts += made.last.counts[image]
    whole = Candidate(name="", point=0, giga=0, counts=counts[None], sure=np.zeros((2, 1)))
    assert found.miou == pytest.approx(whole.miou)
    assert measured(made, found) == found


def test_a_deployment_is_measured_on_other_images() -> None:
    """The same exits and rules; only what the images make of them differs."""
    made = field(4)
    half = made.on(np.arange(0, IMAGES, 2))
    for setting in Setting:
        found = best_under(half, setting, most=3.4)
        if found is None:
            continue
        other = measured(made.on(np.arange(1, IMAGES, 2)), found)
        assert [each.name for each in other.exits] == [each.name for each in found.exits]
        assert other.rules == found.rules
        if setting is not Setting.INPUT_DEPENDENT:
            assert other.giga == found.giga


def test_measures_can_be_compared() -> None:
    """A search by one measure alone uses no other."""
    found = best_under(field(1).measured_by("mean"), Setting.INPUT_DEPENDENT, most=3)
    assert isinstance(found, Chosen)
    assert {rule.measure for rule in found.rules} == {"mean"}


def test_a_field_is_kept(tmp_path: Path) -> None:
    """Written and read it gives the same deployments; another file is refused."""
    made = field(2)
    made.save(tmp_path / "field.npz")
    kept = load_field(tmp_path / "field.npz")
    for setting in Setting:
        left, right = (cheapest(each, setting, least=0.5) for each in (made, kept))
        assert left is not None
        assert right is not None
        assert (left.giga, left.miou, left.rules) == (right.giga, right.miou, right.rules)
    np.savez(tmp_path / "other.npz", ways=[1.0])
    with pytest.raises(ValueError, match="has no counts"):
        load_field(tmp_path / "other.npz")
    whole = (tmp_path / "field.npz").read_bytes()
    for part in (b"", whole[:100], whole[: len(whole) // 2], b"nonsense"):
        (tmp_path / "half.npz").write_bytes(part)
        with pytest.raises(ValueError, match=r"half\.npz cannot be read .*mess-search"):
            load_field(tmp_path / "half.npz")
    assert {path.name for path in tmp_path.iterdir()} == {"field.npz", "other.npz", "half.npz"}


def test_no_early_exit_is_refused() -> None:
    """At least one."""
    with pytest.raises(ValueError, match="at least 1"):
        cheapest(field(0), Setting.ANYTIME, least=0.5, early=0)
