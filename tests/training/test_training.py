"""Training from a recipe file: what it leaves behind, and how it ends."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch

from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import read, write, write_card
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.registry import build
from interim.training import training
from interim.training.data.folder import open_folder
from interim.training.lock import locked
from interim.training.main import main
from interim.training.recipe import Phase, Recipe, RecipeError
from interim.training.training import commit, train

RECIPE = """
name = "tiny"
network = "hrnet-w18s-ee"
seed = 1
batch = 3
crop = [64, 64]
scenes = 2
[[phases]]
name = "only"
epochs = {epochs}
learning_rate = 1e-3
scenes_share = 0.5
"""


@pytest.mark.slow
def test_a_finished_run_leaves_weights_a_card_and_a_log(scenes: Path, tmp_path: Path) -> None:
    """One epoch of two steps: an exported checkpoint, one line of log, status 0; what is lost is made again."""
    config = tmp_path / "tiny.toml"
    config.write_text(RECIPE.format(epochs=1))
    folder = tmp_path / "run"
    assert main(["train", str(config), "--data", str(scenes), "--run", str(folder)]) == 0
    card = read(folder / "latest").card
    assert (card.name, card.network, card.epochs, card.seed, card.note) == ("tiny", "hrnet-w18s-ee", 1, 1, "")
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in entries] == [2]
    assert len(entries[0]["losses"]) == 4
    whole = read(folder / "latest")
    for killed in (False, True):
        if killed:
            write_card(folder / "latest", under_way(card))
        else:
            shutil.rmtree(folder / "latest")
        assert main(["train", str(config), "--data", str(scenes), "--run", str(folder)]) == 0
        again = read(folder / "latest")
        assert again.card == whole.card
        assert all(torch.equal(again.weights[name], value) for name, value in whole.weights.items())


def under_way(card: Card) -> Card:
    """As a process that was killed between its last state and its weights leaves it."""
    return dataclasses.replace(card, note="training under way: step 1 of 2")


def test_a_run_that_is_stopped_at_once_does_nothing(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """It says that it is not finished; it can be told to from when its data is read, and not before."""
    stop = threading.Event()
    assert train(recipe, open_folder(scenes), tmp_path / "run", stop=stop, begins=stop.set) is False
    assert not (tmp_path / "run" / "latest").exists()


def test_two_trainings_do_not_share_a_folder(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """The second is refused before it reads any data; the way out is in the message."""
    with locked(tmp_path), pytest.raises(RecipeError, match=r"Another training .*--run"):
        train(recipe, open_folder(scenes), tmp_path, stop=threading.Event(), begins=pytest.fail)
    with locked(tmp_path):
        pass


@pytest.mark.slow
def test_a_run_may_begin_from_a_smaller_network(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """What the larger network has beyond it is normalised by what images say, from the first step on."""
    classes = open_folder(scenes).classes
    card = Card(name="before", network=recipe.network, classes=classes, threshold=0.9)
    write(tmp_path / "before", build(recipe.network, classes=len(classes)).state_dict(), card)
    kept = Phase(name="as found", epochs=1, learning_rate=0.0, frozen_statistics=True)
    larger = dataclasses.replace(recipe, network="hrnet-w18-adpc", phases=(kept,), crop=(32, 32))
    run = tmp_path / "run"
    assert train(larger, open_folder(scenes), run, stop=threading.Event(), init=str(tmp_path / "before"))
    before, after = read(tmp_path / "before").weights, read(run / "latest").weights
    for place, new in (("units.2", False), ("units.3", True)):
        name = f"sections.2.stages.0.{place}.branches.0.0.first.norm.running_var"
        assert (name not in before) is new
        assert torch.allclose(after[name], torch.ones(18)) is not new


@pytest.mark.slow
@pytest.mark.parametrize("fill", ["rbf", "hold"])
def test_a_run_may_begin_from_a_checkpoint(recipe: Recipe, scenes: Path, tmp_path: Path, fill: str) -> None:
    """Its weights are the new run's, whichever of the two interpolates; the fill is the recipe's."""
    classes = open_folder(scenes).classes
    card = Card(name="before", network=recipe.network, classes=classes, threshold=0.9)
    write(tmp_path / "before", build(recipe.network, classes=len(classes)).state_dict(), card)
    stop = threading.Event()
    later = dataclasses.replace(recipe, fill=fill, phases=recipe.phases[:1], batch=6, crop=(32, 32))
    still = dataclasses.replace(later, phases=(dataclasses.replace(later.phases[0], learning_rate=0.0),))
    run = tmp_path / "run"
    assert train(still, open_folder(scenes), run, stop=stop, init=str(tmp_path / "before"))
    before, after = read(tmp_path / "before").weights, read(run / "latest")
    assert after.card.fill == fill
    learnt = [name for name in after.weights if "running" not in name]
    assert all(torch.allclose(after.weights[name], before[name], atol=1e-3) for name in learnt)
    assert any(".fill." in name for name in learnt) is (fill == "rbf")


def test_weights_that_do_not_fit_are_no_beginning(recipe: Recipe, scenes: Path, tmp_path: Path) -> None:
    """Those of another network are refused before the first step."""
    card = Card(name="other", network="hrnet-w18s-ee", classes=open_folder(scenes).classes, threshold=0.9)
    write(tmp_path / "other", build("hrnet-w18s-ee", classes=11).state_dict(), card)
    with pytest.raises(CheckpointError, match=r"other' do not fit hrnet-w18s-adpc"):
        train(
            recipe,
            open_folder(scenes),
            tmp_path / "run",
            stop=threading.Event(),
            init=str(tmp_path / "other"),
        )


@pytest.mark.slow
def test_sigterm_saves_and_the_same_command_goes_on(scenes: Path, tmp_path: Path) -> None:
    """A real process: terminated in the middle it ends with status 0 and a state to go on from."""
    config = tmp_path / "tiny.toml"
    config.write_text(RECIPE.format(epochs=500))
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "interim.training.main", "train", str(config)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*command, "--data", str(scenes), "--run", str(folder)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        until = time.monotonic() + 90
        while not (folder / "log.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Stopped; the same command goes on" in said
    assert len(list((folder / "state").iterdir())) == 1


def test_the_commit_is_left_out_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In somebody else's repository, where this code is not tracked, and without git."""
    own = tmp_path / "own"
    own.mkdir()
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (["init"], [*identity, "commit", "--allow-empty", "-m", "theirs"]):
        subprocess.run(["git", "-C", str(own), *words], check=True, capture_output=True)
    (own / "training.py").write_text("")
    monkeypatch.setattr(training, "__file__", str(own / "training.py"))
    assert commit() == ""
    subprocess.run(["git", "-C", str(own), "add", "training.py"], check=True)
    assert commit()
    monkeypatch.setenv("PATH", "")
    assert commit() == ""
