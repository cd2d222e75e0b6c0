"""The right kernels for the processor, tested, or one sentence why there are none."""

import ctypes
import dataclasses
from pathlib import Path

import pytest

from interim.model_zoo.native import library
from interim.model_zoo.native.kernels import Kernels, Missing
from interim.model_zoo.native.library import KernelChoiceError, load
from interim.model_zoo.native.processor import AMX, AVX2, AVX512, AVX512_FP32, SETS, words
from interim.model_zoo.native.selftest import fault

ANY = frozenset().union(*(each.needs for each in SETS))


@pytest.fixture(autouse=True)
def _free_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERIM_KERNELS", raising=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """With a processor that has everything and a compiler that makes nothing: the flags it was given."""
    flags: list[tuple[str, ...]] = []

    def compiled(given: tuple[str, ...], *, processor: str) -> Path:
        flags.append(given)
        return Path(f"/nowhere/{len(given)}.so")

    monkeypatch.setattr(library, "words", lambda: ANY)
    monkeypatch.setattr(library, "compiled", compiled)
    return flags


@pytest.mark.parametrize(
    ("wanted", "flags"),
    [
        ("", AMX.flags),
        ("amx", AMX.flags),
        ("avx512", AVX512.flags),
        ("avx512-fp32", AVX512_FP32.flags),
        ("avx2", AVX2.flags),
    ],
)
def test_the_best_path_is_taken_unless_one_is_forced(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch, wanted: str, flags: tuple[str, ...]
) -> None:
    """INTERIM_KERNELS decides where it is set."""
    monkeypatch.setenv("INTERIM_KERNELS", wanted)
    load()
    assert asked[0] == flags
    assert len(asked) == 1 or not wanted


def test_a_path_that_cannot_be_had_gives_way_to_the_next(asked: list[tuple[str, ...]]) -> None:
    """Whether its compiler is too old or it fails its test; the first reason is told when all are tried."""
    found = load()
    assert asked == [each.flags for each in SETS]
    assert isinstance(found, Missing)
    assert f"/{len(AMX.flags)}.so" in found.reason or f" {len(AMX.flags)}.so" in found.reason


def test_a_system_may_keep_the_matrix_unit_to_itself(
    kernels: Kernels, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has to be asked for, and containers may refuse it."""

    class Withholding(dict[str, object]):
        def matrix_permitted(self) -> int:
            return 0

    monkeypatch.setenv("INTERIM_KERNELS", "amx")
    monkeypatch.setattr(library, "compiled", lambda flags, **_: Path("/withheld/by the system.so"))
    monkeypatch.setattr(ctypes, "CDLL", lambda path: Withholding())
    assert load() == Missing("the system does not let this process use AMX")


def test_a_processor_without_bfloat16_keeps_its_wide_vectors(
    asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32; what the compiler is told lets no such instruction in."""
    monkeypatch.setattr(library, "words", lambda: ANY - {"avx512_bf16"})
    load()
    assert asked[0] == AVX512_FP32.flags
    assert not any("bf16" in flag for flag in AVX512_FP32.flags)


def test_off_is_a_reason(asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled."""
    monkeypatch.setenv("INTERIM_KERNELS", "off")
    assert load() == Missing("switched off by INTERIM_KERNELS=off")
    assert not asked


def test_a_path_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forces a path wants that one, so nothing else is taken."""
    monkeypatch.setenv("INTERIM_KERNELS", "fast")
    with pytest.raises(KernelChoiceError, match="fast is none: set off, amx, avx512, avx512-fp32, avx2, or"):
        load()


def test_forcing_what_the_processor_lacks_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would end in an illegal instruction."""
    monkeypatch.setattr(library, "words", lambda: AVX2.needs)
    monkeypatch.setenv("INTERIM_KERNELS", "avx512")
    with pytest.raises(KernelChoiceError, match="needs avx512_bf16, avx512bw"):
        load()


def test_an_unknown_processor_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing of itself, or has neither set."""
    monkeypatch.setattr(library, "words", frozenset)
    assert load() == Missing("the kernels need x86 with AVX2 at least")


def test_no_compiler_and_an_empty_cache_are_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What serves then is torch; nothing is raised."""
    monkeypatch.setattr(library, "words", lambda: ANY)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("INTERIM_CACHE_DIR", str(tmp_path))
    found = load()
    assert isinstance(found, Missing)
    assert found.reason.startswith("no C compiler was found")


def test_a_library_that_cannot_be_loaded_is_a_reason(asked: list[tuple[str, ...]]) -> None:
    """The file is named, so that one can remove it."""
    found = load()
    assert isinstance(found, Missing)
    assert ".so cannot be used" in found.reason


def test_kernels_that_compute_wrongly_are_a_reason(
    kernels: Kernels, asked: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The self-test decides, and its words are in the reason."""
    monkeypatch.setattr(ctypes, "CDLL", lambda path: kernels.library)
    monkeypatch.setattr(library, "compiled", lambda flags, **_: Path(f"/wrong/{kernels.path}.so"))
    monkeypatch.setattr(library, "fault", lambda _: "halving in float32")
    assert load() == Missing(
        "the compiled kernels fail their test (halving in float32): this compiler or processor is not supported"
    )


def test_the_self_test_passes_here(kernels: Kernels) -> None:
    """On every path that this machine has."""
    assert fault(kernels) is None


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("conv_fp32", "convolution in float32"),
        ("interpolate_fp32", "interpolating in float32"),
        ("enlarge_fp32", "enlarging in float32"),
        ("halve_fp32", "halving in float32"),
        ("pixels_fp32", "intake in float32"),
        ("label_map", "answers"),
    ],
)
def test_the_self_test_finds_what_does_nothing(kernels: Kernels, broken: str, says: str) -> None:
    """A kernel in whose place one that writes nothing is called is named."""

    class Swapped(dict[str, object]):
        def __missing__(self, name: str) -> object:
            return ctypes.CDLL(kernels.library._name)["kernels_threaded" if name == broken else name]

    single = dataclasses.replace(kernels.instructions, slice_macs={"float32": 1})
    swapped = Kernels(single, Swapped())  # type: ignore[arg-type]
    assert fault(swapped) == says


def test_this_machines_processor_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words after `flags`; none where the file is missing or of another kind."""
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr("interim.model_zoo.native.processor.CPU_INFO", file)
    assert words() == frozenset()
    file.write_text("processor : 0\nFeatures : fp asimd\n")
    assert words() == frozenset()
    file.write_text("processor : 0\nflags\t\t: fpu avx2 fma\nbugs : none\n")
    assert words() == {"fpu", "avx2", "fma"}
