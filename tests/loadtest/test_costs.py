"""What a server carries: measured through it, said by it, written and read."""

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from interim.client import Model, Refinement, StageCost, Status, Worker
from interim.client.catalogue import Exit
from interim.loadtest.carried import Carried
from interim.loadtest.costs import Costs, costs_of, read_costs, write_costs
from interim.loadtest.entries import ScenarioError
from interim.loadtest.main import main
from interim.loadtest.measuring import measure, stages, steps
from interim.loadtest.pictures import draw_picture

COSTS = Costs(
    model="m",
    quality=(0.4, 0.7),
    exit1_hz=50.0,
    full_hz=20.0,
    full_ms=55.0,
    pictures=((20.0, 30.0), (24.0, 32.0)),
    shares=((1.0, 0.4), (1.0, 0.6)),
    noise=((1.0, 0.9, 1.1), (1.0,)),
    ready_ms=(2.0, 3.0),
    after_ms=1.0,
    margin_ms=2.0,
    least_ms=40.0,
)


@pytest.mark.parametrize("doubtful", [False, True])
def test_a_measurement_goes_through_the_server(scripted: Any, doubtful: bool) -> None:
    """Rates are of requests answered; stages and full runs are as the server says: 2 ms an exit.

    A budget below 1 ms has no hope there, though a server in doubt says first that one may try again.
    """
    target, script = scripted
    script.doubtful = doubtful
    done: list[None] = []
    pictures = [draw_picture(8, 6, seed=seed) for seed in (1, 2)]
    costs = asyncio.run(measure(target, pictures, seconds=0.2, done=lambda: done.append(None)))
    assert len(done) == steps(pictures) == 7
    assert (costs.model, costs.full_ms, len(costs.pictures)) == ("scripted", 8.0, 2)
    assert costs.quality == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert costs.share == (1.0, 0.0, 0.0, 0.0)
    assert all(ms > 0 for ms in costs.stage_ms)
    assert len(costs.noise) == len(costs.stage_ms) == 4
    assert costs.least_ms == pytest.approx(1.0, abs=0.05)
    assert costs.exit1_hz > 0 < costs.full_hz
    assert {frame.max_exit for frame in script.frames} == {0, 1}


def test_what_is_carried_counts_whole_turns() -> None:
    """Whatever order requests of a turn end in, their number and its length say how many a second."""
    carried = Carried()
    carried.ended(10.0, [11.0, 10.5, 10.9])
    carried.ended(20.0, [21.0])
    assert carried.hz == 2.0
    assert carried.gaps_ms == pytest.approx([400.0, 100.0])


def handed_over(*pairs: tuple[int, float]) -> list[Refinement]:
    return [Refinement(request_id="", exit=exit_, exits=4, elapsed_ms=ms) for exit_, ms in pairs]


def test_an_exit_that_was_overtaken_shares_the_time() -> None:
    """A stream may skip exits, and end before the last: there is a time for every stage all the same."""
    assert stages(handed_over((1, 5.0), (2, 8.0), (3, 9.0), (4, 19.0))) == (5.0, 3.0, 1.0, 10.0)
    assert stages(handed_over((1, 5.0), (4, 11.0))) == (5.0, 2.0, 2.0, 2.0)
    assert stages(handed_over((2, 6.0), (3, 7.0))) == (3.0, 3.0, 1.0, 0.0)


