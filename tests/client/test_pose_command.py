"""`interim pose`: joints as a table, as JSON and drawn; and each command says so of a model of the other kind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.client.conftest import ScriptedServer

from interim.client.main import main
from interim.v1 import inference_pb2 as pb


@pytest.fixture
def poser(server: ScriptedServer) -> ScriptedServer:
    """The scripted server, with a pose model: at exit k the head is at (k, 2), the foot below it."""

    def poses(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        for frame_id in server.frame_ids(requests):
            for exit_ in (1, 2):
                found = pb.Pose(
                    joints=[
                        pb.Joint(name="head", x=exit_, y=2, confidence=0.75),
                        pb.Joint(name="foot", x=exit_, y=9, confidence=0.5),
                    ]
                )
                yield server.refinement(frame_id, exit_, mask=None, pose=found)
            yield server.refinement(frame_id, 2, mask=None, final=True, reason=pb.DEADLINE)

    server.session = poses
    server.model.task = "pose"
    del server.model.classes[2:]
    server.model.bones.add(first=0, second=1)
    return server


def test_joints_are_shown_drawn_and_written(
    poser: ScriptedServer, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows as with masks, then the last joints; a picture for each exit and a sheet; JSON has every exit's."""
    out, report = tmp_path / "poses", tmp_path / "poses.json"
    words = ["pose", str(street), "--server", poser.address, "--out", str(out), "--json", str(report)]
    assert main(words) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["head", "2.0", "2.0", "0.75"] in lines
    assert ["foot", "2.0", "9.0", "0.50"] in lines
    assert {path.name for path in out.iterdir()} == {
        *(f"street-{each}.png" for each in ("exit1", "exit2", "sheet"))
    }
    drawn = np.asarray(Image.open(out / "street-exit2.png"))
    assert drawn[2, 2].tolist() == [0x46, 0x82, 0xB4]
    (found,) = json.loads(report.read_text())["images"]
    assert [each["joints"][0]["x"] for each in found["refinements"]] == [1.0, 2.0, 2.0]
    assert found["refinements"][0]["joints"][1] == {"name": "foot", "x": 1.0, "y": 9.0, "confidence": 0.5}


def test_a_stream_of_people_is_watched(
    poser: ScriptedServer, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`interim watch` draws joints as it draws masks."""
    out = tmp_path / "drawn"
    assert main(["watch", str(street.parent), "--server", poser.address, "--out", str(out)]) == 0
    assert "1 of 1 frames answered" in capsys.readouterr().out
    assert np.asarray(Image.open(out / "street.png"))[2, 2].tolist() == [0x46, 0x82, 0xB4]


def test_a_model_of_the_other_kind_is_one_sentence(
    poser: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the command that fits."""
    assert main(["segment", str(street), "--server", poser.address]) == 2
    assert capsys.readouterr().err == (
        "interim: model scripted gives joints and no masks: use `interim pose`\n"
    )
    poser.model.task = "segmentation"
    assert main(["pose", str(street), "--server", poser.address]) == 2
    assert "gives no joints: use `interim segment`" in capsys.readouterr().err


def test_models_are_described_as_what_they_are(
    poser: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Joints, not classes; PCK, not mIoU; sure is what is cold."""
    assert main(["models", "--server", poser.address]) == 0
    printed = capsys.readouterr().out
    assert "pose, 2 joints, long side 2048, sure pixels skipped below 0.99" in printed
    assert "PCK" in printed
    assert "  joints: sky, road" in printed
    assert main(["models", "--server", poser.address, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["models"][0]["bones"] == [[0, 1]]
