"""`interim watch`: frames at their pace, the newest wins."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING, Any

from PIL import Image

from interim.client.main import main
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest
    from tests.client.conftest import ScriptedServer, Wire

    Command = Callable[..., subprocess.Popen[str]]

WAIT_S = 20.0


def test_a_folder_is_watched(
    server: ScriptedServer, tmp_path: Path, image: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each frame, an overlay for each mask, a summary; frames ask that the newest wins."""
    frames = tmp_path / "frames"
    frames.mkdir()
    for index in range(4):
        Image.fromarray(image).save(frames / f"f{index}.png")
    out = tmp_path / "masks"
    args = ["watch", str(frames), "--fps", "30", "--budget-ms", "60", "--server", server.address]
    assert main([*args, "--out", str(out), "--json", str(tmp_path / "w.json")]) == 0
    printed = capsys.readouterr().out
    found = json.loads((tmp_path / "w.json").read_text())
    answered = {each["frame"] for each in found["frames"] if each["exit"]}
    assert sorted(each["frame"] for each in found["frames"]) == ["f0", "f1", "f2", "f3"]
    assert {path.stem for path in out.iterdir()} == answered
    assert "f3" in answered
    assert f"{len(answered)} of 4 frames answered (mean exit 4.00)" in printed.splitlines()[-1]
    sent = server.heard.get(timeout=WAIT_S).frame
    assert (sent.newest_wins, sent.budget_ms) == (True, 60.0)


def test_a_rejected_frame_is_said_and_the_others_go_on(
    server: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for the frame, a count in the summary; 1 where no frame had a mask."""

    def script(requests: Iterator[pb.SessionRequest], _: Any) -> Iterator[pb.SessionResponse]:
        for frame_id in server.frame_ids(requests):
            yield pb.SessionResponse(rejection=pb.Rejection(request_id=frame_id, status=8, detail="full"))

    server.session = script
    assert main(["watch", str(street.parent), "--server", server.address]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["street", "full"]
    assert lines[-1] == "0 of 1 frames answered (mean exit -), 0 superseded, 0 late, 1 rejected"


def test_frames_are_never_drawn_over(
    server: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their own folder is refused for --out; a file that cannot be read is one frame's trouble."""
    before = street.read_bytes()
    watch = ["watch", str(street.parent), "--server", server.address]
    assert main([*watch, "--out", f"{street.parent}/../{street.parent.name}"]) == 2
    assert "would draw over the frames themselves" in capsys.readouterr().err
    assert street.read_bytes() == before


def test_a_frame_that_cannot_be_read_is_rejected_and_the_others_go_on(
    server: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bad file among many costs one frame."""
    (street.parent / "a.png").mkdir()
    (street.parent / "street.jpg").write_bytes(street.read_bytes())
    out = street.parent / "masks"
    assert main(["watch", str(street.parent), "--server", server.address, "--out", str(out)]) == 0
    assert "2 of 3 frames answered" in (said := capsys.readouterr().out)
    assert said.endswith("1 rejected\n")
    assert sorted(path.name for path in out.iterdir()) == ["street-2.png", "street.png"]


def test_a_server_that_goes_away_ends_the_watch(
    server: ScriptedServer, wire: Wire, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, status 1, and nobody waits for the frames still to come."""

    def script(requests: Iterator[pb.SessionRequest], context: Any) -> Iterator[pb.SessionResponse]:
        over = threading.Event()
        context.add_callback(over.set)
        yield server.refinement(next(server.frame_ids(requests)), 1)
        wire.cut()
        over.wait(WAIT_S)

    server.session = script
    (street.parent / "later.png").write_bytes(street.read_bytes())
    found = street.parent / "found.json"
    watch = ["watch", str(street.parent), "--fps", "0.001", "--server", wire.address]
    assert main([*watch, "--json", str(found)]) == 1
    assert f"the server at {wire.address} went away" in capsys.readouterr().err
    assert json.loads(found.read_text())["sent"] == 1


def test_ctrl_c_ends_a_watch_with_its_summary(server: ScriptedServer, street: Path, command: Command) -> None:
    """That is how one ends it: the summary of what was seen, status 0."""
    for index in range(50):
        (street.parent / f"z{index}.png").write_bytes(street.read_bytes())
    with command("watch", str(street.parent), "--fps", "4", "--server", server.address) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        assert "FINAL_EXIT" in lines[1]
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=WAIT_S)
    assert "frames answered (mean exit 4.00)" in out.splitlines()[-1]
    assert error == ""
    assert process.returncode == 0
