"""The kernels compile for GPUs; the interpreter neither types them nor knows how much memory there is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="Triton is not installed: install interim[gpu]")

ROOT = Path(__file__).parents[3]
KERNELS = 9
SHARED_BYTES = {80: 163 << 10, 90: 227 << 10}
"""What a program may have: CUDA C++ Programming Guide, compute capabilities."""


@pytest.mark.slow
@pytest.mark.timeout(600)  # a minute of compiling, on a busy machine more
@pytest.mark.parametrize("capability", SHARED_BYTES)
def test_every_kernel_compiles_and_fits(capability: int, tmp_path: Path) -> None:
    """With the widths of the largest network."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    paths = f"{ROOT / 'model_zoo'}:{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.model_zoo.gpu.compiled", str(capability)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | {"PYTHONPATH": paths, "TRITON_CACHE_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    shared = dict(line.split() for line in done.stdout.splitlines())
    assert len(shared) == KERNELS
    assert all(int(size) <= SHARED_BYTES[capability] for size in shared.values()), shared
