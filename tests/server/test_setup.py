"""From `Start` to `Ready`: models by name, costs measured at their dearest, errors a person can use."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.server.scripted import EXITS, ScriptedModel

from interim.model_zoo import checkpoint, deployment, registry
from interim.model_zoo.deployment import ExitPlan, Plan
from interim.model_zoo.native import library
from interim.model_zoo.native.kernels import Missing
from interim.model_zoo.sequence import Place, write_order
from interim.scheduling.costs import CostModel
from interim.scheduling.doubts import Doubt
from interim.server.engine import loading
from interim.server.engine.arena import Arena, Bytes, Maps
from interim.server.engine.compute import Compute, Listener
from interim.server.engine.device import Device
from interim.server.engine.loading import LoadError, load, plain
from interim.server.engine.messages import Start
from interim.server.engine.probe import Probe
from interim.server.engine.pulse import Pulse
from interim.server.engine.request import Request, Work
from interim.server.engine.setup import Setup
from interim.server.engine.warm import PASSES, PROBE_PASSES, Stopwatch, WarmUp, WarmUpError

CPU = torch.device("cpu")
SIZE = (64, 96)
START = Start(model="tests.server.scripted:quick", warm_sizes=(SIZE, (32, 32)), threads=1)


class Watched(ScriptedModel):
    """Notes the share of positions that each stage was given to refine."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.given: list[float] = []

    def stage(self, exit_: int, state: Any) -> Any:
        if state.prediction is not None:
            self.given.append(float(state.prediction.active.float().mean()))
        return super().stage(exit_, state)


class Clock:
    """Virtual seconds."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def warm_up(model: ScriptedModel, clock: Clock) -> WarmUp:
    def build(listener: Listener, arena: Arena) -> Compute:
        device = Device("cpu")
        return Compute(model, device=device, arena=arena, pulse=Pulse(), listener=listener, clock=clock)

    return WarmUp(build, exits=EXITS)


def test_stages_are_measured_with_everything_active() -> None:
    """Admission promises what the dearest case costs, not what a sure image does."""
    clock = Clock()
    model = Watched(slices=2, slice_s=0.05, sleep=clock.sleep)
    costs = CostModel()
    warm_up(model, clock).measure(SIZE, costs, padded=SIZE, max_batch=1)
    assert set(model.given) == {1.0}
    assert len(model.stages) == PASSES * EXITS
    assert all(costs.mean(exit_, SIZE) == pytest.approx(0.1) for exit_ in range(1, EXITS + 1))


def test_batches_are_measured_where_they_may_be_used() -> None:
    """1, 2, 4: so that the policy knows which of them pay."""
    clock = Clock()
    model = ScriptedModel(slice_s=0.01, sleep=clock.sleep)
    costs = CostModel()
    warm_up(model, clock).measure(SIZE, costs, padded=SIZE, max_batch=4)
    assert {batch for _, batch in model.stages} == {1, 2, 4}
    assert costs.mean(4, SIZE, batch=4) == pytest.approx(costs.mean(4, SIZE))


def test_a_slow_size_is_measured_once() -> None:
    """Starting must not take minutes."""
    clock = Clock()
    model = ScriptedModel(slice_s=1.0, sleep=clock.sleep)
    warm_up(model, clock).measure(SIZE, CostModel(), padded=SIZE, max_batch=1)
    assert len(model.stages) == EXITS


def test_a_model_that_raises_on_any_image_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fail every request: better not to start."""
    monkeypatch.setattr(ScriptedModel, "start", lambda _self, images: images.no_such_thing)
    with pytest.raises(WarmUpError, match="only warming up"):
        warm_up(ScriptedModel(sleep=Clock().sleep), Clock()).once(SIZE)


def test_a_probe_measures_the_stages_in_doubt() -> None:
    """Two passes count, the one before them warms up."""
    clock = Clock()
    model = ScriptedModel(slices=2, slice_s=0.05, sleep=clock.sleep)
    seconds = warm_up(model, clock).probe(Probe(Doubt(size=SIZE, exits=2)))
    assert [exit_ for exit_, _ in seconds] == [1, 2] * PROBE_PASSES
    assert [spent_s for _, spent_s in seconds] == pytest.approx([0.1] * 2 * PROBE_PASSES)


