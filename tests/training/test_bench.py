"""Measuring: masks are what they are called, and the command prints the figures that are asked of it."""

import itertools
import json

import pytest
import torch

from interim.model_zoo.errors import BadInputError
from interim.model_zoo.native import library
from interim.model_zoo.native.kernels import Missing
from interim.training.bench.masks import KINDS, masks
from interim.training.main import main

SHARES = (0.81, 0.62, 0.37)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_lie_inside_one_another(kind: str) -> None:
    """As those of a network do; another seed gives others."""
    found = masks(kind, (64, 128), SHARES)
    assert [(mask.shape, mask.dtype) for mask in found] == [((1, 64, 128), torch.bool)] * 3
    assert all(not (after & ~before).any() for before, after in itertools.pairwise(found))
    assert not torch.equal(found[0], masks(kind, (64, 128), SHARES, seed=1)[0])


@pytest.mark.parametrize("kind", ["blobs", "contours"])
def test_made_masks_have_the_shares_that_are_asked_for(kind: str) -> None:
    """To a thousandth; everything and nothing too."""
    for mask, share in zip(masks(kind, (64, 128), (1, 0.37, 0)), (1, 0.37, 0), strict=True):
        assert mask.double().mean().item() == pytest.approx(share, abs=1e-3)


def test_contours_are_thinner_than_blobs() -> None:
    """At one share, more of their positions lie at an edge."""

    def edges(kind: str) -> float:
        (mask,) = masks(kind, (64, 128), (0.3,))
        return (mask[:, :, 1:] != mask[:, :, :-1]).double().mean().item()

    assert edges("contours") > 1.5 * edges("blobs")


def test_shares_that_rise_are_refused() -> None:
    """No network refines what it has left."""
    with pytest.raises(BadInputError, match="falling"):
        masks("blobs", (64, 128), (0.5, 0.6))


@pytest.mark.slow
def test_the_command_measures_all_contestants(capsys: pytest.CaptureFixture[str]) -> None:
    """One line of JSON with every part, and labels that agree with the literal network's."""
    if isinstance(library.load(), Missing):
        pytest.skip("no kernels can be compiled here")
    words = "bench default --size 64x96 --dtype fp32 --repeats 1 --threads 1 --json -"
    assert main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["argmax_agreement"] >= 0.999
    assert len(found["exits_ms"]) == 4
    assert found["exits_ms"] == sorted(found["exits_ms"])
    for part in found["parts"].values():
        assert part["theory"] > 1
        assert all(value > 0 for value in part.values())
    assert set(found) >= {"model", "size", "dtype", "masks", "active", "longest_slice_ms", "fill", "path"}


def test_a_network_without_masks_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the way out."""
    assert main(["bench", "hrnet-w18s-ee"]) == 2
    assert "name a network that ends in -adpc" in capsys.readouterr().err
