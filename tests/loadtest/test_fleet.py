"""A fleet: one of its devices decides as the server's own policy does, and routers keep their word."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.costs import Costs, write_costs
from interim.loadtest.fleet.device import FleetDevice, Job, Rates, Tally
from interim.loadtest.fleet.routers import ROUTERS, Least
from interim.loadtest.fleet.simulation import Fleet, simulate_fleet
from interim.loadtest.main import main
from interim.loadtest.plan import Planned
from interim.loadtest.simulation import Device, simulate
from interim.loadtest.traced import Traced
from interim.loadtest.workloads import Workload, draw, hrnet

NETWORK = hrnet(0.005)


class InOrder(Sequence[Traced]):
    """Images that are dealt out in order, whatever is drawn."""

    def __init__(self, images: Iterable[Traced]) -> None:
        self._next = iter(images)

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return next(self._next)


def planned(requests: tuple[Traced, ...]) -> list[Planned]:
    return [
        Planned(index=one.id, send_s=one.arrival_s, budget_ms=1e3 * (one.deadline_s - one.arrival_s))
        for one in requests
    ]


@pytest.mark.parametrize("load", [0.5, 1.0, 2.0, 4.0])
def test_a_device_decides_as_the_servers_policy_does(load: float) -> None:
    """The same requests through the scheduler with policy A and through a fleet of one: within half a point."""
    requests = draw(Workload(name="w", kind="poisson", load=load), NETWORK, requests=400, seed=5)
    server = simulate(requests, Device(network=NETWORK, policy="price", admission=True))
    fleet = Fleet(devices=1, router="random", network=NETWORK, images=InOrder(requests))
    tally = simulate_fleet(planned(requests), fleet).tally
    assert tally.mean_utility == pytest.approx(server.utility, abs=0.005)
    assert tally.admitted_share == pytest.approx(server.admitted_share, abs=0.005)
    assert tally.attainment == server.attainment == 1.0


IMAGES = draw(Workload(name="w", kind="poisson", load=1.0), NETWORK, requests=64, seed=3)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 0.3)), min_size=1, max_size=40),
    st.sampled_from(sorted(ROUTERS)),
)
def test_promises_are_kept_and_everyone_is_counted(pairs: list[tuple[float, float]], router: str) -> None:
    """Whatever comes when: each request counts once, and whoever was admitted had exit 1 in time."""
    requests = [
        Planned(index=index, send_s=at_s, budget_ms=1e3 * budget_s)
        for index, (at_s, budget_s) in enumerate(sorted(pairs))
    ]
    told: list[int] = []
    fleet = Fleet(devices=3, router=router, network=NETWORK, images=IMAGES)
    tally = simulate_fleet(requests, fleet, told=told.append).tally
    assert tally.requests == len(pairs) == sum(told)
    assert tally.promises_kept == tally.admitted <= tally.requests
    assert tally.admitted <= tally.exits <= 4 * tally.admitted


def test_a_device_refuses_what_it_cannot_promise() -> None:
    """Exit 1 takes 5 ms: of three that want it within 11 ms two come in, and they are not let down."""
    tally = Tally()
    device = FleetDevice(Rates.of(NETWORK), tally)
    admitted = [device.ask(0.0, Job(index, 0.011, IMAGES[0])) for index in range(3)]
    assert admitted == [True, True, False]
    assert not device.ask(0.0, Job(3, 0.004, IMAGES[0]))
    end_s = device.begin(0.0)
    while end_s is not None:
        device.finish(end_s)
        end_s = device.begin(end_s)
    assert tally.promises_kept == 2
    assert device.live == 0


@given(st.lists(st.integers(0, 4), max_size=60))
def test_the_least_loaded_is_the_least_loaded(changes: list[int]) -> None:
    """After any changes the heap's choice is what looking at every device would give."""
    devices = [FleetDevice(Rates.of(NETWORK), Tally()) for _ in range(5)]
    router = Least(devices, lambda device: device.live)
    for index in changes:
        devices[index].live += 1
        router.changed(index)
        assert devices[router.choose()].live == min(device.live for device in devices)


def test_knowing_devices_beats_drawing_lots() -> None:
    """At full load, a router that looks delivers more than one that does not."""
    random = Random(1)
    instants = sorted(random.uniform(0, 3) for _ in range(int(3 * 20 / NETWORK.full_s)))
    requests = [Planned(index=i, send_s=at_s, budget_ms=70.0) for i, at_s in enumerate(instants)]
    utilities = {
        name: simulate_fleet(
            requests, Fleet(devices=20, router=name, network=NETWORK, images=IMAGES)
        ).tally.mean_utility
        for name in ROUTERS
    }
    assert utilities["random"] < min(utilities["two-choices"], utilities["least-loaded"])


def test_the_command_has_a_row_for_each_router(tmp_path: Path, capsys: Any) -> None:
    """In a table for people and in JSON; a scenario's loads are shares of the whole fleet."""
    out = tmp_path / "fleet.json"
    command = ["fleet", "--devices", "4", "--rate", "80", "--duration-s", "2"]
    assert main([*command, "--json", str(out)]) == 0
    assert [row["router"] for row in json.loads(out.read_text())["rows"]] == list(ROUTERS)
    assert "earliest-exit-1" in capsys.readouterr().out
    costs = tmp_path / "costs.json"
    write_costs(
        costs,
        Costs(
            model="m",
            quality=(0.4, 0.7),
            exit1_hz=100.0,
            full_hz=20.0,
            full_ms=50.0,
            pictures=((10.0, 40.0),),
            shares=((1.0, 0.5),),
            noise=((1.0,), (1.0,)),
            ready_ms=(0.0,),
            after_ms=0.0,
            margin_ms=0.0,
        ),
    )
    scenario = tmp_path / "mine.toml"
    scenario.write_text(
        'duration_s = 5\nbudgets_in = "runs"\n[arrivals]\nprocess = "poisson"\nload_of = "full runs"\n'
        'load = 0.5\n[budget]\ndistribution = "constant"\nruns = 3\n'
    )
    options = ["--scenario", str(scenario), "--costs", str(costs), "--router", "least-loaded"]
    assert main([*command, *options]) == 2
    assert "--rate does not go with --scenario" in capsys.readouterr().err
    assert main([*command[:3], *options, "--json", "-"]) == 0
    [row] = json.loads(capsys.readouterr().out)["rows"]
    assert row["requests"] == pytest.approx(0.5 * 4 * 20 * 5, rel=0.3)
    assert row["utility"] == pytest.approx(0.7, abs=0.02)


def test_wrong_use_is_status_2(capsys: Any) -> None:
    """One sentence."""
    assert main(["fleet", "--devices", "0"]) == 2
    assert "--devices must be a finite number above 0" in capsys.readouterr().err
    assert main(["fleet", "--scenario", "clip"]) == 2
