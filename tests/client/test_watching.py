"""Frames come at their pace, and are counted for what became of them."""

import importlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from interim.client.errors import UnreadableImage
from interim.client.frames import Frame, frames_of, paced, rate_of
from interim.client.refinement import Reason, Refinement
from interim.client.tally import Tally


class Clock:
    """A clock that moves only when somebody waits, or by hand."""

    def __init__(self, *, stop_after_s: float = 1e9) -> None:
        self.time_s = 100.0
        self.stop_after_s = stop_after_s

    def now(self) -> float:
        return self.time_s

    def wait_s(self, duration_s: float) -> bool:
        assert duration_s >= 0
        self.time_s += duration_s
        return self.time_s - 100.0 > self.stop_after_s


def named(count: int) -> list[Frame]:
    return [Frame(name=str(index), image=b"") for index in range(count)]


@given(fps=st.floats(0.1, 1000), busy_s=st.lists(st.floats(0, 2), min_size=1, max_size=20))
def test_a_frame_comes_when_it_is_due_or_at_once_if_that_is_past(fps: float, busy_s: list[float]) -> None:
    """The pace is the clock's, whatever happens between two frames; none is left out."""
    clock, free_s, seen = Clock(), 100.0, 0
    for index, _ in enumerate(paced(named(len(busy_s)), fps, now=clock.now, wait_s=clock.wait_s)):
        assert clock.time_s == pytest.approx(max(100.0 + index / fps, free_s))
        clock.time_s += busy_s[index]
        free_s = clock.time_s
        seen += 1
    assert seen == len(busy_s)


def test_idle_frames_are_evenly_spaced() -> None:
    """With nothing in the way, frame i comes i / fps after the first."""
    clock = Clock()
    times = [clock.time_s for _ in paced(named(4), 8.0, now=clock.now, wait_s=clock.wait_s)]
    assert times == [100.0, 100.125, 100.25, 100.375]


def test_a_stop_ends_the_frames() -> None:
    """What interrupts the wait ends the frames."""
    clock = Clock(stop_after_s=0.3)
    assert len(list(paced(named(10), 10.0, now=clock.now, wait_s=clock.wait_s))) == 4


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path) -> None:
    """Pictures only, sorted, not read before they are sent."""
    for name in ("b.PNG", "a.jpg", "c.webp", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    frames = list(frames_of(tmp_path))
    assert [frame.name for frame in frames] == ["a", "b", "c"]
    assert frames[0].image == tmp_path / "a.jpg"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("", "holds no pictures; they end in .jpeg"), ("none.mp4", "none.mp4 does not exist")],
)
def test_nothing_to_watch_is_said_at_once(tmp_path: Path, name: str, sentence: str) -> None:
    """An empty folder, or no file: one sentence before anything is sent."""
    with pytest.raises(UnreadableImage, match=sentence):
        frames_of(tmp_path / name)


def test_without_the_video_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that says what to install."""

    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("interim.client.frames.importlib.import_module", missing)
    (tmp_path / "a.mp4").write_bytes(b"")
    with pytest.raises(UnreadableImage, match=r'pip install "interim\[video\]"'):
        frames_of(tmp_path / "a.mp4")


def video(path: Path, frames: int) -> None:
    """Writes a video of one shade a frame; skips where the package is missing."""
    av = pytest.importorskip("av", reason='videos need the extra "video"')
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            shade = np.full((48, 64, 3), 40 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode())


def test_a_video_gives_its_frames_in_order(tmp_path: Path) -> None:
    """Frames are RGB arrays, named by their number."""
    video(tmp_path / "drive.mp4", 5)
    frames = list(frames_of(tmp_path / "drive.mp4"))
    assert [frame.name for frame in frames] == [f"drive-00000{index}" for index in range(5)]
    arrays = [frame.image for frame in frames if isinstance(frame.image, np.ndarray)]
    assert {(array.shape, array.dtype.name) for array in arrays} == {((48, 64, 3), "uint8")}
    shades = [array.mean() for array in arrays]
    assert np.allclose(shades, [0, 40, 80, 120, 160], atol=6)


def test_a_video_comes_upright_and_at_its_own_rate(tmp_path: Path) -> None:
    """A phone's portrait film says that it is to be turned; its rate is the file's, a folder has none."""
    file = tmp_path / "drive.mp4"
    video(file, 2)
    data = bytearray(file.read_bytes())
    at = data.index(b"tkhd") + 44  # the matrix of the track's header
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30)
    file.write_bytes(data)
    shapes = {frame.image.shape for frame in frames_of(file) if isinstance(frame.image, np.ndarray)}
    assert shapes == {(64, 48, 3)}
    assert (rate_of(file), rate_of(tmp_path)) == (10.0, None)


def test_what_is_no_video_is_said_so(tmp_path: Path) -> None:
    """A file that holds no video: one sentence that names it."""
    pytest.importorskip("av", reason='videos need the extra "video"')
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    with pytest.raises(UnreadableImage, match=r"a\.mp4 is not a video"):
        list(frames_of(tmp_path / "a.mp4"))


def test_the_package_that_reads_videos_is_optional() -> None:
    """Nothing of the client imports it before a video is opened."""
    for name in ("frames", "commands.watch", "main"):
        module = importlib.import_module(f"interim.client.{name}")
        assert not hasattr(module, "av")


def final(exit_: int, reason: Reason, *, late: bool = False) -> Refinement:
    return Refinement(request_id="1", exit=exit_, exits=4, final=True, reason=reason, late=late)


def test_a_tally_counts_each_ending() -> None:
    """Answered with a mask, superseded with or without one, late, and the mean exit of the answered."""
    tally = Tally(sent=5, rejected=1)
    for answer in (
        final(4, Reason.FINAL_EXIT),
        final(1, Reason.SUPERSEDED),
        final(0, Reason.SUPERSEDED),
        final(2, Reason.DEADLINE, late=True),
    ):
        tally.ended(answer)
    assert (tally.answered, tally.superseded, tally.late) == (3, 2, 1)
    assert tally.exits == {4: 1, 1: 1, 2: 1}
    assert tally.mean_exit == pytest.approx(7 / 3)
    assert str(tally) == "3 of 5 frames answered (mean exit 2.33), 2 superseded, 1 late, 1 rejected"


def test_a_tally_of_nothing_has_no_mean() -> None:
    """No frame answered is no exit, not exit 0."""
    assert Tally().mean_exit is None
    assert str(Tally(sent=1)) == "0 of 1 frames answered (mean exit -), 0 superseded, 0 late"


def test_a_picture_file_is_no_folder(tmp_path: Path) -> None:
    """A single picture given to watch is a video of one frame, or none: never a crash."""
    pytest.importorskip("av", reason='videos need the extra "video"')
    Image.new("RGB", (16, 16)).save(tmp_path / "a.png")
    assert [frame.name for frame in frames_of(tmp_path / "a.png")] == ["a-000000"]
