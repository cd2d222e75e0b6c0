"""Where a figure was measured: machine, load, versions, commit. No figure is printed without it."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine and what ran on it. `load` is the average number of busy cores in the minute before."""

    machine: str
    cores: int
    load: float
    python: str
    torch: str
    commit: str

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_line(self) -> str:
        """One line for people."""
        return (
            f"{self.machine}, {self.cores} cores (load before: {self.load:.2f}), Python {self.python}, "
            f"torch {self.torch}, commit {self.commit}"
        )


def this_host() -> Host:
    """The machine this runs on, now."""
    return Host(
        machine=_processor(),
        cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        python=platform.python_version(),
        torch=_version("torch"),
        commit=_commit(),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _commit() -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
