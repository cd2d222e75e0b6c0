"""MESS's overprovisioned network: every form of exit, what it costs and what it answers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from interim.model_zoo.anytime import finish
from interim.model_zoo.deployment import load, write
from interim.model_zoo.image_confidence import MEASURES
from interim.model_zoo.networks.multi_exit import MultiExit
from interim.model_zoo.networks.staged import normalised
from interim.training.data.folder import open_folder
from interim.training.deployment.field import FILE, Candidate, Field
from interim.training.deployment.making import deploy
from interim.training.deployment.search import Setting, cheapest
from interim.training.experiments import mess, mess_field, mess_search
from interim.training.experiments.course import Course
from interim.training.experiments.views import views
from interim.training.main import main


def test_forms_differ() -> None:
    """Reductions by blocks, and widening only where there are blocks: 4 x (1 + 2 x 2)."""
    found = mess_field.forms()
    assert len(set(map(str, found))) == len(found) == 20


@pytest.mark.slow
def test_a_survey_knows_every_exit(scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At five places, in their order, cheaper with fewer channels; what is chosen of them can be served."""
    monkeypatch.setattr(mess_field, "COURSE", Course(steps=1))
    monkeypatch.setattr(mess_field, "BATCH", 1)
    folder = open_folder(scenes)
    data = mess.Data(train=views(folder, "train"), test=views(folder, "val"), classes=11)
    network = mess.small_network(11).eval()
    forms = mess_field.forms()
    places = mess_field.overprovisioned(network, forms, data, tmp_path / "field.pt", seed=0)
    field = mess_field.surveyed(network, forms, places, data)
    assert [each.point for each in field.exits] == [place for place in range(5) for _ in range(20)]
    assert list(field.ways) == sorted(field.ways)
    costs = {each.name: each.giga for each in field.exits}
    assert costs["3 /8 b0"] < costs["3 /4 b0"] < costs["3 /1 b0"] < costs["3 /1 b2"] == costs["3 /1 b2w"]
    assert all(each.counts.shape == (2, 11, 11) for each in field.exits)
    assert all(0 <= each.sure.min() <= each.sure.max() <= 1 for each in field.exits)
    assert field.last.sure.shape == (len(MEASURES), 2)
    found = cheapest(field, Setting.ANYTIME, least=0)
    assert found is not None
    assert found.giga / field.whole - 1 < 0.01
    write(
        tmp_path,
        mess_field.described(network, forms, folder.classes),
        mess_field.all_weights(network, places),
    )
    for setting in Setting:
        chosen = cheapest(field, setting, least=0)
        assert chosen is not None
        deploy(chosen, field, tmp_path, tmp_path / setting.value)
        served = load(tmp_path / setting.value)
        names = [each.name for each in chosen.exits]
        assert [each.name for each in served.spec.exits] == (
            names if setting is Setting.BUDGETED else [*names, "last"]
        )
        state = served.start(data.test.images[:1])
        for exit_, each in enumerate(served.spec.exits, 1):
            state = finish(served.stage(exit_, state))
            assert state.prediction is not None
            answer = state.prediction.logits
            maps = network.features(normalised(data.test.images[:1]))[_at(each.name)]
            expected = _module(network, places, each.name)(maps)
            scaled = F.interpolate(expected, answer.shape[2:], mode="bilinear", align_corners=False)
            assert torch.allclose(answer, scaled, atol=1e-5)


def _at(name: str) -> int:
    return -1 if name == "last" else int(name[0]) - 1


def _module(network: MultiExit, places: list[nn.ModuleList], name: str) -> nn.Module:
    if name == "last":
        return network.exits[-1]
    form = [str(each) for each in mess_field.forms()].index(name[2:])
    return places[_at(name)][form]


def drawn() -> Field:
    """Two places of three exits each; deeper is better, and so is dearer; easy images are sure everywhere."""
    rng = np.random.default_rng(3)
    hard = np.linspace(0, 1, 12)

    def candidate(name: str, point: int, giga: float) -> Candidate:
        wrong = np.clip(hard * (60 - 15 * point - 40 * giga), 0, None).astype(int)
        counts = np.array([[[50 - each // 2, each // 2], [each // 2, 50 - each // 2]] for each in wrong])
        sure = np.clip(1 - hard + 0.05 * rng.random((len(MEASURES), 12)), 0, 1)
        return Candidate(name=name, point=point, giga=giga, counts=counts, sure=sure)

    exits = [
        candidate(f"{place + 1} form {head}", place, 0.005 * 3**head)
        for place in range(2)
        for head in range(3)
    ]
    return Field(ways=(1.0, 2.0, 3.0), exits=tuple(exits), last=candidate("last", 2, 0.2), measures=MEASURES)


def test_every_use_finds_its_deployment() -> None:
    """Budgeted ends before the whole, anytime costs the whole and a head, input-dependent lies between."""
    found = mess_search.found_in(drawn())
    whole = found["final-only"]["giga"]
    assert found["budgeted"]["giga"] < whole < found["anytime"]["giga"]
    assert found["input-dependent"]["giga"] <= found["no drop"]["giga"] < whole
    assert found["best"]["miou"] >= found["final-only"]["miou"] - mess_search.NO_DROP
    assert set(found["judges"]) == set(mess_search.JUDGES)
    assert all(len(each) == len(mess_search.CEILINGS) for each in found["judges"].values())
    assert found["no drop"]["rules"][0][0].startswith("edges")


def test_the_command_tells_the_deployment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a table or as JSON; what cannot be met is an error that says how far it goes."""
    drawn().save(tmp_path / FILE)
    words = ["search", str(tmp_path), "--setting", "input-dependent"]
    assert main([*words, "--require", "giga=2.5"]) == 0
    assert "images that leave" in capsys.readouterr().out
    assert main([*words, "--require", "miou=0.5", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["miou"] >= 0.5
    assert told["giga"] < told["whole_giga"]
    assert sum(told["shares"]) == pytest.approx(1)
    assert main([*words, "--require", "miou=1"]) == 2
    assert "the best exit has" in capsys.readouterr().err
    assert main([*words, "--require", "giga=0.1"]) == 2
    assert "ask for more" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*words, "--require", "speed=3"])
    assert "is no requirement" in capsys.readouterr().err
