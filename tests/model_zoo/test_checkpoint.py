"""A checkpoint is read as it was written, or refused with the reason."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from interim.model_zoo.anytime import ClassSpec, ModelSpec, Task
from interim.model_zoo.bones import Bones
from interim.model_zoo.card import Card, Measured
from interim.model_zoo.checkpoint import SHIPPED, fit, load, read, shipped, spec_of, write, write_card
from interim.model_zoo.errors import CheckpointError
from interim.model_zoo.registry import FILLS, build

CLASSES = (ClassSpec("Road", (1, 2, 3)), ClassSpec("Wald", (4, 5, 6)), ClassSpec("Sky", (7, 8, 9)))


def measured(first: float) -> Measured:
    """An evaluation whose numbers start at `first`."""
    scores = tuple(first + step / 10 for step in range(4))
    return Measured(split="val", images=2, miou=scores, quality=scores, ece=scores, active_share=scores)


@pytest.fixture(scope="module")
def card() -> Card:
    """A card with both measurements."""
    return Card(
        name="small",
        network="hrnet-w18s-adpc",
        classes=CLASSES,
        threshold=0.9,
        bones=((0, 2), (1, 2)),
        adaptive=measured(0.1),
        dense=measured(0.2),
    )


@pytest.fixture(scope="module")
def folder(card: Card, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with random weights."""
    torch.manual_seed(0)
    target = tmp_path_factory.mktemp("small")
    write(target, build(card.network, classes=3).state_dict(), card)
    return target


def test_a_card_survives_its_json(card: Card) -> None:
    """Every field, measurements included."""
    assert Card.from_json(card.to_json()) == card
    plain = dataclasses.replace(card, adaptive=None, dense=None)
    assert Card.from_json(plain.to_json()) == plain


@pytest.mark.parametrize("text", ["[]", "{}", "not json", '{"classes": [{"name": "a"}]}', "[" * 100_000])
def test_what_is_no_card_is_refused(text: str) -> None:
    """A ValueError, whatever is wrong."""
    with pytest.raises(ValueError, match=r"card|Expecting"):
        Card.from_json(text)


@pytest.mark.parametrize(
    ("entry", "value", "rule"),
    [
        ("network", ["x"], r"network is \['x'\], and must be text"),
        ("threshold", "0.9", "threshold is '0.9', and must be a number"),
        ("threshold", 1.5, "threshold must lie in 0 to 1"),
        ("temperatures", ["a"], "temperatures is .* a list of numbers"),
        ("temperatures", [float("nan")], "temperatures must be above 0"),
        ("temperatures", [float("inf")], "temperatures must be above 0"),
        ("long_side", "1024", "long_side is '1024', and must be a whole number"),
        ("long_side", 0, "long_side must be at least 1"),
        ("bones", [[0, 3]], "bones must join its classes"),
        ("adaptive", {"split": "val"}, "required"),
        ("gains", [{"exit": "1", "intercept": 0, "slope": 0, "correlation": 0}], "exit is '1'"),
        ("classes", [{"name": "a", "color": [0, 0, 256]}], "levels from 0 to 255"),
    ],
)
def test_a_card_with_a_wrong_entry_is_refused(card: Card, entry: str, value: object, rule: str) -> None:
    """Once, where it is read: the message names the entry and the rule."""
    entries = json.loads(card.to_json()) | {entry: value}
    with pytest.raises(ValueError, match=f"no model card: .*{rule}"):
        Card.from_json(json.dumps(entries))


@pytest.mark.parametrize("name", ["miou", "quality", "active_share", "gmacs"])
def test_scores_are_one_an_exit(card: Card, folder: Path, tmp_path: Path, name: str) -> None:
    """As many of each kind, and as many as the network has exits."""
    entries = json.loads(card.to_json())
    entries["dense"][name] = [0.5]
    with pytest.raises(ValueError, match="as many numbers of each kind"):
        Card.from_json(json.dumps(entries))
    one = Measured(split="val", images=1, miou=(0.5,), quality=(0.5,), ece=(), active_share=(1.0,))
    write(tmp_path, read(folder).weights, dataclasses.replace(card, adaptive=one))
    with pytest.raises(CheckpointError, match="scores of 1 exits, but hrnet-w18s-adpc has 4"):
        load(tmp_path)


def test_what_cannot_be_written_is_an_error_of_the_zoo(card: Card, folder: Path, tmp_path: Path) -> None:
    """A full disk, or a folder in the way: the file is named, and nothing half written is left."""
    (tmp_path / "model.safetensors" / "x").mkdir(parents=True)
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be written: "):
        write(tmp_path, read(folder).weights, card)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_weights_are_kept_in_half_precision(folder: Path, card: Card) -> None:
    """Kernels as float16, all the rest as float32, and the whole below 9 MB."""
    found = read(folder)
    assert found.card == card
    kinds = {value.dtype for value in found.weights.values() if value.ndim > 1}
    others = {value.dtype for value in found.weights.values() if value.ndim <= 1}
    assert kinds == {torch.float16}
    assert others == {torch.float32}
    assert (folder / "model.safetensors").stat().st_size <= 9_000_000


