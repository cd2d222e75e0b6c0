"""`interim-load run` against a server over loopback: figures, JSON, exit status, wrong use."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interim.loadtest.main import main
from interim.loadtest.pictures import draw_picture

SCENARIO = """\
duration_s = 0.2
picture_px = [32, 24]
max_exit = {max_exit}
class = "batch"

[arrivals]
process = "regular"
rate_hz = 60

[budget]
distribution = "choice"
values_ms = [{values}]
"""


def written(folder: Path, *, values: str = "0.5, 1.5, 5000", max_exit: int = 0) -> str:
    path = folder / "mine.toml"
    path.write_text(SCENARIO.format(values=values, max_exit=max_exit))
    return str(path)


def facts(capsys: Any) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def test_a_run_accounts_for_every_request(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """Sent = answered + no exit + refused, as the server was scripted; the server saw what was planned."""
    target, script = scripted
    status = main(["run", "--scenario", written(tmp_path), "--server", target, "--json", "-"])
    figures = facts(capsys)
    kinds = [min(int(frame.budget_ms), 2) for frame in script.frames]
    assert figures["sent"] == len(kinds) == 12
    assert figures["refused"] == {"deadline": kinds.count(0)}
    assert (figures["no_exit"], figures["answered"]) == (kinds.count(1), kinds.count(2))
    assert figures["exits"] == {"0": kinds.count(1), "4": kinds.count(2)}
    assert {frame.request_class for frame in script.frames} == {"batch"}
    assert status == (1 if figures["void"] else 0)


@pytest.mark.slow
def test_the_seed_settles_the_budgets(scripted: Any, tmp_path: Path) -> None:
    """Two runs of one seed send the same budgets; `--seed`, `--rate` and `--duration-s` change what they say."""
    target, script = scripted
    values = ", ".join(str(5000 + 100 * step) for step in range(20))
    run = ["run", "--scenario", written(tmp_path, values=values), "--server", target]
    for arguments in ([], [], ["--seed", "2"], ["--rate", "20", "--duration-s", "0.1"]):
        main([*run, *arguments])
    budgets = [frame.budget_ms for frame in script.frames]
    first, again, other = (sorted(budgets[at : at + 12]) for at in (0, 12, 24))  # a busy server may swap two
    assert first == again != other
    assert len(budgets) == 36 + 2


def test_a_table_for_people_and_json_for_programs(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """Without `--json -` the table is printed; a JSON file holds the same figures and the scenario."""
    target, _ = scripted
    scenario = written(tmp_path, values="5000", max_exit=2)
    main(["run", "--scenario", scenario, "--server", target, "--json", str(tmp_path / "out.json")])
    table = capsys.readouterr().out
    figures = json.loads((tmp_path / "out.json").read_text())
    assert "exit 2: 12" in table
    assert figures["exits"] == {"2": 12}
    assert figures["scenario"]["arrivals"] == {"process": "regular", "rate_hz": 60.0}
    assert figures["server"] == target


def test_requests_written_are_requests_sent(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """`--write-requests` sends nothing; `--requests` sends that very file, with or without its scenario."""
    target, script = scripted
    scenario, file = written(tmp_path), tmp_path / "requests.jsonl"
    assert main(["run", "--scenario", scenario, "--write-requests", str(file)]) == 0
    assert not script.frames
    main(["run", "--scenario", scenario, "--server", target])
    main(["run", "--requests", str(file), "--server", target, "--json", "-"])
    budgets = [round(frame.budget_ms, 3) for frame in script.frames]
    assert sorted(budgets[:12]) == sorted(budgets[12:])
    out = capsys.readouterr().out
    figures = json.loads(out[out.index("{") :])
    assert figures["name"] == "requests"
    assert len(figures["requests"]["index"]) == 12


def test_labels_beside_pictures_score_the_answers(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """Half of each mask is wrong: the score is of the masks that came, not of the exits they came from."""
    target, script = scripted
    script.mask[:, :2] = 1
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(draw_picture(4, 3))
        Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / f"{name}.png")
    text = SCENARIO.format(values="0.5, 5000", max_exit=0)
    path = tmp_path / "labelled.toml"
    path.write_text(f'pictures = ["a.jpg", "b.jpg"]\nlabels = "."\n{text}')
    main(["run", "--scenario", str(path), "--server", target, "--json", "-"])
    figures = facts(capsys)
    assert figures["quality_from"] == "labels"
    assert figures["utility"] == pytest.approx(0.5 * figures["answered"] / figures["sent"])
    assert set(figures["requests"]["quality"]) == {0.0, 0.5}


def test_requests_may_share_streams(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """Two long-lived streams carry all requests, and every one is still told apart."""
    target, script = scripted
    path = tmp_path / "shared.toml"
    path.write_text(SCENARIO.format(values="0.5, 5000", max_exit=0) + "[streams]\ncount = 2\n")
    main(["run", "--scenario", str(path), "--server", target, "--json", "-"])
    figures = facts(capsys)
    kinds = [frame.budget_ms < 1 for frame in script.frames]
    assert (len(kinds), script.sessions) == (12, 2)
    assert (figures["refused"], figures["answered"]) == ({"deadline": sum(kinds)}, 12 - sum(kinds))


@pytest.mark.slow
def test_senders_share_the_requests(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """Two processes send what one would, each request once, and the report is of all of them."""
    target, script = scripted
    main(["run", "--scenario", written(tmp_path), "--server", target, "--processes", "2", "--json", "-"])
    figures = facts(capsys)
    assert figures["sent"] == len(script.frames) == 12
    assert figures["requests"]["index"] == list(range(12))
    assert figures["processes"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_ends_with_what_was_measured(scripted: Any, tmp_path: Path, processes: str) -> None:
    """No more is sent, the figures of what was sent are written, and the status says that it is not all."""
    target, script = scripted
    out = tmp_path / "out.json"
    run = ["run", "--scenario", "steady", "--rate", "20", "--duration-s", "60", "--server", target]
    command = [sys.executable, "-m", "interim.loadtest.main", *run, "--json", str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([*command, "--processes", processes], env=environment)
    give_up_s = time.monotonic() + 60
    while len(script.frames) < 3 and time.monotonic() < give_up_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    figures = json.loads(out.read_text())
    assert figures["interrupted"]
    assert 3 <= figures["sent"] < figures["planned"]


@pytest.fixture
def camera(tmp_path: Path) -> list[str]:
    """The options that name a clip of three frames with labels."""
    (tmp_path / "list.txt").write_text("a\nb\nc\n")
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(draw_picture(4, 3))
        Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / f"{name}.png")
    named = {"--frames": tmp_path / "list.txt", "--images": tmp_path, "--labels": tmp_path}
    return ["run", "--scenario", "clip", *(str(part) for pair in named.items() for part in pair)]


@pytest.mark.slow
def test_ctrl_c_ends_a_clip_with_what_was_measured(scripted: Any, camera: list[str], tmp_path: Path) -> None:
    """The frames that were sent are reported and scored, and the status says that these are not all."""
    target, script = scripted
    out = tmp_path / "out.json"
    options = ["--server", target, "--fps", "0.1", "--budget-ms", "5000", "--json", str(out)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "interim.loadtest.main", *camera, *options], env=environment
    )
    give_up_s = time.monotonic() + 60
    while not script.frames and time.monotonic() < give_up_s:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    figures = json.loads(out.read_text())
    assert (figures["interrupted"], figures["frames"], figures["miou_delivered"]) == (True, 1, 1.0)


def test_a_clip_is_scored(scripted: Any, camera: list[str], capsys: Any) -> None:
    """The frames go out on one session and both scores come back beside the counts."""
    target, script = scripted
    status = main(
        [*camera, "--server", target, "--fps", "20", "--budget-ms", "5000", "--newest-wins", "--json", "-"]
    )
    figures = facts(capsys)
    assert (figures["frames"], figures["answered"], figures["masks"]) == (3, 3, 12)
    assert (figures["miou_delivered"], figures["miou_streaming"]) == (1.0, 1.0)
    assert figures["summary"]["exits"] == {"4": 3}
    assert all(frame.newest_wins and frame.budget_ms == 5000 for frame in script.frames)
    assert status == (1 if figures["summary"]["void"] else 0)


def test_a_wrong_mask_lowers_the_score(scripted: Any, camera: list[str], capsys: Any) -> None:
    """The score is of what the server sent, not of the labels alone."""
    target, script = scripted
    script.mask[:, :2] = 7
    main([*camera, "--server", target, "--fps", "20", "--budget-ms", "5000", "--json", "-"])
    assert facts(capsys)["miou_delivered"] == 0.5


def test_a_model_that_is_not_there_ends_the_run_before_it_begins(
    scripted: Any, camera: list[str], tmp_path: Path, capsys: Any
) -> None:
    """One sentence, status 2, and nothing was sent: not of requests, not of a clip."""
    target, script = scripted
    path = tmp_path / "mine.toml"
    path.write_text('model = "absent"\n' + SCENARIO.format(values="5000", max_exit=0))
    (tmp_path / "camera.toml").write_text('kind = "clip"\nmodel = "absent"\nfps = 5\nbudget_ms = 50\n')
    clip = [*camera[:2], str(tmp_path / "camera.toml"), *camera[3:]]
    for run in (["run", "--scenario", str(path)], clip):
        assert main([*run, "--server", target]) == 2
        assert "no model 'absent'; there is scripted" in capsys.readouterr().err
    assert not script.frames


def test_no_server_is_a_failure(tmp_path: Path, capsys: Any) -> None:
    """Nobody listens there: one sentence, status 1."""
    assert main(["run", "--scenario", written(tmp_path), "--server", "127.0.0.1:9"]) == 1
    assert "127.0.0.1:9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scenario", "stedy"], "There is no scenario 'stedy'"),
        (["--scenario", "steady", "--server", "example.org:8500"], "say --allow-remote"),
        (["--scenario", "steady", "--fps", "5"], "--fps does not go with the scenario 'steady'"),
        (["--scenario", "steady", "--newest-wins"], "--newest-wins does not go with the scenario 'steady'"),
        (["--scenario", "clip", "--rate", "5"], "--rate does not go with the scenario 'clip'"),
        (["--scenario", "clip"], "give --frames LIST and --images DIR"),
        ([], "give --scenario FILE|NAME, or --requests FILE"),
        (["--requests", "some.jsonl", "--rate", "5"], "--requests says when each request is sent"),
        (["--requests", "absent.jsonl"], "absent.jsonl cannot be read"),
    ],
)
def test_wrong_use_is_status_2(arguments: list[str], says: str, capsys: Any) -> None:
    """A wrong name, target or option: one sentence that says what to do, status 2."""
    assert main(["run", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rate", "0"],
        ["--rate", "nan"],
        ["--seed", "x"],
        ["--seed", "-1"],
        ["--server", "localhost"],
        ["--json", "/none/of/it.json"],
        ["--bogus"],
    ],
)
def test_a_wrong_option_is_status_2(arguments: list[str], capsys: Any) -> None:
    """What cannot be read as an option's value ends with status 2, as every wrong use does."""
    with pytest.raises(SystemExit) as ended:
        main(["run", "--scenario", "steady", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_file_that_cannot_be_written_after_all_is_one_line(capsys: Any) -> None:
    """A disk that is full: its name and why, status 1; the table was printed before."""
    words = ["fleet", "--devices", "1", "--rate", "5", "--duration-s", "1", "--json", "/dev/full"]
    assert main([*words, "--router", "random"]) == 1
    printed = capsys.readouterr()
    assert printed.err == "interim-load: /dev/full: No space left on device\n"
    assert "random" in printed.out


def test_the_version_is_said(capsys: Any) -> None:
    """`interim-load --version` needs no command."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("interim-load ")


def test_only_what_exists_is_offered(capsys: Any) -> None:
    """`--help` lists the built-in scenarios, and no command that is still to come."""
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    help_text = capsys.readouterr().out.replace(",", " ").split()
    assert {"bursts", "clip", "day", "overload-step", "promises", "steady", "step"} <= set(help_text)
    with pytest.raises(SystemExit):
        main(["profile"])
    assert "invalid choice" in capsys.readouterr().err