def test_what_a_probe_holds_is_free_when_it_has_run() -> None:
    """However long the probe is kept: the next request finds the memory of its stages where it was."""
    clock, held = Clock(), []
    probe = Probe(Doubt(size=SIZE, exits=2))

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        held.append(probe.request is not None)

    assert warm_up(ScriptedModel(sleep=sleep), clock).probe(probe)
    assert all(held)
    assert held
    assert probe.request is None


def test_a_probe_that_is_given_up_ends_at_the_next_slice() -> None:
    """Whatever it had measured in full is kept, the stage under way is not."""
    clock = Clock()
    probe = Probe(Doubt(size=SIZE, exits=1))

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now_s > 0.45:  # in the fifth slice: stage 1 has two, and the first pass does not count
            probe.give_up()

    model = ScriptedModel(slices=2, slice_s=0.1, sleep=sleep)
    measured = warm_up(model, clock).probe(probe)
    assert dict(measured) == {1: pytest.approx(0.2)}
    assert clock.now_s < 0.6


def test_a_size_on_which_the_model_raises_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe runs for nobody: it must not take the engine down."""
    monkeypatch.setattr(ScriptedModel, "start", lambda _self, images: images.no_such_thing)
    assert not warm_up(ScriptedModel(sleep=Clock().sleep), Clock()).probe(Probe(Doubt(size=SIZE, exits=1)))


def test_ready_says_all_that_the_front_needs() -> None:
    """The model's spec as plain data, how it runs, and what each stage costs."""
    ready = Setup(START).ready()
    assert ready.spec["name"] == "scripted"
    assert ready.spec["task"] == "segmentation"
    assert ready.spec["classes"][1] == {"name": "class 1", "color": (1, 1, 1)}  # type: ignore[index]
    plain = {"name": "exit 4", "quality": 0.4, "miou": None, "active_share": None}
    assert ready.spec["exits"][3] == plain  # type: ignore[index]
    assert (ready.device, ready.threads, ready.height, ready.width) == ("cpu", 1, *SIZE)
    assert [cost.name for cost in ready.costs] == ["exit 1", "exit 2", "exit 3", "exit 4"]
    assert all(0 < cost.mean_s <= cost.p99_s for cost in ready.costs)
    assert ready.longest_slice_s > 0


def test_a_model_that_holds_the_device_longer_than_configured_is_not_served() -> None:
    """One sentence names what it takes, the rule and the way out; without a limit it is served."""
    with pytest.raises(WarmUpError, match=r"takes .* ms on an image of 64x96, longer than slice_ms = 0\.001"):
        Setup(replace(START, most_slice_s=1e-6))
    assert Setup(replace(START, most_slice_s=60.0)).ready().longest_slice_s < 60.0


def test_all_warm_sizes_are_measured() -> None:
    """None of them is charged three times its cost."""
    costs = Setup(START).costs
    assert all(costs.measured(exit_, size) for exit_ in (1, 4) for size in START.warm_sizes)


def test_no_warm_size_is_larger_than_what_the_model_computes() -> None:
    """Each side is cut to the longest that an image has after scaling."""
    ready = Setup(replace(START, model="tests.server.scripted:small", warm_sizes=((64, 1024),))).ready()
    assert (ready.height, ready.width) == (48, 48)


def test_a_restarted_engine_measures_nothing() -> None:
    """What the engine before it had learnt is good enough, and being ready soon is better."""
    learned = CostModel()
    for exit_ in range(1, EXITS + 1):
        learned.observe(exit_, SIZE, 7.0)
    ready = Setup(replace(START, learned=learned.to_dict(), longest_slice_s=2.5)).ready()
    assert [cost.mean_s for cost in ready.costs] == [7.0] * EXITS
    assert ready.longest_slice_s == 2.5


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("no-such-model", "no-such-model"),
        ("no_such_module:factory", "cannot be made"),
        ("tests.server.scripted:nothing", "cannot be made"),
        ("tests.server.scripted:broken", "no weights today"),
        ("tests.server.scripted:CLASSES", "cannot be made"),
    ],
)
def test_a_model_that_cannot_be_had_is_named(model: str, words: str) -> None:
    """One sentence for the person who typed it."""
    with pytest.raises(LoadError, match=words):
        load(Start(model=model), CPU)


