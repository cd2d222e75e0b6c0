"""The arena: one memory for two processes, with slots whose lives cannot be mixed up."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.server.engine.arena import Arena, ArenaError, Finding, Maps, Pose, Slot

PIXELS = 64 * 96
CHILD = """
import sys
import numpy as np
from interim.server.engine.arena import Arena, Maps, Slot
arena = Arena(int(sys.argv[1]), slots=3, max_pixels=int(sys.argv[2]))
slot = Slot(int(sys.argv[3]), int(sys.argv[4]))
image = arena.input(slot, 32, 48)
arena.write(slot, 1, Maps(image[:, :, 0] + 1, image[::4, ::4, 1] + 2, image[::4, ::4, 2] + 3))
"""


def maps(value: int, height: int = 32, width: int = 48) -> Maps:
    """Maps of one value, cells a quarter of the size."""
    cells = (-(-height // 4), -(-width // 4))
    return Maps(
        np.full((height, width), value, np.uint8),
        np.full(cells, value + 1, np.uint8),
        np.full(cells, value % 2, np.uint8),
    )


def taken(arena: Arena) -> Slot:
    slot = arena.acquire()
    assert slot is not None
    return slot


def same(left: Finding | None, right: Maps) -> bool:
    return isinstance(left, Maps) and all(
        np.array_equal(a, b)
        for a, b in (
            (left.labels, right.labels),
            (left.confidence, right.confidence),
            (left.active, right.active),
        )
    )


@pytest.fixture
def arena() -> Arena:
    return Arena.create(slots=3, max_pixels=PIXELS)


def test_another_process_sees_the_image_and_its_maps_come_back(arena: Arena) -> None:
    """A child that inherits the descriptor, and nothing else, reads images and publishes maps."""
    taken(arena)
    slot = taken(arena)
    image = arena.input(slot, 32, 48)
    image[:] = np.arange(image.size, dtype=np.uint32).reshape(image.shape) % 200
    arguments = [str(n) for n in (arena.descriptor, PIXELS, slot.index, slot.generation)]
    subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        check=True,
        pass_fds=[arena.descriptor],
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    expected = Maps(image[:, :, 0] + 1, image[::4, ::4, 1] + 2, image[::4, ::4, 2] + 3)
    assert same(arena.read(slot, 1), expected)


def test_an_exit_is_unreadable_until_it_is_published(arena: Arena) -> None:
    """Nobody reads maps that are not complete."""
    slot = taken(arena)
    assert arena.read(slot, 1) is None
    arena.write(slot, 1, maps(7))
    assert same(arena.read(slot, 1), maps(7))
    assert arena.read(slot, 2) is None


def test_two_exits_stand_beside_each_other_and_the_third_replaces_the_first(arena: Arena) -> None:
    """The newest exit never overwrites the one before it."""
    slot = taken(arena)
    for exit_ in (1, 2, 3):
        arena.write(slot, exit_, maps(exit_))
    assert arena.read(slot, 1) is None
    assert same(arena.read(slot, 2), maps(2))
    assert same(arena.read(slot, 3), maps(3))


def test_a_reader_in_the_middle_of_a_write_gets_nothing(
    arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp is void from the first byte that changes to the last."""
    slot = taken(arena)
    arena.write(slot, 1, maps(1))
    seen: list[Finding | None] = []
    part = arena._part

    def spying(*arguments: Any) -> Any:
        seen.append(arena.read(slot, 1) if len(seen) < 1 else None)
        return part(*arguments)

    monkeypatch.setattr(arena, "_part", spying)
    arena.write(slot, 3, maps(3))
    assert seen[0] is None


