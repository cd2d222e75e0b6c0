"""Compiles the kernels, once for a machine, into a cache directory that nobody else can write to.

The library's name holds a digest of the sources, the flags and the processor, and one of the compiler. With no
compiler at all, what an earlier one left for the first digest is used.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCES = Path(__file__).parent / "c"
COMPILERS = ("cc", "gcc", "clang")
FLAGS = ("-O3", "-std=gnu11", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math")
LIBRARIES = ("-lm", "-Wl,-z,defs")
TIMEOUT_S = 120
ANSWER_S = 10
"""How long a compiler may take to tell its version."""


class UncompiledError(Exception):
    """The kernels cannot be compiled here; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler: the words that call it, and what it says of its version."""

    command: tuple[str, ...]
    version: str


def compiled(flags: Sequence[str], *, processor: str) -> Path:
    """The shared library of all kernels, compiled if it has not been yet.

    Args:
        flags: For the compiler, beside those that are always given.
        processor: What this machine's processor is, as any text: another one has its own library.

    Raises:
        UncompiledError: there is no compiler, it fails, or there is no safe place for the library.
    """
    place = _cache()
    texts = [text for path in _sources() for text in (path.name, path.read_text(encoding="utf-8"))]
    base = _digest(processor, str(_openmp()), *FLAGS, *flags, *texts)
    compiler = find()
    if compiler is None:
        left = sorted(place.glob(f"{base}-*.so"), key=lambda path: path.stat().st_mtime)
        if left:
            return left[-1]
        raise UncompiledError(
            f"no C compiler was found (CC, {', '.join(COMPILERS)}): install one, for instance gcc"
        )
    library = place / f"{base}-{_digest(compiler.version)}.so"
    if not library.exists():
        with _locked(library.with_suffix(".lock")):
            try:
                if not library.exists():
                    _make(compiler, flags, library)
            except OSError as error:  # a full disk, for instance
                raise UncompiledError(f"{place} cannot be written to ({error.strerror})") from error
    return library


def find() -> Compiler | None:
    """The compiler that CC names, if it is set, else the first of `COMPILERS` that answers."""
    named = os.environ.get("CC", "")
    try:
        commands = [shlex.split(named)] if named else [[name] for name in COMPILERS]
    except ValueError:  # a quotation without its end
        return None
    for command in commands:
        said = _version(command) if command and shutil.which(command[0]) else None
        if said is not None:
            return Compiler(tuple(command), said)
    return None


def _version(command: Sequence[str]) -> str | None:
    """What a compiler says of itself; None where it does not answer."""
    words = [*command, "--version"]
    try:
        asked = subprocess.run(
            words, capture_output=True, text=True, errors="replace", check=False, timeout=ANSWER_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked.stdout if asked.returncode == 0 else None


def _sources() -> list[Path]:
    """All files of C, headers too, in a fixed order."""
    return sorted(path for path in SOURCES.iterdir() if path.suffix in {".c", ".h"})


def _digest(*texts: str) -> str:
    """Sixteen hexadecimal digits that change when any of the texts does."""
    total = hashlib.sha256()
    for text in texts:
        total.update(hashlib.sha256(text.encode()).digest())
    return total.hexdigest()[:16]


def _cache() -> Path:
    """The directory for compiled kernels, made if need be: ours, and closed to everyone else."""
    home = os.environ.get("INTERIM_CACHE_DIR")
    try:
        base = home or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interim"
        place = Path(base) / "kernels"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = place.lstat()
    except (OSError, RuntimeError) as error:  # the second: there is no home
        raise UncompiledError(
            f"the cache directory cannot be made ({error}): point INTERIM_CACHE_DIR at a directory of yours"
        ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise UncompiledError(
            f"{place} is not a directory that belongs to this user alone (owner {found.st_uid}, mode "
            f"{stat.S_IMODE(found.st_mode):o}): remove it, or point INTERIM_CACHE_DIR elsewhere"
        )
    return place


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait, and the lock of a dead one is free."""
    try:
        file = path.open("w")
    except OSError as error:
        raise UncompiledError(f"{path.parent} cannot be written to ({error.strerror})") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(compiler: Compiler, flags: Sequence[str], library: Path) -> None:
    """Compile into a directory of our own and rename: nobody ever sees half a library."""
    failure = UncompiledError("")
    for compiling, linking in _openmp():
        with tempfile.TemporaryDirectory(dir=library.parent) as room:
            made = Path(room) / library.name
            try:
                objects = _objects(compiler, [*FLAGS, *flags, *compiling], Path(room))
                _run([*compiler.command, "-shared", "-o", str(made), *objects, *linking, *LIBRARIES])
            except UncompiledError as error:
                failure = error
                continue
            made.chmod(0o500)
            made.replace(library)
            return
    raise failure


def _openmp() -> list[tuple[list[str], list[str]]]:
    """Ways to have several threads, as flags to compile and to link with; the best first, the last is one thread.

    Torch's own OpenMP comes first: two of them in one process would fight for the cores.
    """
    bundled = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    shared = [(["-fopenmp"], [str(path), f"-Wl,-rpath,{path.parent}"]) for path in bundled[:1]]
    return [*shared, (["-fopenmp"], ["-fopenmp"]), ([], [])]


def _objects(compiler: Compiler, flags: Sequence[str], room: Path) -> list[str]:
    """The compiled sources; two at a time."""

    def compile_one(source: Path) -> str:
        made = str(room / f"{source.stem}.o")
        _run([*compiler.command, *flags, "-c", str(source), "-o", made])
        return made

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compile_one, [path for path in _sources() if path.suffix == ".c"]))


def _run(command: Sequence[str]) -> None:
    """Run the compiler; what it says is kept for the error."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if "error" in line] or error.stderr.splitlines()
        said = lines[0].strip() if lines else f"status {error.returncode}"
        raise UncompiledError(f"{command[0]} cannot compile the kernels: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UncompiledError(f"{command[0]} cannot compile the kernels: {error}") from error