@pytest.mark.slow
def test_the_shipped_model_serves_in_torch_with_its_masks_on_and_off() -> None:
    """`masking` decides; a network without masked convolutions is dense whatever is asked."""
    torch_alone = replace(START, model="default", execution="reference")
    assert load(replace(torch_alone, masking=True), CPU).execution == "reference"
    assert load(replace(torch_alone, masking=False), CPU).execution == "dense"
    assert not load(replace(torch_alone, model="hrnet-w18s-ee"), CPU).masking


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("tests.server.scripted:quick", "has no masks that share=0.4 could choose"),
        ("hrnet-w18s-ee", "share=0.4 needs a network with confidence adaptivity"),
    ],
)
def test_a_rule_of_masks_needs_a_model_that_has_them(model: str, words: str) -> None:
    """One sentence for the person who chose both."""
    with pytest.raises(LoadError, match=words):
        load(Start(model=model, mask_rule="share=0.4"), CPU)


@pytest.mark.slow
def test_rules_of_masks_run_on_kernels(tmp_path: Path) -> None:
    """Those that bring a fill too; the note tells the rule, as the exits' worth was measured with another."""
    if isinstance(library.load(), Missing):
        pytest.skip("no kernels can be compiled here")
    for model, rule in (
        ("default", "sampling=0.4"),
        (_filled(tmp_path, "rbf"), "cascade"),
    ):
        loaded = load(Start(model=model, mask_rule=rule), CPU)
        assert loaded.execution.startswith("native-")
        assert (loaded.masking, loaded.model.spec.mask_rule) == (True, rule)
        assert loaded.note.startswith(f"{rule} chooses the pixels to refine")
    chosen = load(Start(mask_rule="threshold=0.5"), CPU)
    assert (chosen.model.spec.threshold, chosen.note) == (0.5, "")


def test_without_kernels_torch_serves_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower, and with a note; who insists on kernels is refused in the same words."""
    monkeypatch.setenv("INTERIM_KERNELS", "off")
    loaded = load(Start(masking=False), CPU)
    assert loaded.execution == "dense"
    assert loaded.note == "torch runs the network: switched off by INTERIM_KERNELS=off"
    with pytest.raises(LoadError, match="default cannot run natively: switched off"):
        load(Start(execution="native", masking=False), CPU)


@pytest.mark.slow
def test_kernels_compute_what_they_cannot_skip(tmp_path: Path) -> None:
    """A network that interpolates is served whole, and its exits are worth what that is worth."""
    if isinstance(library.load(), Missing):
        pytest.skip("no kernels can be compiled here")
    model = _filled(tmp_path, "rbf")
    loaded = load(Start(model=model), CPU)
    assert loaded.execution.startswith("native-")
    assert not loaded.masking
    assert loaded.note.startswith("every position is computed")
    dense = load(Start(model=model, execution="reference", masking=False), CPU)
    assert loaded.model.spec.exits == dense.model.spec.exits


@pytest.mark.slow
def test_the_shipped_model_runs_natively_from_image_to_label_map() -> None:
    """Warmed and measured through the code that serves; slices are short; the labels are torch's."""
    if isinstance(library.load(), Missing):
        pytest.skip("no kernels can be compiled here")
    options = replace(START, model="default", masking=False, dtype="float32", warm_sizes=(SIZE,))
    native, reference = (Setup(replace(options, execution=name)) for name in ("native", "reference"))
    assert native.ready().execution.startswith("native-")
    assert all(cost.mean_s > 0 for cost in native.ready().costs)
    found = [_labels(setup) for setup in (native, reference)]
    assert (found[0] == found[1]).mean() > 0.999


