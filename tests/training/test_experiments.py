"""Experiments: what goes in, what is kept, and that they go on where they ended."""

from pathlib import Path

import numpy as np
import pytest

from interim.model_zoo import equilibrium
from interim.model_zoo.networks.resann import BLOCKS
from interim.training.data.folder import open_folder
from interim.training.experiments import eann, mdeq, schemes
from interim.training.experiments.course import Course
from interim.training.experiments.patches import SIDE, patches
from interim.training.experiments.record import Results


def test_a_record_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Parts written by one process are there for the next."""
    path = tmp_path / "records" / "some.json"
    Results(path, {"seed": 0})["first"] = {"errors": (0.5, 0.25)}
    later = Results(path, {"seed": 0})
    later["second"] = 1.0
    assert dict(Results(path, {"seed": 0})) == {"first": {"errors": [0.5, 0.25]}, "second": 1.0}


def test_patches_show_mostly_their_class(scenes: Path) -> None:
    """Squares of 32 pixels, no more than asked for of any class, the same for the same seed."""
    found, again = (patches(open_folder(scenes), "train", per_class=5, seed=3) for _ in range(2))
    assert found.images.shape == (len(found.labels), 3, SIDE, SIDE)
    assert found.labels.bincount().max() <= 5
    assert found.images.equal(again.images)
    assert np.isfinite(found.images.numpy()).all()


def test_exits_at_quarters_of_the_cost() -> None:
    """Units cost about the same, so a quarter of the units is a quarter of the work, to half a unit."""
    depth = BLOCKS * schemes.UNITS
    whole = schemes.macs(schemes.contestants()[0], 11)
    for quarter in schemes.QUARTERS:
        reached = whole[schemes.exit_at(quarter, depth) - 1]
        assert reached / whole[-1] == pytest.approx(quarter / 4, abs=0.6 / depth)
    assert whole == sorted(whole)


def test_opt_is_trained_for_its_exit_alone() -> None:
    """Every quarter has a network that ends there; the increase over it is relative."""
    names = {each.name: each for each in schemes.contestants()}
    assert [names[f"opt {quarter}/4"].depth for quarter in schemes.QUARTERS] == [2, 4, 7, 9]
    results = {f"opt {quarter}/4": {"errors": [0.9, 0.2]} for quarter in schemes.QUARTERS}
    results["const"] = {"errors": [0.3] * 9}
    assert schemes.relative(results, "const") == pytest.approx([0.5] * 4)


@pytest.mark.slow
def test_members_of_a_sequence_are_trained_and_summed_up(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Useful exits from one half of the squares, errors from the other; one network alone has no bound."""
    short = {"STEPS": 2, "SPLITS": ("train", "val"), "UNITS": (1, 2), "OPTIMA": (1, 2), "TRAIN_CAP": 20}
    for name, value in short.items():
        monkeypatch.setattr(eann, name, value)
    results = Results(tmp_path / "eann.json", {})
    eann.compare_eann(open_folder(scenes), results)
    assert set(results) == {each.name for each in eann.contestants()}
    found = eann.summed_up(dict(results))
    assert set(found) == {"adaloss", "adaloss alone", "const", "const alone", "plain"}
    assert found["adaloss"]["bound"].most == pytest.approx(2 + 1 / (found["adaloss"]["base"] - 1))
    assert found["adaloss alone"]["bound"] is None
    for each in found.values():
        costs = [cost for cost, _ in each["useful"]]
        assert costs == sorted(costs)
        assert each["measured"].mean <= each["measured"].most
    eann.compare_eann(None, results)  # type: ignore[arg-type]  # nothing is left to train


@pytest.mark.slow
def test_an_mdeq_is_trained_and_can_be_served(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every iteration is measured, more than were unrolled, and the checkpoint bears the scores."""
    short = {"COURSE": Course(steps=2), "SPLITS": ("train", "val"), "UNROLLED": 2, "MEASURED": 3, "BATCH": 1}
    for name, value in short.items():
        monkeypatch.setattr(mdeq, name, value)
    results = Results(tmp_path / "mdeq.json", {})
    mdeq.train_mdeq(open_folder(scenes), results, tmp_path)
    assert len(results["miou"]) == 3
    served = equilibrium.load(str(tmp_path / "latest"))
    assert [each.miou for each in served.spec.exits] == pytest.approx(results["miou"], abs=1e-6)
    mdeq.train_mdeq(None, results, tmp_path)  # type: ignore[arg-type]  # nothing is left to do
