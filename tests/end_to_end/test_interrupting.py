"""Ctrl-C while a program still imports what it needs: the end, without a word."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.end_to_end.conftest import FOLDERS, ROOT

pytestmark = pytest.mark.slow

INTERRUPTED = 130
PROGRAMS = {
    "interim": ["models", "--server", "127.0.0.1:9"],
    "interim_load": ["simulate", "--quick"],
    "interim_zoo": ["bench", "default"],
    "interim_server": ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"],
}
MOMENTS_S = (0.05, 0.3, 0.7, 1.5)


def interrupted(program: str, after_s: float, folder: Path) -> tuple[int, str]:
    """Status and words of a program whose terminal sends Ctrl-C so long after its begin."""
    begin = f"from interim.programs import {program}; print(flush=True); raise SystemExit({program}())"
    paths = os.pathsep.join(str(ROOT / each) for each in FOLDERS)
    process = subprocess.Popen(
        [sys.executable, "-c", begin, *PROGRAMS[program]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after_s)
    os.killpg(process.pid, signal.SIGINT)  # a zombie takes it as well
    try:
        _, error = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whoever did not hear
        process.communicate()
    return process.returncode, error


@pytest.mark.parametrize("program", PROGRAMS)
def test_ctrl_c_at_the_start_is_quiet(program: str, tmp_path: Path) -> None:
    """Whenever it comes in the first second and a half, no trace: status 130, or its own where it was done.

    What is imported may catch an exception, turn it into another or print it: no program goes on for that.
    """
    for after_s in MOMENTS_S:
        status, error = interrupted(program, after_s, tmp_path)
        assert "Traceback" not in error, (after_s, error)
        assert status == INTERRUPTED or "no server answers" in error, (after_s, status, error)
        if after_s == MOMENTS_S[0]:
            assert (status, error) == (INTERRUPTED, "")


def test_a_program_that_was_told_to_ignore_ctrl_c_does(tmp_path: Path) -> None:
    """In the background of a script it is not the terminal's to end."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status, error = interrupted("interim", 0.05, tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert status == 1
    assert "no server answers" in error
