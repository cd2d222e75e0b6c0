"""The command `interim-zoo`: shapes of its JSON, sentences for wrong use, statuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import read, write
from interim.model_zoo.registry import build
from interim.training.main import main
from interim.training.scenes.labels import CLASSES

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights for the scenes' classes."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoint")
    card = Card(name="random", network="hrnet-w18s-adpc", classes=CLASSES, threshold=0.15)
    write(folder, build(card.network, classes=11).state_dict(), card)
    return folder


def test_profile_prints_cost_by_exit(capsys: Capture) -> None:
    """The figures of the paper's small network, as JSON."""
    assert main(["profile", "hrnet-w18s-ee-rh", "--size", "1024x2048", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["model"] == "hrnet-w18s-ee-rh"
    assert found["size"] == [1024, 2048]
    assert found["parameters"] == 3_997_492
    assert [round(each["gmacs"], 1) for each in found["exits"]] == [23.7, 34.7, 49.9, 73.2]


def test_profile_prints_a_table_too(capsys: Capture) -> None:
    """One line per exit."""
    assert main(["profile", "hrnet-w18s-ee", "--size", "64x64", "--classes", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + 4


def test_list_names_every_network(capsys: Capture) -> None:
    """As JSON and for people."""
    assert main(["list", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "hrnet-w48-adpc" in found["networks"]
    assert main(["list"]) == 0
    assert "hrnet-w32-pose" in capsys.readouterr().out


def test_the_version_is_said(capsys: Capture) -> None:
    """`interim-zoo --version` needs no command."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("interim-zoo ")


def test_evaluate_prints_one_number_an_exit(checkpoint: Path, scenes: Path, capsys: Capture) -> None:
    """The shape that others read: miou, active_share, images."""
    words = ["evaluate", str(checkpoint), "--data", str(scenes), "--split", "val", "--json", "-"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 2
    assert found["split"] == "val"
    assert found["masking"] is True
    assert all(len(found[name]) == 4 for name in ("miou", "quality", "ece", "active_share", "gmacs"))
    assert set(found["class_iou"]) == {each.name for each in CLASSES}
    assert main([*words, "--masking", "off"]) == 0
    assert json.loads(capsys.readouterr().out)["active_share"] == [1, 1, 1, 1]


@pytest.mark.slow
def test_a_rule_of_masks_is_chosen_for_a_measurement(
    checkpoint: Path, scenes: Path, tmp_path: Path, capsys: Capture
) -> None:
    """The share asked for is the share computed; a picture and a count tell the rule too."""
    words = ["evaluate", str(checkpoint), "--data", str(scenes), "--split", "val", "--json", "-"]
    assert main([*words, "--mask-rule", "share=0.5/0.25"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["active_share"] == pytest.approx([1, 0.5, 0.25, 0.25], abs=2e-3)
    assert found["mask_rule"] == "share=0.5/0.25"
    image = next((scenes / "images").iterdir())
    counts = []
    for rule in ("random=0.9", "random=0.1"):
        words = ["profile", str(checkpoint), "--image", str(image), "--mask-rule", rule, "--json", "-"]
        assert main(words) == 0
        counts.append([each["gmacs"] for each in json.loads(capsys.readouterr().out)["exits"]])
    assert counts[0][0] == counts[1][0]
    assert counts[0][3] > counts[1][3]
    out = tmp_path / "exits.png"
    assert main(["show", str(checkpoint), str(image), "--mask-rule", "entropy=0.5", "--out", str(out)]) == 0
    assert out.is_file()


def test_evaluate_writes_json_beside_its_table(
    checkpoint: Path, scenes: Path, tmp_path: Path, capsys: Capture
) -> None:
    """With a file name, people still get the table."""
    path = tmp_path / "found.json"
    assert main(["evaluate", str(checkpoint), "--data", str(scenes), "--json", str(path)]) == 0
    assert "Pedestrian" in capsys.readouterr().out
    assert json.loads(path.read_text())["model"] == "random"


def test_card_measures_on_and_off(checkpoint: Path, scenes: Path, tmp_path: Path, capsys: Capture) -> None:
    """The card holds both, the page their difference; the weights go with them."""
    out = tmp_path / "out"
    words = ["card", str(checkpoint), "--data", str(scenes), "--out", str(out), "--note", "A trial."]
    assert main(words) == 0
    card = read(out).card
    assert card.adaptive is not None
    assert card.dense is not None
    assert card.note == "A trial."
    page = (out / "card.md").read_text()
    assert page == capsys.readouterr().out
    assert "Counted work saved" in page


def test_scenes_write_a_data_folder(tmp_path: Path, capsys: Capture) -> None:
    """Images, palette labels, classes and the list, for any seed and size."""
    words = ["scenes", "--out", str(tmp_path), "--count", "2", "--size", "40x60", "--seed", "9"]
    words += ["--split", "train"]
    assert main(words) == 0
    assert "2 scenes" in capsys.readouterr().out
    assert (tmp_path / "train.txt").read_text() == "scene_000009\nscene_000010\n"
    with Image.open(tmp_path / "labels" / "scene_000009.png") as labels:
        assert (labels.mode, labels.size) == ("P", (60, 40))


def test_drawn_scenes_can_be_trained_on_at_once(tmp_path: Path, capsys: Capture) -> None:
    """As the page on training says: drawn, looked through, a recipe that fits; without lists of one's own."""
    folder, recipe = tmp_path / "street", tmp_path / "street.toml"
    assert main(["scenes", "--out", str(folder), "--count", "20", "--size", "40x60"]) == 0
    assert main(["recipe", str(folder), "--out", str(recipe)]) == 0
    assert recipe.exists()
    assert "val" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["evaluate", "nobody", "--data", "."], "no checkpoint 'nobody'"),
        (["profile", "hrnet-w19", "--size", "64x64"], "no model is called 'hrnet-w19'"),
        (["profile", "hrnet-w18s", "--size", "65x64"], "multiple"),
        (["train", "none.toml"], "no recipe none.toml"),
        (["scenes", "--out", "x", "--count", "0"], "give at least 1"),
        (["profile", "default", "--mask-rule", "share=0.4"], "name one with --image"),
        (
            ["show", "default", "x.jpg", "--mask-rule", "share=0.4", "--masking", "off"],
            "needs a network with confidence adaptivity (-adpc), and masking on",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words: list[str], sentence: str, capsys: Capture) -> None:
    """Status 2, as for all wrong use; one line, no traceback."""
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert sentence in said[0]


@pytest.mark.parametrize(
    "words",
    [[], ["nonsense"], ["profile"], ["profile", "x", "--size", "3"], ["profile", "x", "--size", "0x5"]],
)
def test_wrong_use_has_status_two(words: list[str], capsys: Capture) -> None:
    """With the usage."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: interim-zoo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["profile", "x", "--size", "99999x9"], "sides are at most 16384 pixels"),
        (["list", "--json", "/none/of/it.json"], "there is no folder /none/of: make it, or name another"),
        (["show", "default", "x.jpg", "--threshold", "7"], "7 is not a number from 0 to 1"),
        (["show", "default", "x.jpg", "--out", "exits.txt"], "name a .png or .jpg"),
        (["show", "default", "x.jpg", "--mask-rule", "topk"], "topk: must be card, threshold=T"),
        (["bench", "default", "--threads", "0"], "0 is not a whole number from 1"),
    ],
)
def test_what_a_value_must_be_is_said_before_the_work(
    words: list[str], sentence: str, capsys: Capture
) -> None:
    """Status 2, with the value and its rule."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize("command", ["table", "methods"])
def test_a_page_is_not_made_of_records_that_are_not_there(
    command: str, tmp_path: Path, capsys: Capture
) -> None:
    """A misspelt folder of records leaves the page as it was."""
    page = tmp_path / "page.md"
    page.write_text("as it was")
    assert main([command, "--page", str(page), "--records", str(tmp_path / "none")]) == 2
    assert "There is no folder" in capsys.readouterr().err
    assert page.read_text() == "as it was"


def test_an_interrupt_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Ctrl-C, wherever the work stands: status 130, no trace."""

    def pressed(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("interim.training.commands.list.run", pressed)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "interim-zoo: interrupted\n"


def test_help_needs_no_torch() -> None:
    """The list of commands is there before anything heavy is loaded."""
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"
        "from interim.training.main import main\n"
        "raise SystemExit(main(['list']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr == "interim-zoo needs torch: install it with `pip install 'interim[training]'`.\n"
