"""No kernel reads or writes out of bounds or does what C leaves undefined, and none has a warning."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from interim.model_zoo.native.compiler import FLAGS, LIBRARIES, SOURCES, Compiler, find
from interim.model_zoo.native.kernels import Kernels

ROOT = Path(__file__).parents[3]
SANITIZERS = (
    "-O0",  # three times as quick to compile as -O1, and unrolls nothing
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)
STRICT = ("-Wall", "-Wextra", "-Werror")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # sanitizers make compilers slow


@pytest.fixture
def compiler() -> Compiler:
    found = find()
    assert found is not None  # `kernels` has skipped where there is none
    return found


def build(compiler: Compiler, kernels: Kernels, *, flags: tuple[str, ...], library: Path) -> None:
    """All kernels of a path in one library."""
    command = [*compiler.command, *FLAGS, *kernels.instructions.flags, "-fopenmp", *STRICT, *flags]
    made = subprocess.run(
        [*command, "-shared", "-o", library, *sorted(SOURCES.glob("*.c")), *LIBRARIES],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr


def test_the_kernels_are_clean(kernels: Kernels, compiler: Compiler, tmp_path: Path) -> None:
    """The self-test and odd sizes, watched by the address and undefined-behaviour sanitizers."""
    runtime = subprocess.run(
        [*compiler.command, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not Path(runtime).is_absolute():
        pytest.skip("this compiler has no address sanitizer")
    library = tmp_path / "sanitized.so"
    build(compiler, kernels, flags=SANITIZERS, library=library)
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONPATH": str(ROOT / "model_zoo"),
        "OMP_NUM_THREADS": "1",
    }
    program = Path(__file__).with_name("sanitized.py")
    ran = subprocess.run(
        [sys.executable, program, library, kernels.path],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert ran.stdout == "clean\n"
