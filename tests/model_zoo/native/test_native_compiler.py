"""Kernels are compiled once, in a safe place, or it is said why not."""

import ctypes
import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from interim.model_zoo.native import compiler
from interim.model_zoo.native.compiler import SOURCES, UncompiledError, compiled

ROOT = Path(__file__).parents[3]
ONE_FILE = ("cells.h", "threads.h", "threads.c")

pytestmark = pytest.mark.skipif(compiler.find() is None, reason="no C compiler is installed")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small library's sources, and an empty cache."""
    place = tmp_path / "c"
    place.mkdir()
    for name in ONE_FILE:
        shutil.copy(SOURCES / name, place)
    monkeypatch.setattr(compiler, "SOURCES", place)
    monkeypatch.setenv("INTERIM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    return place


def wrapped(tmp_path: Path, refused: str = "nothing", then: str = "exit 1") -> str:
    """A compiler that notes its calls in `calls`; given the word `refused` it does something else."""
    script = tmp_path / "my cc"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> "{tmp_path}/calls"\ncase "$*" in *{refused}*) {then};; esac\n'
        f'exec {shutil.which("cc") or shutil.which("gcc")} "$@"\n'
    )
    script.chmod(0o700)
    return f"'{script}'"


def calls(tmp_path: Path) -> list[str]:
    return [line for line in (tmp_path / "calls").read_text().splitlines() if line != "--version"]


def threaded(library: Path) -> bool:
    return bool(ctypes.CDLL(str(library)).kernels_threaded())


def test_what_is_compiled_is_found_again(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time the compiler is asked for its version alone; nothing else is left behind."""
    monkeypatch.setenv("CC", wrapped(tmp_path))
    library = compiled([], processor="p")
    made = calls(tmp_path)
    assert compiled([], processor="p") == library
    assert calls(tmp_path) == made
    assert {path.suffix for path in library.parent.iterdir()} == {".so", ".lock"}


def test_another_source_flag_or_processor_is_another_library(sources: Path) -> None:
    """Whatever could change the code changes the name."""
    names = {compiled([], processor="p"), compiled(["-O1"], processor="p"), compiled([], processor="q")}
    (sources / "cells.h").write_text((sources / "cells.h").read_text() + "\n")
    assert len(names | {compiled([], processor="p")}) == 4


def test_the_cache_is_ours_alone(sources: Path) -> None:
    """It is made with mode 700; one that others can read or write, or a link, is refused."""
    place = compiled([], processor="p").parent
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    place.chmod(0o755)
    with pytest.raises(UncompiledError, match=r"mode 755.*INTERIM_CACHE_DIR"):
        compiled([], processor="p")
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))
    with pytest.raises(UncompiledError, match="belongs to this user alone"):
        compiled([], processor="p")


def test_somebody_elses_cache_is_refused(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns the directory could put a library of theirs into it."""
    compiled([], processor="p")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(UncompiledError, match="belongs to this user alone"):
        compiled([], processor="p")


def test_a_place_that_cannot_be_made_is_a_reason(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the way, for instance."""
    (tmp_path / "cache").write_text("")
    with pytest.raises(UncompiledError, match=r"cannot be made.*INTERIM_CACHE_DIR"):
        compiled([], processor="p")


def test_without_a_compiler_the_cache_serves(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is there is used; where none is, the reason names the compilers looked for."""
    library = compiled([], processor="p")
    monkeypatch.setenv("PATH", "")
    assert compiled([], processor="p") == library
    with pytest.raises(UncompiledError, match="no C compiler was found"):
        compiled([], processor="q")


def test_no_home_is_a_reason(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a container runs as a user that it does not know."""
    monkeypatch.delenv("INTERIM_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", raises(RuntimeError("Could not determine home directory.")))
    with pytest.raises(UncompiledError, match=r"cannot be made \(Could not .*INTERIM_CACHE_DIR"):
        compiled([], processor="p")


def test_a_full_disk_is_a_reason(sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is room for a lock and no more."""
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", raises(full))
    with pytest.raises(UncompiledError, match=r"kernels cannot be written to \(No space left on device\)"):
        compiled([], processor="p")


@pytest.mark.parametrize("text", ["nonsense", "#!/bin/sh\nsleep 9\n"])
def test_a_compiler_that_does_not_answer_is_none(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """A file that cannot be run, or that does not end; a quotation without its end names none at all."""
    monkeypatch.setattr(compiler, "ANSWER_S", 0.2)
    script = tmp_path / "cc"
    script.write_text(text)
    script.chmod(0o700)
    monkeypatch.setenv("CC", str(script))
    assert compiler.find() is None
    monkeypatch.setenv("CC", "'cc")
    assert compiler.find() is None


def raises(error: Exception) -> Callable[..., NoReturn]:
    """Something that does nothing but fail."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def test_a_compiler_without_openmp_makes_one_thread(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library works all the same, and says so."""
    assert threaded(compiled([], processor="p"))
    monkeypatch.setenv("CC", wrapped(tmp_path, "-fopenmp"))
    assert not threaded(compiled([], processor="q"))


def test_torchs_own_openmp_is_the_one_used(sources: Path) -> None:
    """Loading the library brings no second OpenMP into the process."""
    ctypes.CDLL(str(compiled([], processor="p")))
    maps = Path("/proc/self/maps").read_text()
    assert len({line.split()[-1] for line in maps.splitlines() if "libgomp" in line}) == 1


def test_what_the_compiler_says_is_the_reason(sources: Path) -> None:
    """One sentence with its first error, and nothing left in the cache."""
    (sources / "broken.c").write_text("int f(void) { return nonsense; }\n")
    with pytest.raises(
        UncompiledError, match=r"cannot compile the kernels: .*broken\.c:1.*nonsense"
    ) as error:
        compiled([], processor="p")
    assert "\n" not in str(error.value)
    assert not list((sources.parent / "cache" / "kernels").glob("*.so"))


@pytest.mark.slow
def test_two_processes_at_once_compile_once(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One compiles, slowly; the other waits for it; both get the same library, whole."""
    monkeypatch.setenv("CC", wrapped(tmp_path, "threads.c", "sleep 2"))
    program = (
        "import ctypes, pathlib, sys; from interim.model_zoo.native import compiler;"
        "compiler.SOURCES = pathlib.Path(sys.argv[1]); path = compiler.compiled([], processor='p');"
        "ctypes.CDLL(str(path)).kernels_threaded(); print(path)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "model_zoo"), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, sources], stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(2)
    ]
    said = {process.communicate(timeout=100)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0]
    assert len(said) == 1
    assert len([call for call in calls(tmp_path) if "threads.c" in call]) == 1
