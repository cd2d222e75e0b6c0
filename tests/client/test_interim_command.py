"""The command `interim`: what people see, what files they get, and how it ends."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
from PIL import Image

from interim.client.commands.places import address, named
from interim.client.main import main
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.client.conftest import ScriptedServer, Wire

    Command = Callable[..., subprocess.Popen[str]]

WAIT_S = 20.0


def test_segment_shows_and_draws_each_exit(
    server: ScriptedServer, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for each refinement as it comes, an overlay for each exit, one sheet; status 0."""
    out = tmp_path / "masks"
    args = ["segment", str(street), "--server", server.address, "--budget-ms", "80", "--out", str(out)]
    assert main(args) == 0
    printed = capsys.readouterr()
    rows = [line.split() for line in printed.out.splitlines() if " of " in line]
    assert [row[:6] for row in rows] == [
        ["1", "of", "4", "10.0", "70.0", "75.0%"],
        ["2", "of", "4", "20.0", "60.0", "50.0%"],
        ["3", "of", "4", "30.0", "50.0", "25.0%"],
        ["4", "of", "4", "40.0", "40.0", "0.0%"],
    ]
    assert rows[-1][6:] == ["FINAL_EXIT"]
    assert printed.err == ""
    assert {path.name for path in out.iterdir()} == {
        "street-sheet.png",
        *(f"street-exit{exit_}.png" for exit_ in (1, 2, 3, 4)),
    }
    car = np.asarray(Image.open(out / "street-exit4.png"))[-1, 0]
    assert car.tolist() == np.rint(255 * 0.45 + np.array([0, 0, 0x8E]) * 0.55).tolist()
    assert server.heard.get(timeout=WAIT_S).frame.budget_ms == 80.0


def test_segment_says_it_in_json(
    server: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON alone on standard output, the table beside it; everything but the maps."""
    assert main(["segment", str(street), "--server", server.address, "--max-exit", "4", "--json", "-"]) == 0
    printed = capsys.readouterr()
    (found,) = json.loads(printed.out)["images"]
    assert found["image"] == str(street)
    assert [each["exit"] for each in found["refinements"]] == [1, 2, 3, 4]
    final = found["refinements"][-1]
    assert (final["reason"], final["active_share"], final["late"]) == ("FINAL_EXIT", 0.0, False)
    assert not {"mask", "confidence", "active"} & set(final)
    assert "4 of 4" in printed.err
    assert server.heard.get(timeout=WAIT_S).frame.max_exit == 4


def test_segment_goes_on_after_one_bad_image(
    server: ScriptedServer, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each image has its own sentence; the others are answered; status 2, as two images are wrong, and the JSON says which."""

    def script(requests: Iterator[pb.SessionRequest], context: Any) -> Iterator[pb.SessionResponse]:
        request = next(requests)
        if request.frame.image.encoded.startswith(b"no image"):
            refused = pb.Rejection(request_id=request.frame.request_id, status=3, detail="it is not an image")
            yield pb.SessionResponse(rejection=refused)
        else:
            yield from server.four_exits(iter([request]), context)

    server.session = script
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    args = ["segment", "none.png", str(bad), str(street), "--server", server.address]
    assert main([*args, "--json", str(tmp_path / "found.json")]) == 2
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        "interim: cannot read none.png: No such file or directory",
        f"interim: {bad}: it is not an image",
    ]
    assert printed.out.count("FINAL_EXIT") == 1
    found = json.loads((tmp_path / "found.json").read_text())["images"]
    assert [list(each) for each in found] == [
        ["image", "error"],
        ["image", "error"],
        ["image", "refinements"],
    ]