def _labels(setup: Setup, exits: int = EXITS) -> Bytes:
    """What the last exit says of one image."""
    with closing(Arena.create(slots=1, max_pixels=SIZE[0] * SIZE[1])) as arena:
        slot = arena.acquire()
        assert slot is not None
        arena.input(slot, *SIZE)[:] = (
            np.arange(SIZE[0] * SIZE[1] * 3, dtype=np.uint32).reshape(*SIZE, 3) // 71
        )
        compute = setup.compute(Stopwatch(), arena)
        request = Request(id=0, slot=slot, size=SIZE, max_exit=exits)
        for exit_ in range(1, exits + 1):
            compute.run(Work(exit_, (request,)))
        maps = arena.read(slot, exits)
        assert isinstance(maps, Maps)
        return maps.labels.copy()


@pytest.mark.slow
def test_kernels_skip_what_a_network_holds(tmp_path: Path) -> None:
    """A checkpoint that was trained to hold is served masked; the shipped model is one."""
    if isinstance(library.load(), Missing):
        pytest.skip("no kernels can be compiled here")
    for model in (_filled(tmp_path, "hold"), "default"):
        loaded = load(Start(model=model, execution="native"), CPU)
        assert loaded.masking
        assert not loaded.note


def _filled(folder: Path, fill: str) -> str:
    """A checkpoint like the shipped one with this fill and random weights."""
    card = checkpoint.read("default").card
    network = registry.build(card.network, classes=len(card.classes), fill=fill)
    checkpoint.write(folder, network.state_dict(), replace(card, fill=fill))
    return str(folder)


def test_numbers_are_those_the_device_is_quicker_with_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` asks the zoo."""
    for quicker, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("interim.model_zoo.bfloat16.quicker", lambda _device, told=quicker: told)
        assert loading._dtype("auto", CPU) is dtype
        assert loading._dtype("float32", CPU) is torch.float32
        assert loading._dtype("bfloat16", CPU) is torch.bfloat16


def test_a_spec_is_told_without_types_of_the_zoo() -> None:
    """The front loads no torch: dictionaries, lists, text and numbers only."""
    spec = plain(ScriptedModel().spec)
    assert spec["multiple"] == 32
    assert len(spec["classes"]) == 5
    assert all(isinstance(value, str | int | float | list) for value in spec.values())


def test_a_deployment_is_served_as_it_is(tmp_path: Path) -> None:
    """A multi-exit network's chosen exits, in torch: warmed up, measured, and its label maps are whole."""
    plan = Plan(
        name="few",
        layers=((4, 1, 1, 1), (4, 1, 2, 1)),
        stem=4,
        classes=ScriptedModel().spec.classes,
        exits=(ExitPlan(name="first", block=1), ExitPlan(name="last", block=2)),
    )
    deployment.write(tmp_path, plan, plan.network().state_dict())
    setup = Setup(replace(START, model=str(tmp_path)))
    assert setup.ready().execution == "dense"
    assert [each.name for each in setup.spec.exits] == ["first", "last"]
    assert all(cost.mean_s > 0 for cost in setup.ready().costs)
    assert _labels(setup, exits=2).shape == SIZE


@pytest.mark.slow
def test_an_equilibrium_network_is_served_iteration_by_iteration() -> None:
    """By its name, with random weights, in torch."""
    setup = Setup(replace(START, model="mdeq-tiny"))
    assert setup.ready().execution == "dense"
    assert [each.name for each in setup.spec.exits][:2] == ["iteration 1", "iteration 2"]
    assert _labels(setup, exits=2).shape == SIZE


@pytest.mark.slow
def test_a_sequence_runs_its_networks_natively(tmp_path: Path) -> None:
    """Twice the shipped model, the second for its last exit alone: what it says then."""
    shipped = checkpoint.read("default")
    for name in ("1", "2"):
        checkpoint.write(tmp_path / name, shipped.weights, shipped.card)
    write_order(tmp_path, ["1", "2"], [Place(0, 1), Place(1, EXITS)])
    setup, alone = (Setup(replace(START, model=str(model))) for model in (tmp_path, "default"))
    assert setup.ready().execution == alone.ready().execution
    assert len(setup.spec.exits) == 2
    assert (_labels(setup, exits=2) == _labels(alone)).mean() > 0.999
