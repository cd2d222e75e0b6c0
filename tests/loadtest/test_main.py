"""`interim-load run` against a server over loopback: figures, JSON, exit status, wrong use."""

import json
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


@pytest.fixture
def camera(tmp_path: Path) -> list[str]:
    """The options that name a clip of three frames with labels."""
    (tmp_path / "list.txt").write_text("a\nb\nc\n")
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(draw_picture(4, 3))
        Image.fromarray(np.zeros((3, 4), np.uint8)).save(tmp_path / f"{name}.png")
    named = {"--frames": tmp_path / "list.txt", "--images": tmp_path, "--labels": tmp_path}
    return ["run", "--scenario", "clip", *(str(part) for pair in named.items() for part in pair)]


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
    ],
)
def test_wrong_use_is_status_2(arguments: list[str], says: str, capsys: Any) -> None:
    """A wrong name, target or option: one sentence that says what to do, status 2."""
    assert main(["run", *arguments]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rate", "nan"], ["--seed", "x"], ["--bogus"]])
def test_a_wrong_option_is_status_2(arguments: list[str], capsys: Any) -> None:
    """What cannot be read as an option's value ends with status 2, as every wrong use does."""
    with pytest.raises(SystemExit) as ended:
        main(["run", "--scenario", "steady", *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_only_what_exists_is_offered(capsys: Any) -> None:
    """`--help` lists the built-in scenarios, and no command that is still to come."""
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "clip, mixed-budgets, steady" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["compare"])
    assert "invalid choice" in capsys.readouterr().err
