"""scripts/bench on a real server: each measurement runs to its end and says what it promises to say."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interim.loadtest.pictures import draw_picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A data folder of a few drawn frames with labels, so that no data pack is needed."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    names = [f"frame{index:02}" for index in range(12)]
    (tmp_path / "val.txt").write_text("\n".join(names))
    for seed, name in enumerate(names):
        (tmp_path / "images" / f"{name}.jpg").write_bytes(draw_picture(240, 180, seed=seed))
        Image.fromarray(np.full((180, 240), seed % 11, np.uint8)).save(tmp_path / "labels" / f"{name}.png")
    return tmp_path


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable}
    command = [str(ROOT / "scripts" / "bench"), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=110, check=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("benchmark", "figures"),
    [
        ("deadlines", {"budgets_ms", "full_ms", "alone", "together"}),
        ("verdicts", {"idle", "computing", "verdict_p99_ms"}),
        ("stops", {"in_time", "client_ms", "floor_ms", "computing"}),
        ("overhead", {"request_ms", "bare_ms", "ratio"}),
        ("clip", {"steady", "hurried", "exit_1_ms", "hurried_fps"}),
        ("steps", {"step", "overload-step"}),
        ("paths", {"torch", "kernels"}),
        ("promises", {"rate_hz", "full_hz", "exit1_hz", "busy_cores", "late"}),
    ],
)
def test_a_benchmark_measures_and_judges(benchmark: str, figures: set[str], drawn: Path) -> None:
    """It starts and stops its own server, prints JSON, and its status says whether every promise was kept.

    Whether they are kept is not asserted: that hangs on the machine.
    """
    patient = ["--budget-ms", "3000"] if benchmark == "clip" else []
    done = bench(benchmark, *patient, "--quick", "--data", str(drawn), "--json", "-")
    assert done.stdout, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    assert facts["holds"] == (done.returncode == 0)
    assert figures <= facts.keys()
    assert {"machine", "load", "torch", "commit"} <= facts["host"].keys()
    assert {"model", "dtype", "threads"} <= facts["server"].keys()
    assert all(check["measured"] is not None for check in facts["checks"])
    truths = [check for check in facts["checks"] if "deepest" in check["promise"]]
    assert all(check["holds"] for check in truths)  # no matter how slow the machine is


@pytest.mark.slow
def test_a_server_that_does_not_start_is_told(drawn: Path) -> None:
    """Words after `--` go to the server; what it says before it ends is shown, status 1."""
    done = bench("overhead", "--quick", "--data", str(drawn), "--", "--model", "no-such-model")
    assert done.returncode == 1
    assert "no-such-model" in done.stderr


def test_wrong_use_of_the_bench_is_status_2() -> None:
    """An unknown benchmark: argparse's sentence and status 2."""
    done = bench("speed")
    assert done.returncode == 2
    assert "invalid choice" in done.stderr
