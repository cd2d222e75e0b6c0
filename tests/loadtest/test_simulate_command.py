"""`interim-load simulate`: the figures it prints, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from interim.loadtest import simulate_command
from interim.loadtest.main import main
from interim.loadtest.suite import Terms, capacity, paired
from interim.loadtest.workloads import Workload
from interim.scheduling.policy import DEFAULT_POLICY, serving_names

RUN = ["simulate", "--suite", "published", "--quick", "--seeds", "2", "--processes", "1", "--policy", "fifo"]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scenarios of few requests."""
    works = tuple(Workload(name=f"poisson-{load:g}", kind="poisson", load=load) for load in (1.0, 4.0))
    monkeypatch.setattr("interim.loadtest.workloads.SUITES", {"published": lambda: works})
    monkeypatch.setattr(simulate_command, "REQUESTS", 20)


def test_the_json_has_a_row_for_each_scenario_and_policy(capsys: Any) -> None:
    """With shares from 0 to 1, the default policy first, and no capacity in the quick form."""
    assert main([*RUN, "--seed-base", "7", "--json", "-"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["suite"], facts["seeds"], facts["seed_base"]) == ("published", 2, 7)
    assert facts["default_policy"] == DEFAULT_POLICY in serving_names()
    named = [(row["scenario"], row["policy"]) for row in facts["rows"]]
    assert named == [(f"poisson-{load}", policy) for load in (1, 4) for policy in (DEFAULT_POLICY, "fifo")]
    for row in facts["rows"]:
        shares = [row[name] for name in ("lp_share", "lp_share_charged", "attainment", "admitted_share")]
        assert all(0 < share <= 1 for share in shares)
        assert row["admission"] == (row["policy"] == DEFAULT_POLICY)
        assert row["against_default"]["low"] <= row["against_default"]["mean"]
    assert facts["capacity"] == {}


def test_seeds_settle_the_figures(capsys: Any) -> None:
    """The same seeds give the same uncharged figures, others do not."""
    utilities = []
    for base in ("7", "7", "8"):
        main([*RUN, "--seed-base", base, "--json", "-"])
        utilities.append([row["utility"] for row in json.loads(capsys.readouterr().out)["rows"]])
    assert utilities[0] == utilities[1] != utilities[2]


def test_a_table_for_people_and_a_file_for_programs(tmp_path: Path, capsys: Any) -> None:
    """Every policy has a line in the overall part; the file holds the same seeds."""
    main([*RUN, "--json", str(tmp_path / "out.json")])
    table = capsys.readouterr().out
    assert "poisson-4" in table
    assert "mean %LP" in table
    assert json.loads((tmp_path / "out.json").read_text())["seeds"] == 2


def test_without_admission_nobody_is_refused(capsys: Any) -> None:
    """Whoever decides."""
    main([*RUN, "--no-admission", "--json", "-"])
    assert {row["admitted_share"] for row in json.loads(capsys.readouterr().out)["rows"]} == {1.0}


@pytest.mark.slow
def test_cells_may_be_worked_on_side_by_side(capsys: Any) -> None:
    """Two processes give what one gives, and every policy's capacity lies below the bound's."""
    arguments = ["simulate", "--seeds", "2", "--policy", "fifo", "--json", "-"]
    rows = []
    for processes in ("1", "2"):
        assert main([*arguments, "--processes", processes]) == 0
        facts = json.loads(capsys.readouterr().out)
        rows.append([row["utility"] for row in facts["rows"]])
        loads = {policy: capacity["0.60"] for policy, capacity in facts["capacity"].items()}
        assert loads["fifo"] < loads[DEFAULT_POLICY] < loads["lp"]
    assert rows[0] == rows[1]


def test_capacity_is_where_the_utility_falls_below() -> None:
    """Easier to reach means more load."""
    terms = Terms(policies=("fifo",), requests=20)
    assert capacity("fifo", [1, 2], terms, utility=0.7) < capacity("fifo", [1, 2], terms, utility=0.5)


def test_a_paired_interval_is_students() -> None:
    """Three differences 1, 2, 3: t of 2 degrees of freedom is 4.303."""
    assert paired([1.0, 2.0, 3.0]) == pytest.approx((2.0, -0.484, 4.484), abs=1e-3)
    assert paired([1.0]) == (1.0, None, None)


def test_wrong_use_is_status_2(capsys: Any) -> None:
    """A stage that takes no time, and a policy nobody knows."""
    assert main([*RUN, "--stage1-ms", "0"]) == 2
    assert "--stage1-ms must be a finite number above 0" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*RUN, "--policy", "best"])
    assert ended.value.code == 2


def test_requests_written_are_requests_simulated(tmp_path: Path, capsys: Any) -> None:
    """A file a scenario and seed; one of them simulated by itself gives a row a policy."""
    assert main([*RUN, "--write-requests", str(tmp_path)]) == 0
    assert len(list(tmp_path.iterdir())) == 4
    file = tmp_path / "poisson-4-5001.jsonl"
    assert main(["simulate", "--requests", str(file), "--policy", "fifo", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [(row["scenario"], row["policy"]) for row in rows] == [
        (file.stem, DEFAULT_POLICY),
        (file.stem, "fifo"),
    ]
    assert all(0 < row["lp_share"] <= 1 for row in rows)


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--quick"], "--quick is of suites"), (["--policy", "edf", "--policy", "fifo"], "name one --policy")],
)
def test_what_only_suites_have_is_refused_beside_a_scenario(
    options: list[str], says: str, capsys: Any
) -> None:
    """Nothing that was said is left out without a word."""
    assert main(["simulate", "--scenario", "steady", "--costs", "none.json", *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--quick", "--seed", "3"], "--seed is of a scenario"),
        (["--requests", "REQUESTS", "--quick"], "--quick is of suites"),
        (["--requests", "REQUESTS", "--seed", "0"], "--seed is of a scenario"),
    ],
)
def test_what_suites_have_not_is_refused(
    options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Likewise where policies are compared, on a suite or on the requests of a file."""
    write = ["--policy", "edf", "--seeds", "1", "--write-requests", str(tmp_path)]
    assert main(["simulate", *write]) == 0
    file = next(tmp_path.glob("*.jsonl"))
    given = [str(file) if each == "REQUESTS" else each for each in options]
    assert main(["simulate", *given]) == 2
    assert says in capsys.readouterr().err


def test_a_file_that_is_not_there_is_wrong_use(tmp_path: Path, capsys: Any) -> None:
    """One sentence with its name, status 2."""
    assert main(["simulate", "--requests", str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl cannot be read" in capsys.readouterr().err


def test_a_suite_of_capacities_has_no_rows(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the loads at which the mean utility falls to .60; also as a table."""
    monkeypatch.setattr("interim.loadtest.workloads.SUITES", {"capacity": tuple})
    monkeypatch.setattr("interim.loadtest.suite.capacity", lambda name, _seeds, _terms: float(len(name)))
    run = ["simulate", "--suite", "capacity", "--seeds", "1", "--processes", "1", "--policy", "fifo"]
    assert main([*run, "--json", "-"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["rows"] == []
    assert facts["capacity"] == {"plan": {"0.60": 4.0}, "fifo": {"0.60": 4.0}, "lp": {"0.60": 2.0}}
    assert main(run) == 0
    assert "fifo" in capsys.readouterr().out