def test_a_loaded_model_answers_as_the_written_one(folder: Path, card: Card) -> None:
    """Up to half precision, with masking off."""
    torch.manual_seed(0)
    original = build(card.network, classes=3).eval()
    original.masking = False
    loaded = load(folder, masking=False)
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        for mine, theirs in zip(loaded(image), original(image), strict=True):
            assert (mine - theirs).abs().mean() < 0.02 * theirs.std()


def test_the_spec_tells_what_was_measured_as_it_runs(folder: Path) -> None:
    """Masking on and off have their own qualities; name, classes and threshold come from the card."""
    adaptive, dense = load(folder), load(folder, masking=False)
    assert (adaptive.masking, dense.masking) == (True, False)
    assert [exit_.quality for exit_ in adaptive.spec.exits] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert [exit_.miou for exit_ in dense.spec.exits] == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert (adaptive.spec.name, adaptive.spec.classes, adaptive.spec.threshold) == ("small", CLASSES, 0.9)
    assert not adaptive.training


def test_the_card_says_what_fills_masked_positions(folder: Path, card: Card, tmp_path: Path) -> None:
    """A network that holds is read as one; a card of before there was a choice means interpolation."""
    held = dataclasses.replace(card, fill="hold")
    write(tmp_path, build(card.network, classes=3, fill="hold").state_dict(), held)
    assert load(tmp_path).filling is FILLS["hold"]
    entries = json.loads((folder / "card.json").read_text())
    assert entries.pop("fill") == "rbf"
    assert Card.from_json(json.dumps(entries)).fill == "rbf"
    with pytest.raises(CheckpointError, match="do not fit"):
        fit(build(card.network, classes=3), read(tmp_path).weights, tmp_path)


def test_a_card_can_be_replaced(folder: Path, card: Card, tmp_path: Path) -> None:
    """Without touching the weights."""
    write(tmp_path, read(folder).weights, card)
    write_card(tmp_path, dataclasses.replace(card, note="new"))
    assert read(tmp_path).card.note == "new"
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["card.json", "model.safetensors"]


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    """The way out is in the message."""
    with pytest.raises(CheckpointError, match=r"no checkpoint 'nobody': name a folder, or one of: .*default"):
        load("nobody")


def test_a_folder_without_a_checkpoint_says_what_it_lacks(tmp_path: Path) -> None:
    """No card, no checkpoint."""
    with pytest.raises(CheckpointError, match=r"lacks card\.json"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
def test_a_broken_file_is_an_error_of_the_zoo(folder: Path, card: Card, tmp_path: Path, name: str) -> None:
    """Truncated downloads happen."""
    write(tmp_path, read(folder).weights, card)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(tmp_path)


def test_weights_of_another_network_are_refused(folder: Path, card: Card, tmp_path: Path) -> None:
    """Missing parts and wrong shapes alike."""
    weights = read(folder).weights
    write(tmp_path / "a", weights, dataclasses.replace(card, network="hrnet-w18s-ee"))
    write(tmp_path / "b", weights, dataclasses.replace(card, classes=CLASSES[:2], bones=()))
    for name in ("a", "b"):
        with pytest.raises(CheckpointError, match="do not fit hrnet-w18s"):
            load(tmp_path / name)


def test_every_shipped_checkpoint_loads_and_is_small() -> None:
    """What comes with the package can be served, and says under which terms."""
    assert "default" in shipped()
    for name in shipped():
        model = load(name)
        assert model.spec.name == name
        assert (SHIPPED / name / "model.safetensors").stat().st_size <= 9_000_000
        assert json.loads((SHIPPED / name / "card.json").read_text())["name"] == name
    assert "non-commercial" in (SHIPPED / "NOTICE").read_text()


@pytest.mark.parametrize(
    ("task", "drawn", "bones"),
    [(Task.POSE, ((0, 0),), ((0, 0),)), (Task.POSE, (), ((1, 0),)), (Task.SEGMENTATION, ((0, 0),), ())],
)
def test_a_pose_models_bones_are_the_cards_or_the_usual_ones(task: Task, drawn: Bones, bones: Bones) -> None:
    """Joints of usual names are joined where the card says nothing; classes of pixels never are."""
    joints = (ClassSpec("left_knee", (1, 2, 3)), ClassSpec("left_ankle", (4, 5, 6)))
    card = Card(name="p", network="n", classes=joints, threshold=0.1, bones=drawn)
    assert spec_of(ModelSpec("n", task, (), ()), card, adaptive=False).bones == bones
