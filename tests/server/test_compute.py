"""The compute side: maps are in the arena before anybody hears of them, and one request harms no other."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from tests.server.scripted import EXITS, NO_PREDICTION, RAISE, ScriptedModel, picture

from interim.server.engine.arena import Arena, Maps
from interim.server.engine.compute import Compute
from interim.server.engine.device import Device
from interim.server.engine.pulse import Pulse
from interim.server.engine.request import Request, Work


@dataclass
class Rig:
    """A compute side on a virtual clock, and all that it said."""

    arena: Arena = field(default_factory=lambda: Arena.create(slots=4, max_pixels=64 * 96))
    now_s: float = 100.0
    done: list[tuple[int, int, float, Maps]] = field(default_factory=list)
    failures: dict[int, str] = field(default_factory=dict)
    steps: list[tuple[int, float]] = field(default_factory=list)
    hook: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.model = ScriptedModel(sleep=self.sleep)
        self.model.between = self.between
        self.pulse = Pulse()
        self.compute = Compute(
            self.model,
            device=Device("cpu"),
            arena=self.arena,
            pulse=self.pulse,
            listener=self,
            clock=lambda: self.now_s,
        )
        self.requests: list[Request] = []

    def between(self) -> None:
        self.hook()

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def exit_done(self, request: Request, exit_: int, active_share: float) -> None:
        maps = self.arena.read(request.slot, exit_)
        assert isinstance(maps, Maps), "it is said before it is there"
        self.done.append((request.id, exit_, active_share, maps))

    def failed(self, request: Request, detail: str) -> None:
        self.failures[request.id] = detail

    def step_over(self, work: Work, seconds: float) -> None:
        self.steps.append((work.exit, seconds))

    def request(self, pixels: np.ndarray, **options: object) -> Request:
        slot = self.arena.acquire()
        assert slot is not None
        height, width, _ = pixels.shape
        self.arena.input(slot, height, width)[:] = pixels
        known = {"id": slot.index, "slot": slot, "size": (height, width), "max_exit": EXITS}
        request = Request(**(known | options))  # type: ignore[arg-type]
        self.requests.append(request)
        return request

    def run(self, *requests: Request, exits: int = EXITS) -> None:
        for exit_ in range(1, exits + 1):
            self.compute.run(Work(exit_, requests))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_every_exit_of_an_image_comes_out_in_order(rig: Rig) -> None:
    """Labels are the exit's classes, confidence is in bytes, the active map and its share agree."""
    rig.run(rig.request(picture(first_class=1)))
    assert [(exit_, share) for _, exit_, share, _ in rig.done] == [(1, 0.75), (2, 0.5), (3, 0.25), (4, 0.0)]
    for _, exit_, share, maps in rig.done:
        assert (maps.labels == (1 + exit_ - 1) % 5).all()
        assert maps.labels.shape == (64, 96)
        assert (maps.confidence == round(255 * exit_ / EXITS)).all()
        assert maps.active.shape == maps.confidence.shape == (16, 24)
        assert maps.active.mean() == share