def test_means_are_of_all_pictures() -> None:
    """Stage by stage."""
    assert COSTS.stage_ms == pytest.approx((22.0, 31.0))
    assert COSTS.share == pytest.approx((1.0, 0.5))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Also from a run that measured them: the same entry `costs`."""
    path = tmp_path / "costs.json"
    write_costs(path, COSTS)
    assert read_costs(path) == COSTS
    path.write_text(json.dumps({"sent": 3, "costs": COSTS.as_json()}))
    assert read_costs(path) == COSTS


@pytest.mark.parametrize(
    "change",
    [
        {"pictures": []},
        {"pictures": [[1, 2], [3]]},
        {"noise": [[1.0], []]},
        {"full_hz": 0},
        {"quality": None},
        {"exit1_hz": "x"},
    ],
)
def test_what_is_no_costs_is_told(tmp_path: Path, change: dict[str, Any]) -> None:
    """Any other file: one sentence that says how to write one."""
    path = tmp_path / "costs.json"
    path.write_text(json.dumps({"costs": {**COSTS.as_json(), **change}}))
    with pytest.raises(ScenarioError, match=r"costs\.json holds no costs: write them with"):
        read_costs(path)


WORKER = Worker(
    model="m",
    device="cpu",
    dtype="float32",
    execution="own",
    masking=True,
    threads=1,
    up=True,
    restarts=0,
    longest_slice_ms=1.0,
    stages=(StageCost(exit="a", mean_ms=20.0, p99_ms=24.0), StageCost(exit="b", mean_ms=30.0, p99_ms=33.0)),
    size=(64, 96),
)
STATUS = Status(
    version="1", uptime_s=1.0, ready=True, draining=False, in_flight=0, bytes_in_flight=0, workers=(WORKER,)
)
EXITS = tuple(
    Exit(name=name, quality=quality, miou=None, cost_ms=None) for name, quality in (("a", 0.4), ("b", 0.7))
)
MODEL = Model(
    name="m", task="segmentation", classes=(), exits=EXITS, long_side=0, threshold=0.9, masking=True
)


def test_a_server_says_its_costs_itself() -> None:
    """Means and 99th percentiles of its status, the quality of its model."""
    costs = costs_of(STATUS, MODEL)
    assert costs.quality == (0.4, 0.7)
    assert costs.stage_ms == pytest.approx((20.0, 30.0))
    assert [max(noise) for noise in costs.noise] == pytest.approx([1.2, 1.1])
    assert (costs.exit1_hz, costs.full_hz) == (50.0, 20.0)
    with pytest.raises(ScenarioError, match="does not say what the stages of 'other' cost"):
        costs_of(STATUS, dataclasses.replace(MODEL, name="other"))


def test_measure_writes_what_run_and_simulate_read(scripted: Any, tmp_path: Path, capsys: Any) -> None:
    """One file settles a scenario that is told in shares, for the server and for the simulator."""
    target, script = scripted
    costs, sim = tmp_path / "costs.json", tmp_path / "sim.json"
    measured = ["measure", "--server", target, "--seconds", "0.1", "--json", str(costs)]
    assert main(measured) == 0
    assert "carries to exit 1" in capsys.readouterr().out
    scenario = tmp_path / "relative.toml"
    scenario.write_text(
        'duration_s = 0.5\nbudgets_in = "runs"\n[arrivals]\nprocess = "poisson"\nload_of = "exit 1"\n'
        'load = 0.1\n[budget]\ndistribution = "constant"\nruns = 10\n'
    )
    named = ["--scenario", str(scenario), "--costs", str(costs)]
    before = len(script.frames)
    main(["run", *named, "--server", target])
    assert {frame.budget_ms for frame in script.frames[before:]} == {80.0}
    assert main(["simulate", *named, "--json", str(sim)]) == 0
    assert main(["report", str(sim)]) == 0
    figures = json.loads(sim.read_text())
    assert figures["sent"] == len(script.frames) - before
    assert figures["simulated"]
    assert figures["scenario"]["arrivals"]["process"] == "poisson"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--scenario", "step"], "add --measure, or --costs"),
        (["simulate", "--scenario", "step"], "Nobody says what stages take"),
        (["simulate", "--scenario", "step", "--costs", "none.json"], "none.json cannot be read"),
        (["measure", "--scenario", "clip"], "A clip has no requests"),
        (["measure", "--seconds", "0"], "--seconds must be a finite number above 0"),
        (["measure", "--server", "example.org:1"], "say --allow-remote"),
        (["run", "--scenario", "clip", "--costs", "x"], "--costs does not go with the scenario 'clip'"),
    ],
)
def test_wrong_use_is_status_2(arguments: list[str], says: str, capsys: Any) -> None:
    """One sentence that says what to do."""
    assert main(arguments) == 2
    assert says in capsys.readouterr().err
