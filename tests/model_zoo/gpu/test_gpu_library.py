"""A network on a GPU runs on kernels only where they are proven, and the reason is said where not."""

from contextlib import nullcontext

import pytest
import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.execution import execution
from interim.model_zoo.gpu import library
from interim.model_zoo.gpu.target import Target, Tiling
from interim.model_zoo.native.kernels import Missing
from interim.model_zoo.registry import build

CUDA = torch.device("cuda", 0)


def reason(monkeypatch: pytest.MonkeyPatch, device: torch.device = CUDA) -> str:
    """Why a network has no kernels there."""
    found = library.load(build("hrnet-w18s"), dtype=torch.float32, masking=False, device=device)
    assert isinstance(found, Missing)
    return found.reason


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU of 2020, with Triton, nothing switched off."""
    monkeypatch.delenv("INTERIM_KERNELS", raising=False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))


def test_kernels_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on the CPU."""
    monkeypatch.setenv("INTERIM_KERNELS", "off")
    assert reason(monkeypatch) == "switched off by INTERIM_KERNELS=off"


def test_other_devices_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named as torch names them."""
    assert reason(monkeypatch, torch.device("mps")) == "there are no kernels for mps"


def test_a_machine_without_triton_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves without."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert reason(monkeypatch) == "the GPU kernels need Triton: install interim[gpu]"


def test_an_old_gpu_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no bfloat16."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    assert reason(monkeypatch) == "the GPU kernels need compute capability 8.0 or newer"


def test_whatever_a_compiler_raises_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own words, on one line."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of\n registers.")

    monkeypatch.setattr(library, "made", broken)
    monkeypatch.setattr(torch.cuda, "device", nullcontext)
    monkeypatch.setattr(Target, "of", lambda _: None)
    assert reason(monkeypatch) == "the GPU kernels cannot be used on sm80 (RuntimeError: out of registers)"


def test_torch_serves_where_kernels_do_not_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` goes on, `native` refuses."""
    monkeypatch.setattr(library, "load", lambda *_, **__: Missing("they are wrong"))
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, *_, **__: module)
    network = build("hrnet-w18s-adpc", fill="hold")
    made = execution(network, dtype=torch.float32, masking=True, device=CUDA)
    assert (made.path, made.note) == ("reference", "torch runs the network: they are wrong")
    with pytest.raises(BadInputError, match="cannot run natively: they are wrong"):
        execution(network, choice="native", dtype=torch.float32, masking=True, device=CUDA)


def test_a_tiling_depends_on_nothing_but_shapes_and_fits() -> None:
    """Programs keep within the shared memory; sums are split where there are few positions and many steps."""
    hopper = Target(device=CUDA, processors=132, shared_bytes=227 << 10)

    def tiling(outputs: int, depth: int, positions: int) -> Tiling:
        return hopper.tiling(outputs=outputs, depth=depth, positions=positions, dtype=torch.bfloat16)

    fine, coarse = tiling(48, 432, 256 * 512), tiling(384, 3456, 32 * 64)
    assert (fine.rows, fine.columns, fine.split) == (128, 64, 1)
    assert (coarse.rows, coarse.columns) == (64, 128)
    assert coarse.split > 1
    for each in (fine, coarse, tiling(24, 16, 64)):
        assert each.stages * (each.rows + each.columns) * each.depth * 2 <= hopper.shared_bytes
