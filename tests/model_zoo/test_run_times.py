"""What ways to run a network take is measured, and the quickest runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from interim.model_zoo import execution as executions
from interim.model_zoo import registry
from interim.model_zoo.anytime import State
from interim.model_zoo.execution import execution
from interim.model_zoo.native import library
from interim.model_zoo.native.kernels import Kernels
from interim.model_zoo.native.processor import AMX
from interim.model_zoo.run_times import ROUNDS, run_times

if TYPE_CHECKING:
    from torch import Tensor

    from interim.model_zoo.anytime import AnytimeModel

CPU = torch.device("cpu")


class Clock:
    """Stands still but for what models take."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Timed:
    """A model of one stage that takes so long each time."""

    spec = replace(registry.build("hrnet-w18s-adpc").spec, exits=(None,))  # type: ignore[arg-type]

    def __init__(self, clock: Clock, *seconds: float) -> None:
        self._clock, self._seconds = clock, list(seconds)

    def start(self, images: Tensor) -> State:
        return State((images,))

    def stage(self, exit_: int, state: State) -> Any:
        self._clock.now_s += self._seconds.pop(0)
        return state
        yield


def test_first_runs_do_not_count_and_the_median_does() -> None:
    """One slow first run, and one that a stall made slow, say nothing."""
    clock = Clock()
    steady = Timed(clock, *[0.02] * (ROUNDS + 1))
    quick = Timed(clock, 1.0, 0.01, 0.01, 0.5, *[0.01] * (ROUNDS - 3))
    assert run_times([steady, quick], clock=clock) == pytest.approx([0.02, 0.01])


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[list[AnytimeModel]]:
    """On a machine that seems to have a matrix unit: what was compared; the last is the quickest."""
    here = library.load("")
    if not isinstance(here, Kernels) or "bfloat16" not in here.dtypes:
        pytest.skip("no kernels compute in bfloat16 here")
    seen: list[list[AnytimeModel]] = []

    def load(wanted: str | None = None) -> Kernels:
        return here if wanted else replace(here, instructions=replace(here.instructions, name=AMX.name))

    def times(models: list[AnytimeModel]) -> list[float]:
        seen.append(models)
        return [0.03, 0.02, 0.01]

    monkeypatch.delenv("INTERIM_KERNELS", raising=False)
    monkeypatch.setattr(library, "load", load)
    monkeypatch.setattr(executions, "run_times", times)
    return seen


def test_beside_a_matrix_unit_auto_compares(compared: list[list[AnytimeModel]]) -> None:
    """Its kernels, those without it, and torch; the winner runs."""
    network = registry.build("hrnet-w18s-adpc", fill="hold").eval()
    made = execution(network, dtype=torch.bfloat16, masking=True, device=CPU)
    assert [len(models) for models in compared] == [3]
    assert (made.path, made.masking) == ("dense", False)
    assert made.note == "chosen by time for 256x512: native-amx 30.0 ms, native-avx512 20.0 ms, dense 10.0 ms"


@pytest.mark.parametrize("forced", ["choice", "path"])
def test_what_was_asked_for_is_not_compared(
    compared: list[list[AnytimeModel]], monkeypatch: pytest.MonkeyPatch, forced: str
) -> None:
    """Neither the kernels, nor one path of them."""
    if forced == "path":
        monkeypatch.setenv("INTERIM_KERNELS", "amx")
    network = registry.build("hrnet-w18s-adpc", fill="hold").eval()
    choice = "native" if forced == "choice" else "auto"
    made = execution(network, choice=choice, dtype=torch.bfloat16, masking=True, device=CPU)
    assert made.path == "native-amx"
    assert not compared