def test_a_reader_that_was_overtaken_notices(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps that changed while they were copied are not handed out."""
    slot = taken(arena)
    arena.write(slot, 1, maps(1))
    writer = Arena(arena.descriptor, slots=3, max_pixels=PIXELS)
    part = arena._part
    calls = []

    def overtaking(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            writer.write(slot, 3, maps(3))
        return part(*arguments)

    monkeypatch.setattr(arena, "_part", overtaking)
    assert arena.read(slot, 1) is None
    assert same(arena.read(slot, 3), maps(3))


def test_a_late_result_of_an_earlier_life_is_not_read(arena: Arena) -> None:
    """The generation tells whose maps lie in a slot."""
    old = taken(arena)
    arena.release(old)
    new = taken(arena)
    assert new.index == old.index
    assert new.generation != old.generation
    arena.write(old, 1, maps(1))
    assert arena.read(new, 1) is None


def test_a_new_life_begins_without_maps(arena: Arena) -> None:
    """What the request before left is gone."""
    old = taken(arena)
    arena.write(old, 1, maps(1))
    arena.release(old)
    taken(arena)
    assert arena.read(old, 1) is None


def test_slots_do_not_touch_each_other(arena: Arena) -> None:
    """The largest image and the largest maps stay inside their slot."""
    slots = [taken(arena) for _ in range(3)]
    for slot in slots:
        arena.input(slot, 64, 96)[:] = slot.index
        for exit_ in (1, 2):
            arena.write(slot, exit_, maps(10 * exit_ + slot.index, 64, 96))
    for slot in slots:
        assert (arena.input(slot, 64, 96) == slot.index).all()
        for exit_ in (1, 2):
            assert same(arena.read(slot, exit_), maps(10 * exit_ + slot.index, 64, 96))


def test_what_does_not_fit_is_refused(arena: Arena) -> None:
    """Nothing is ever written beyond a slot."""
    slot = taken(arena)
    with pytest.raises(ArenaError, match="do not fit"):
        arena.input(slot, 64, 97)
    with pytest.raises(ArenaError, match="do not fit"):
        arena.write(slot, 1, maps(1, 64, 97))
    with pytest.raises(ArenaError, match="Exit 0"):
        arena.write(slot, 0, maps(1))


def test_memory_is_taken_when_it_is_used(arena: Arena) -> None:
    """A large arena costs nothing until images come in, and the kernel knows it by no path."""
    large = Arena.create(slots=64, max_pixels=1 << 24)
    assert os.fstat(large.descriptor).st_blocks == 0
    assert "/memfd:" in str(Path(f"/proc/self/fd/{large.descriptor}").readlink())
    large.close()


@given(st.lists(st.integers(min_value=-1, max_value=5), max_size=60))
def test_a_slot_is_held_once_and_every_life_is_new(script: list[int]) -> None:
    """Whatever the order of acquire (-1) and release (which of the held): no slot twice, no life twice."""
    arena = Arena.create(slots=3, max_pixels=16)
    held: list[Slot] = []
    lives: set[Slot] = set()
    for word in script:
        if word < 0:
            slot = arena.acquire()
            assert (slot is None) == (len(held) == 3)
            if slot is not None:
                assert slot not in lives
                assert slot.index not in {other.index for other in held}
                held.append(slot)
                lives.add(slot)
        elif word < len(held):
            slot = held.pop(word)
            arena.release(slot)
            with pytest.raises(ArenaError, match="release it once"):
                arena.release(slot)
        assert arena.free == 3 - len(held)
    arena.close()


def test_a_pose_comes_back_as_it_was_written(arena: Arena) -> None:
    """Beside a label map of the exit before, to the bit; the kinds are not mixed up."""
    slot = taken(arena)
    joints = np.linspace(-3, 400, 42, dtype=np.float32).reshape(14, 3)
    cells = np.full((8, 12), 5, np.uint8)
    arena.write(slot, 1, maps(1))
    arena.write(slot, 2, Pose(joints, cells, cells % 2))
    found = arena.read(slot, 2)
    assert isinstance(found, Pose)
    assert (found.joints == joints).all()
    assert (found.confidence == 5).all()
    assert (found.active == 1).all()
    assert same(arena.read(slot, 1), maps(1))


def test_more_joints_than_a_slot_has_room_for_are_refused(arena: Arena) -> None:
    """Room for a page of them there is in the smallest slot."""
    small = Arena.create(slots=1, max_pixels=1)
    cell = np.zeros((1, 1), np.uint8)
    small.write(taken(small), 1, Pose(np.zeros((255, 3), np.float32), cell, cell))
    with pytest.raises(ArenaError, match="900 joints do not fit"):
        arena.write(taken(arena), 1, Pose(np.zeros((900, 3), np.float32), cell, cell))