@pytest.mark.parametrize("size", [(1, 1), (31, 33), (32, 32), (33, 65), (63, 95)])
def test_padding_never_shows(rig: Rig, size: tuple[int, int]) -> None:
    """Sizes that are no multiples are padded for the model and cropped again; shares count real cells."""
    rig.run(rig.request(picture(*size)), exits=1)
    ((_, _, share, maps),) = rig.done
    assert maps.labels.shape == size
    assert maps.active.shape == (-(-size[0] // 4), -(-size[1] // 4))
    assert share == maps.active.mean()


def test_a_coarse_answer_has_one_label_a_cell(rig: Rig) -> None:
    """Who asks for quarter resolution is not charged for more."""
    rig.run(rig.request(picture(33, 65, first_class=3), full_resolution=False), exits=1)
    maps = rig.done[0][3]
    assert maps.labels.shape == (9, 17)
    assert (maps.labels == 3).all()


def test_a_batch_gives_each_its_own(rig: Rig) -> None:
    """Requests that stand before the same stage run as one batch and are told apart again."""
    rig.run(*(rig.request(picture(first_class=c)) for c in range(3)))
    assert rig.model.stages == [(exit_, 3) for exit_ in range(1, EXITS + 1)]
    seen = {(id_, exit_): int(maps.labels[0, 0]) for id_, exit_, _, maps in rig.done}
    assert seen == {(id_, exit_): (id_ + exit_ - 1) % 5 for id_ in range(3) for exit_ in range(1, EXITS + 1)}


def test_only_the_culprit_of_a_batch_fails(rig: Rig, capfd: pytest.CaptureFixture[str]) -> None:
    """A model that raises on one image harms no other, and each exit is published once."""
    good, bad, other = (rig.request(picture(command=c, at=2)) for c in (0, RAISE, 0))
    rig.run(good, bad, other, exits=2)
    assert rig.failures == {bad.id: "The model raised RuntimeError: it says so in two lines."}
    assert sorted((id_, exit_) for id_, exit_, _, _ in rig.done if exit_ == 2) == [
        (good.id, 2),
        (other.id, 2),
    ]
    assert len(rig.steps) == 2
    assert "Traceback" in capfd.readouterr().err


def test_a_request_that_fails_alone_ends_its_step(rig: Rig) -> None:
    """The step is over, and its state is gone."""
    bad = rig.request(picture(command=RAISE, at=2))
    rig.run(bad, exits=2)
    assert list(rig.failures) == [bad.id]
    assert bad.state is None
    assert [exit_ for exit_, _ in rig.steps] == [1, 2]


def test_a_map_that_cannot_be_made_fails_alone(rig: Rig) -> None:
    """What comes after the stage is the request's own too."""
    large = rig.request(picture(64, 96))
    odd = rig.request(picture(command=NO_PREDICTION, at=1))
    rig.run(odd, exits=1)
    rig.run(large, exits=1)
    assert rig.failures == {odd.id: "The model raised ValueError: stage 1 made no prediction."}
    assert [id_ for id_, _, _, _ in rig.done] == [large.id]


def test_a_stage_nobody_waits_for_is_given_up_at_the_next_slice(rig: Rig) -> None:
    """Giving up takes one slice, closes the stage and publishes nothing."""
    left, right = rig.request(picture()), rig.request(picture())

    def forget() -> None:
        left.forgotten = right.forgotten = True

    rig.hook = forget
    rig.run(left, right, exits=1)
    assert rig.model.closed == 1
    assert rig.done == []
    assert rig.steps[0][1] == pytest.approx(0.01)


def test_a_stage_goes_on_for_whoever_still_waits(rig: Rig) -> None:
    """One that left the batch gets nothing; the other gets its exit."""
    left, right = rig.request(picture()), rig.request(picture())

    def forget() -> None:
        left.forgotten = True

    rig.hook = forget
    rig.run(left, right, exits=1)
    assert [id_ for id_, _, _, _ in rig.done] == [right.id]
    assert rig.arena.read(left.slot, 1) is None


def test_time_is_counted_per_step_and_per_slice(rig: Rig) -> None:
    """A step's seconds are all its slices; the longest slice is the longest time nobody could interrupt."""
    rig.run(rig.request(picture()), exits=1)
    assert rig.steps[0][1] == pytest.approx(0.03)
    assert rig.pulse.longest_slice_s == pytest.approx(0.01, rel=0.01)


def test_a_single_slow_slice_is_forgotten_in_time() -> None:
    """One hiccup must not make a hang look normal for ever."""
    pulse = Pulse()
    pulse.begin(0.0)
    pulse.pass_border(5.0)
    assert pulse.longest_slice_s == 5.0
    for number in range(10_000):
        pulse.pass_border(5.0 + 0.01 * (number + 1))
    assert pulse.longest_slice_s == pytest.approx(0.01, rel=0.01)


def test_state_is_kept_between_stages_and_dropped_at_the_end(rig: Rig) -> None:
    """Memory is held for those who may still be refined, and for nobody else."""
    short, sure, whole = (
        rig.request(picture(), max_exit=2),
        rig.request(picture(), stop_below=0.5),
        rig.request(picture(), stop_below=0.5, min_exit=3),
    )
    rig.run(short, sure, whole, exits=1)
    assert None not in (short.state, sure.state, whole.state)
    for request in (short, sure, whole):
        rig.compute.run(Work(2, (request,)))
    assert short.state is None
    assert sure.state is None
    assert whole.state is not None
