"""A pose checkpoint, served as people serve it: the client's joints are the network's own."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.end_to_end.conftest import Running, serving

from interim.client import BadRequest, Client, Reason, Refinement
from interim.client.main import main
from interim.model_zoo.anytime import ClassSpec
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import load, write
from interim.model_zoo.joints import joints_of
from interim.model_zoo.registry import build
from interim.training.evaluation import run_exits

pytestmark = pytest.mark.slow

NAMES = ("left_hip", "left_knee", "left_ankle", "nose")
BUDGET_MS = 20_000


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights; every position stays active, so that all exits come."""
    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("pose")
    classes = tuple(ClassSpec(name, (40 * index, 250, 9)) for index, name in enumerate(NAMES))
    card = Card(
        name="tiny",
        network="hrnet-w18s-pose-adpc",
        classes=classes,
        threshold=0.0,
        fill="hold",
        long_side=64,
    )
    write(folder, build(card.network, classes=len(NAMES), fill="hold").state_dict(), card)
    return folder


@pytest.fixture(scope="module")
def pose_server(checkpoint: Path) -> Any:
    with serving("--model", str(checkpoint), "--dtype", "float32") as server:
        yield server


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture of the size that is computed: nothing is scaled."""
    path = tmp_path_factory.mktemp("images") / "person.png"
    pixels = np.random.default_rng(0).integers(0, 255, (64, 40, 3), np.uint8)
    Image.fromarray(pixels).resize((40, 64), Image.Resampling.BOX).save(path)
    return path


def asked(server: Running, image: Any, **options: Any) -> list[Refinement]:
    with Client(server.grpc) as client:
        return list(client.infer(image, budget_ms=BUDGET_MS, **options))


def test_the_joints_are_the_networks_own(pose_server: Running, checkpoint: Path, person: Path) -> None:
    """At every exit: torch's joints of the padded image, to what two ways of adding up differ by."""
    pixels = np.asarray(Image.open(person))
    padded = np.pad(pixels, ((0, 0), (0, 24), (0, 0)), mode="edge")
    whole = torch.from_numpy(padded).permute(2, 0, 1)[None]
    expected = [joints_of(each.logits[..., :10], stride=4) for each in run_exits(load(checkpoint), whole)]
    for each in asked(pose_server, person):
        truth = expected[each.exit - 1]
        assert [joint.name for joint in each.joints] == [*NAMES]
        heats = [joint.confidence for joint in each.joints]
        assert heats == pytest.approx(truth.heat[0].clamp(0, 1).tolist(), abs=2e-3)
        off = np.array([[joint.x, joint.y] for joint in each.joints]) - truth.xy[0].numpy()
        assert np.median(np.abs(off)) < 0.01  # equal heats may tie differently


def test_everything_else_is_as_with_masks(pose_server: Running, person: Path) -> None:
    """Exits, reasons, extras, early ends; what it has not is one sentence."""
    seen = asked(pose_server, person, max_exit=2, active=True)
    assert (seen[-1].exit, seen[-1].reason) == (2, Reason.FINAL_EXIT)
    assert all(each.mask is None and each.active is not None for each in seen)
    assert asked(pose_server, person, stop_below=1.0)[-1].reason is Reason.CONFIDENT
    with pytest.raises(BadRequest, match="gives joints and no mask"):
        asked(pose_server, person, resolution="quarter")
    status, text = pose_server.get("/metrics")
    assert status == 200
    assert "interim_exit_reached" in text


def test_the_command_draws_and_writes_what_it_says(
    pose_server: Running, person: Path, tmp_path: Path
) -> None:
    """A skeleton for each exit and a sheet; the same joints as JSON."""
    out, report = tmp_path / "drawn", tmp_path / "poses.json"
    words = ["pose", str(person), "--server", pose_server.grpc, "--budget-ms", str(BUDGET_MS)]
    assert main([*words, "--out", str(out), "--json", str(report)]) == 0
    (found,) = json.loads(report.read_text())["images"]
    last = found["refinements"][-1]
    assert [each["name"] for each in last["joints"]] == [*NAMES]
    assert all(0 <= each["x"] <= 39 and 0 <= each["y"] <= 63 for each in last["joints"])
    assert f"person-exit{last['exit']}.png" in {path.name for path in out.iterdir()}
    assert (out / "person-sheet.png").is_file()


def test_without_kernels_torch_serves_it_and_says_so(
    checkpoint: Path, person: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The banner and the status have the reason; the joints come all the same."""
    monkeypatch.setenv("INTERIM_KERNELS", "off")
    with serving("--model", str(checkpoint)) as server:
        assert "torch runs the network: switched off by INTERIM_KERNELS=off" in server.said
        assert "pose, 4 joints, 4 exits" in server.said
        assert "interim pose person.jpg" in server.said
        assert len(asked(server, person)[-1].joints) == len(NAMES)
        with Client(server.grpc) as client:
            (worker,) = client.status().workers
        assert worker.execution.startswith("reference; torch runs the network")
        assert (worker.task, worker.classes, worker.size) == ("pose", NAMES, (64, 64))