def test_no_exit_is_a_failure_with_a_way_out(
    server: ScriptedServer, street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is drawn; the sentence says what to do; status 1."""
    server.session = lambda requests, _: iter(
        [
            server.refinement(
                next(server.frame_ids(requests)), 0, final=True, reason=pb.DEADLINE, retry_after_ms=40
            )
        ]
    )
    out = tmp_path / "masks"
    assert main(["segment", str(street), "--server", server.address, "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert "  none" in printed.out
    assert "no exit was reached (DEADLINE); try again in 40 ms or give it a larger --budget-ms" in printed.err
    assert not out.exists()


def test_images_of_one_name_have_files_of_their_own(
    server: ScriptedServer, street: Path, tmp_path: Path
) -> None:
    """A second street.png does not overwrite what the first became."""
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "street.png"
    other.write_bytes(street.read_bytes())
    out = tmp_path / "masks"
    assert main(["segment", str(street), str(other), "--server", server.address, "--out", str(out)]) == 0
    assert {"street-sheet.png", "street-2-sheet.png"} <= {path.name for path in out.iterdir()}


def test_a_server_that_is_not_there_is_named_with_the_way_out(
    wire: Wire, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence: the address, why, how to start one. Status 1, for every command."""
    wire.cut()
    for command in (["segment", str(street)], ["models"], ["status"], ["watch", str(street.parent)]):
        assert main([*command, "--server", wire.address]) == 1
        (sentence,) = capsys.readouterr().err.splitlines()
        assert sentence.startswith(f"interim: no server answers at {wire.address}: ")
        assert "start one with `interim-server`" in sentence


def test_a_server_that_is_still_loading_is_not_to_be_started_again(
    server: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it says itself is the way out; status 1."""

    def loading(_: Iterator[pb.SessionRequest], context: Any) -> Iterator[pb.SessionResponse]:
        context.abort(grpc.StatusCode.UNAVAILABLE, "the model is still being loaded: try again soon")
        yield pb.SessionResponse()

    server.session = loading
    assert main(["segment", str(street), "--server", server.address]) == 1
    assert capsys.readouterr().err == (
        f"interim: the server at {server.address} takes no requests: the model is still being loaded: "
        "try again soon\n"
    )


def test_an_unknown_model_is_one_sentence(
    server: ScriptedServer, street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The server's own words, which name the models there are; status 2."""
    assert main(["segment", str(street), "--server", server.address, "--model", "nope"]) == 2
    assert capsys.readouterr().err == "interim: no model 'nope'; there is scripted\n"


@pytest.mark.parametrize(
    ("args", "rule"),
    [
        ([], "COMMAND"),
        (["dance"], "dance"),
        (["segment"], "IMAGE"),
        (["segment", "a", "--budget-ms", "-1"], "-1 is not a number over 0"),
        (["segment", "a", "--budget-ms", "inf"], "inf is not a number over 0"),
        (["segment", "a", "--budget-ms", "soon"], "soon is not a number"),
        (["segment", "a", "--max-exit", "0"], "0 is not a whole number from 1"),
        (["segment", "a", "--stop-below", "1.5"], "1.5 is not a share from 0 to 1"),
        (["watch", "a", "--fps", "0"], "0 is not a number over 0"),
        (["status", "--server", "localhost"], "'localhost' is no gRPC address: write HOST:PORT"),
        (["status", "--server", "127.0.0.1:65536"], "a port from 1 to 65535"),
        (["status", "--server", "http://127.0.0.1:8500"], "is no gRPC address"),
        (["status", "--json", "/"], "'/' is a folder: name a file in it"),
        (["status", "--json", "/none/of/it.json"], "there is no folder /none/of: make it, or name another"),
        (["segment", "a", "--out", __file__ + "/masks"], f"{__file__} is a file: name a folder"),
    ],
)
def test_wrong_use_ends_with_two(args: list[str], rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong value is refused with the rule it breaks."""
    with pytest.raises(SystemExit) as ended:
        main(args)
    assert ended.value.code == 2
    assert rule in capsys.readouterr().err


def test_models_are_listed(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Name, classes, and what each exit is worth and costs; "-" where nobody measured."""
    assert main(["models", "--server", server.address]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("scripted: segmentation, 3 classes, long side 2048")
    assert lines[2].split() == ["1", "exit", "1", "0.450", "-", "10.0"]
    assert lines[5].split() == ["4", "exit", "4", "-", "-", "-"]
    assert lines[6] == "  classes: sky, road, car"
    assert main(["models", "--server", server.address, "--json", "-"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert model["exits"][0] == {
        "name": "exit 1",
        "quality": pytest.approx(0.45),
        "miou": None,
        "cost_ms": 10.0,
    }


def test_the_status_is_shown(server: ScriptedServer, capsys: pytest.CaptureFixture[str]) -> None:
    """State, load, and what each stage costs."""
    assert main(["status", "--server", server.address]) == 0
    printed = capsys.readouterr().out
    assert f"{server.address}: ready, version 0.1.0, up 1 min 1 s, 2 in flight (0.0 MiB)" in printed
    assert "scripted: up, 0 restarts" in printed
    assert "  pose, 2 joints: head, foot" in printed
    assert "for 360 x 480 pixels (height x width)" in printed
    assert main(["status", "--server", server.address, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["workers"][0]["size"] == [360, 480]


def test_a_full_disk_is_one_sentence_with_the_name_of_the_file(
    server: ScriptedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The system's error names no file when a disk is full: the command does; status 1."""
    assert main(["models", "--server", server.address, "--json", "/dev/full"]) == 1
    assert capsys.readouterr().err == "interim: /dev/full: No space left on device\n"


def test_half_a_file_is_not_left_behind(tmp_path: Path) -> None:
    """What could not be written to its end is taken away; other errors touch nothing."""
    picture, kept = tmp_path / "half.png", tmp_path / "kept.png"
    for file, number in ((picture, errno.ENOSPC), (kept, errno.EACCES)):
        file.touch()
        with pytest.raises(OSError, match=file.name), named(file):
            raise OSError(number, os.strerror(number))
    assert [*tmp_path.iterdir()] == [kept]


@pytest.mark.parametrize(
    "text", ["[::1]:8500", "gpu-7.local:8500", "unix:/run/interim", "dns:///service:8500"]
)
def test_grpcs_own_names_are_addresses(text: str) -> None:
    """What gRPC can find is passed on as it is."""
    assert address(text) == text


def test_the_version_is_said(command: Command) -> None:
    """`interim --version` needs no server."""
    with command("--version") as process:
        out, _ = process.communicate(timeout=WAIT_S)
    assert out.startswith("interim ")
    assert process.returncode == 0


def test_rows_are_printed_as_they_arrive_and_ctrl_c_is_clean(
    server: ScriptedServer, street: Path, command: Command
) -> None:
    """The first row is there while the server still works; an interrupt is one line and no trace."""
    server.session = server.exit_1_and_silence
    with command("segment", str(street), "--server", server.address) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[2].split()[:3] == ["1", "of", "4"]
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=WAIT_S)
    assert error == "interim: interrupted\n"
    assert process.returncode == 130
    assert server.ended.get(timeout=WAIT_S)


def test_a_reader_that_leaves_is_no_crash(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`interim models | head -0`: the end of the pipe is the end of the command, without a trace."""
    (tmp_path / "file").touch()

    class Gone(io.TextIOWrapper):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    with (tmp_path / "file").open("wb") as behind:
        gone = Gone(behind)
        monkeypatch.setattr("sys.stdout", gone)
        assert main(["models", "--server", server.address]) == 1
        monkeypatch.undo()
