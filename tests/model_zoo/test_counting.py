"""The figures of the ADP-C paper that can be counted."""

import functools
from unittest import mock

import pytest
import torch

from interim.model_zoo.counting import ConvCost, convolutions, profile, shares_of
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.masked.masks import Masks
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build

CITYSCAPES, CROP = (1024, 2048), (256, 256)


@functools.cache
def network_of(name: str) -> AnytimeHrnet:
    """The network with whatever was in memory for weights: their shapes are all that counts."""
    with mock.patch.object(torch.nn.init, "kaiming_normal_"):
        return build(name)


@pytest.mark.parametrize(
    ("name", "size", "gmacs"),
    [
        pytest.param("hrnet-w48", CITYSCAPES, [696.2], marks=pytest.mark.slow),
        pytest.param("hrnet-w48-ee", CITYSCAPES, [48.4, 113.5, 388.9, 722.2], marks=pytest.mark.slow),
        ("hrnet-w48-ee-rh", CITYSCAPES, [41.9, 105.6, 368.0, 701.35]),
        ("hrnet-w18s", CITYSCAPES, [71.6]),
        ("hrnet-w18s-ee", CITYSCAPES, [31.4, 42.6, 59.5, 82.9]),
        ("hrnet-w18s-ee-rh", CITYSCAPES, [23.7, 34.7, 49.9, 73.2]),
        ("hrnet-w18s-adpc", CITYSCAPES, [23.7, 34.7, 49.9, 73.2]),
        ("hrnet-w32-pose", CROP, [9.49]),
    ],
)
def test_the_papers_costs_are_counted(name: str, size: tuple[int, int], gmacs: list[float]) -> None:
    """Every exit costs what the paper says, to the last digit printed."""
    counted = [exit_.gmacs for exit_ in profile(network_of(name), size).exits]
    assert counted == pytest.approx(gmacs, abs=0.05 if size == CITYSCAPES else 0.005)


@pytest.mark.parametrize(("name", "last", "mean"), [("-ee", 9.513, 4.733), ("-ee-rh", 9.551, 4.760)])
def test_the_papers_pose_costs_are_counted(name: str, last: float, mean: float) -> None:
    """The pose networks cost what the paper says, at the last exit and on average."""
    counted = [exit_.gmacs for exit_ in profile(network_of(f"hrnet-w32-pose{name}"), CROP).exits]
    assert counted[-1] == pytest.approx(last, abs=5e-4)
    assert sum(counted) / 4 == pytest.approx(mean, abs=5e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("hrnet-w48", 65_859_379),
        ("hrnet-w48-ee", 66_074_796),
        ("hrnet-w48-ee-rh", 66_062_700),
        ("hrnet-w48-adpc", 66_062_700 + 298),
        ("hrnet-w18s", 3_939_579),
        ("hrnet-w18s-ee", 4_033_556),
        ("hrnet-w18s-ee-rh", 3_997_492),
        ("hrnet-w18s-adpc", 3_997_492 + 143),
    ],
)
def test_the_papers_parameters_are_counted(name: str, parameters: int) -> None:
    """Adaptivity adds one λ per masked convolution and nothing else."""
    assert sum(p.numel() for p in network_of(name).parameters()) == parameters


@pytest.mark.parametrize(
    ("name", "convs", "masked"), [("hrnet-w48-adpc", 319, 298), ("hrnet-w18s-adpc", 158, 143)]
)
def test_every_convolution_after_exit_1_is_masked(name: str, convs: int, masked: int) -> None:
    """The counts of all and of masked convolutions are the paper's; exit 1 has none of the masked."""
    counted = convolutions(network_of(name), (64, 64))
    assert len(counted) == convs
    assert [cost.skips for cost in counted] == [cost.exit_ > 1 for cost in counted]
    assert [cost.fill_macs > 0 for cost in counted] == [cost.exit_ > 1 for cost in counted]
    assert sum(cost.exit_ > 1 for cost in counted) == masked


def test_a_masked_convolution_counts_its_share_and_its_interpolation() -> None:
    """With a quarter of an image active: MACs x 1/4 + 3/4 x 1/4 x 49 for each output value."""
    model, size = network_of("hrnet-w18s-adpc"), (64, 64)
    quarter = torch.zeros(1, 16, 16, dtype=torch.bool)
    quarter[:, :8, :8] = True
    dense = convolutions(model, size)
    counted = [exit_.gmacs * 2**30 for exit_ in profile(model, size, [quarter] * 3).exits]
    assert counted[0] == pytest.approx(sum(cost.macs for cost in dense if cost.exit_ == 1))
    expected = sum(cost.macs / 4 + cost.fill_macs * 3 / 16 for cost in dense if cost.exit_ > 1)
    assert counted[-1] - counted[0] == pytest.approx(expected)


def test_holding_costs_the_active_share_of_what_is_read_at_active_positions_only() -> None:
    """With all of an image masked: transitions, projections and the insides of early heads, no more."""
    model = build("hrnet-w18s-adpc", fill="hold")
    size, nothing = (64, 64), torch.zeros(1, 16, 16, dtype=torch.bool)
    dense = convolutions(model, size)
    whole = [part for part in dense if part.exit_ > 1 and not part.skips]
    counted = [exit_.gmacs * 2**30 for exit_ in profile(model, size, [nothing] * 3).exits]
    assert counted[-1] - counted[0] == pytest.approx(sum(part.macs for part in whole))
    assert sum(part.macs for part in whole) < 0.2 * sum(part.macs for part in dense if part.exit_ > 1)
    assert not any(part.fill_macs for part in dense)


def test_the_share_is_each_images_own() -> None:
    """One image fully active and one not at all cost half, without interpolation."""
    halves = shares_of(Masks.of(torch.stack((torch.ones(16, 16), torch.zeros(16, 16))).bool()))
    cost = ConvCost(exit_=2, size=(4, 4), macs=1000, skips=True, fill_macs=4 * 4 * 8 * 49)
    assert cost.at(halves) == pytest.approx(500)
    assert cost.at(None) == 1000


def test_counting_leaves_the_network_alone(settled: AnytimeHrnet) -> None:
    """The weights stay where they are, masking stays on, and no hook is left behind."""
    before = {name: value.clone() for name, value in settled.state_dict().items()}
    profile(settled, (64, 64))
    assert settled.masking
    assert all(torch.equal(value, before[name]) for name, value in settled.state_dict().items())
    assert not any(module._forward_hooks for module in settled.modules())


def test_a_wrong_number_of_masks_is_refused() -> None:
    """One mask for each exit but the last."""
    with pytest.raises(BadInputError, match="2 masks for 4 exits"):
        profile(network_of("hrnet-w18s-adpc"), (64, 64), [torch.ones(1, 16, 16, dtype=torch.bool)] * 2)
