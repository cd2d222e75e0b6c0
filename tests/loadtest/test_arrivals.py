"""Arrival processes: what they promise whatever the seed."""

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from interim.loadtest.arrivals import Gamma, Poisson, Regular, TwoState

RATES = st.floats(0.1, 1000)


@given(rate_hz=RATES, seed=st.integers())
def test_poisson_instants_rise(rate_hz: float, seed: int) -> None:
    """No request is sent before the one drawn earlier, and none before the run."""
    instants = list(islice(Poisson(rate_hz=rate_hz).instants(Random(seed)), 50))
    assert instants == sorted(instants)
    assert instants[0] > 0


@given(seed=st.integers())
def test_one_seed_is_one_run(seed: int) -> None:
    """The same seed draws the same instants."""
    process = Poisson(rate_hz=7)
    assert list(islice(process.instants(Random(seed)), 20)) == list(
        islice(process.instants(Random(seed)), 20)
    )


def test_poisson_keeps_its_rate_and_its_spread() -> None:
    """Over many gaps the mean is 1/rate and the standard deviation equals the mean, within 5 %."""
    instants = list(islice(Poisson(rate_hz=4).instants(Random(1)), 20_000))
    gaps = [b - a for a, b in zip([0.0, *instants], instants, strict=False)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert abs(mean * 4 - 1) < 0.05
    assert abs(deviation / mean - 1) < 0.05


@given(rate_hz=RATES)
def test_regular_arrivals_tick(rate_hz: float) -> None:
    """A clockwork source starts at 0 and does not drift."""
    instants = list(islice(Regular(rate_hz=rate_hz).instants(Random(0)), 100))
    assert instants[0] == 0
    assert instants[99] == 99 / rate_hz


def test_a_process_can_be_sped_up() -> None:
    """`at_rate` changes the mean rate and nothing else: the instants scale."""
    slow = list(islice(Poisson(rate_hz=1).instants(Random(3)), 10))
    fast = list(islice(Poisson(rate_hz=1).at_rate(4).instants(Random(3)), 10))
    assert all(abs(a - 4 * b) < 1e-9 for a, b in zip(slow, fast, strict=True))
    assert Regular(rate_hz=1).at_rate(4).rate_hz == 4


def test_gamma_gaps_spread_as_they_say() -> None:
    """Over many gaps the mean is 1/rate and the deviation `variation` times that, within 10 %."""
    instants = list(islice(Gamma(rate_hz=4, variation=4).instants(Random(1)), 40_000))
    gaps = [b - a for a, b in zip([0.0, *instants], instants, strict=False)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert abs(mean * 4 - 1) < 0.1
    assert abs(deviation / mean / 4 - 1) < 0.1


def test_two_states_keep_the_mean_rate_and_come_in_bursts() -> None:
    """Instants rise, the mean rate is as said within 10 %, and counts vary more than Poisson's."""
    process = TwoState(rate_hz=1, calm_s=160, burst_s=40)
    instants = list(islice(process.instants(Random(1)), 40_000))
    assert instants == sorted(instants)
    assert abs(len(instants) / instants[-1] - 1) < 0.1
    counts = [0] * (int(instants[-1] / 20) + 1)
    for at_s in instants:
        counts[int(at_s / 20)] += 1
    mean = sum(counts) / len(counts)
    assert sum((each - mean) ** 2 for each in counts) / len(counts) > 5 * mean


def test_bursts_keep_their_length_at_another_rate() -> None:
    """`at_rate` changes how many come in a state, not how long it lasts."""
    faster = TwoState(rate_hz=1, calm_s=160, burst_s=40).at_rate(5)
    assert (faster.rate_hz, faster.calm_s, faster.burst_s) == (5, 160, 40)
    assert Gamma(rate_hz=1, variation=4).at_rate(5) == Gamma(rate_hz=5, variation=4)
