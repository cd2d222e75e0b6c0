"""Masking rules: as they are written, what they keep active, and networks that run by them."""

import copy
import dataclasses
import itertools
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from interim.model_zoo.anytime import Prediction, finish
from interim.model_zoo.card import Card
from interim.model_zoo.checkpoint import load, write
from interim.model_zoo.confidence import MaxProbability, PeakHeat, Rule, Seen
from interim.model_zoo.counting import profile
from interim.model_zoo.errors import BadInputError
from interim.model_zoo.mask_choice import FORMS, WORDS, MaskChoice, mask_choice
from interim.model_zoo.mask_rules import Above, Chance, Doubt, Entropy, Lot, Share, choose, drawn
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build

NEEDS = (Doubt(), Entropy(), Chance(), Lot())
CHOICES = ("threshold=0.6", "share=0.5/0.3", "entropy=0.5", "random=0.4", "sampling=0.4", "cascade=0.6")


def seen_of(logits: Tensor, exit_: int = 1, before: Tensor | None = None, rule: Rule | None = None) -> Seen:
    confidence = (rule or MaxProbability()).confidence(logits)
    return Seen(logits=logits, confidence=confidence, exit_=exit_, before=before)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Logits with many ties, and where the exit before left positions active."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9999)))
    shape = (
        draw(st.integers(1, 3)),
        draw(st.integers(1, 6)),
        draw(st.integers(1, 9)),
        draw(st.integers(1, 9)),
    )
    logits = torch.randint(0, draw(st.integers(1, 9)), shape, generator=generator).float()
    return logits, torch.rand(shape[0], *shape[2:], generator=generator) < 0.6


@settings(deadline=None)
@given(batch=batches(), need=st.sampled_from(NEEDS), share=st.floats(0, 1), exit_=st.integers(1, 4))
def test_a_share_is_as_large_as_asked(
    batch: tuple[Tensor, Tensor], need: Doubt, share: float, exit_: int
) -> None:
    """Of every image, whatever its numbers; of what was active before, as many as there are."""
    logits, before = batch
    rule = Share(MaxProbability(), need, (share,))
    asked = round(share * before[0].numel())
    assert (rule.active(seen_of(logits, exit_), 0.5).flatten(1).sum(1) == asked).all()
    found = rule.active(seen_of(logits, exit_, before), 0.5)
    assert torch.equal(found.flatten(1).sum(1), before.flatten(1).sum(1).clamp_max(asked))
    assert not (found & ~before).any()


@settings(deadline=None)
@given(batch=batches(), need=st.sampled_from(NEEDS), level=st.floats(0, 1))
def test_an_image_is_judged_by_itself(batch: tuple[Tensor, Tensor], need: Doubt, level: float) -> None:
    """Alone as in any batch, again as at first, by a share as by a level."""
    logits, before = batch
    for rule in (Share(MaxProbability(), need, (level,)), Above(MaxProbability(), need, level)):
        whole = rule.active(seen_of(logits, 2, before), 0.5)
        alone = [
            rule.active(seen_of(logits[i : i + 1], 2, before[i : i + 1]), 0.5) for i in range(len(logits))
        ]
        assert torch.equal(whole, torch.cat(alone))
        assert torch.equal(whole, rule.active(seen_of(logits.clone(), 2, before), 0.5))


def test_a_share_keeps_the_least_sure() -> None:
    """Nothing that drops out is less sure than what stays; for pose, nothing is hotter."""
    logits = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    for measure, sign in ((MaxProbability(), -1), (PeakHeat(), 1)):
        seen = seen_of(logits, rule=measure)
        active = Share(measure, Doubt(), (0.25,)).active(seen, 0.5)
        order = sign * seen.confidence
        for image, kept in zip(order, active, strict=True):
            assert image[kept].min() >= image[~kept].max()


def test_shares_go_by_exit() -> None:
    """The last stands for all that follow."""
    rule = Share(MaxProbability(), Doubt(), (0.75, 0.5))
    logits = torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert [int(rule.active(seen_of(logits, exit_), 0.5).sum()) for exit_ in (1, 2, 3)] == [48, 32, 32]


def test_entropy_is_a_share_of_the_largest() -> None:
    """1 where all classes are as likely, 0 where one is certain, also where there is but one."""
    logits = torch.stack([torch.zeros(4), torch.tensor([99.0, 0, 0, 0])], 1).view(1, 4, 1, 2)
    assert Entropy().of(seen_of(logits), MaxProbability()).flatten().tolist() == pytest.approx(
        [1, 0], abs=1e-6
    )
    assert Entropy().of(seen_of(logits[:, :1]), MaxProbability()).flatten().tolist() == [0, 0]


def test_chance_is_even_and_other_at_every_exit() -> None:
    """Rows, columns and exits do not repeat one another; a larger image has the smaller one's numbers."""
    first, second = (drawn(64, 96, exit_, torch.device("cpu")) for exit_ in (1, 2))
    counts = torch.histc(first, 16, 0, 1)
    assert (counts / counts.mean() - 1).abs().max() < 0.2
    for other in (second, first.roll(1, 0), first.roll(1, 1)):
        assert abs(torch.corrcoef(torch.stack([first.flatten(), other.flatten()]))[0, 1]) < 0.05
    assert torch.equal(drawn(32, 48, 1, torch.device("cpu")), first[:32, :48])


def test_lots_fall_on_doubt_and_not_only_there() -> None:
    """Drawn positions are less sure than others on average, but are not just the least sure."""
    logits = 2 * torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    seen = seen_of(logits)
    lots, least = (Share(MaxProbability(), need, (0.3,)).active(seen, 0.5) for need in (Lot(), Doubt()))
    chance = Share(MaxProbability(), Chance(), (0.3,)).active(seen, 0.5)
    means = [seen.confidence[active].mean().item() for active in (least, lots, chance)]
    assert means == sorted(means)
    assert means[1] - means[0] > 0.02
    assert means[2] - means[1] > 0.02


@pytest.mark.parametrize("text", ["card", "threshold", "cascade", *CHOICES, "sampling=1/0.5/0"])
def test_a_rule_is_read_as_it_is_written(text: str) -> None:
    """And written as it is read."""
    assert mask_choice(text).text == text
    assert mask_choice(text).values == tuple(float(v) for v in text.partition("=")[2].split("/") if v)


@pytest.mark.parametrize(
    "text",
    ["", "topk=0.4", "share", "share=", "share=2", "share=nan", "share=-0.1", "share=0.4/0.5", "card=1",
     "random=x", "entropy=0.1/0.1", "cascade=", "threshold=1.5", "share=0.4/", "entropy"],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_the_rules(text: str) -> None:
    """One sentence: what was written, and what could be."""
    with pytest.raises(ValueError, match="must be") as refused:
        mask_choice(text)
    assert str(refused.value) == f"{text}: must be {WORDS}"
    assert all(form in WORDS for form in FORMS.values())


@pytest.fixture(scope="module")
def fill() -> str:
    """As the shipped model."""
    return "hold"


def chosen(network: AnytimeHrnet, text: str) -> AnytimeHrnet:
    found = copy.copy(network)
    choose(found, mask_choice(text))
    return found


def answers(network: AnytimeHrnet, images: Tensor) -> list[Prediction]:
    found, state = [], network.start(images)
    with torch.inference_mode():
        for exit_ in range(1, 5):
            state = finish(network.stage(exit_, state))
            assert state.prediction is not None
            found.append(state.prediction)
    return found


@pytest.mark.parametrize("text", [each for each in CHOICES if not mask_choice(each).fill])
def test_a_network_refines_by_its_rule(settled: AnytimeHrnet, images: Tensor, text: str) -> None:
    """Masks are nested, sure positions keep their answer, shares are kept, and batches change nothing."""
    network = chosen(settled, text)
    found = answers(network, images[:2])
    for earlier, later in itertools.pairwise(found):
        assert not (later.active & ~earlier.active).any()
        kept = ~earlier.active.unsqueeze(1).expand_as(later.logits)
        assert torch.equal(later.logits[kept], earlier.logits[kept])
    if "share" in text:
        assert [each.active.double().mean().item() for each in found] == pytest.approx(
            [0.5, 0.3, 0.3, 0.3], abs=2e-3
        )
    alone = answers(network, images[1:2])
    for each, single in zip(found, alone, strict=True):
        assert torch.equal(each.active[1:2], single.active)


@pytest.mark.slow
@pytest.mark.parametrize(("text", "fill_"), [("sampling=0.4", "rbf"), ("cascade", "whole")])
def test_rules_may_bring_their_own_fill(
    half: AnytimeHrnet, images: Tensor, tmp_path: Path, text: str, fill_: str
) -> None:
    """Weights trained to hold are interpolated, or computed everywhere; what is kept is kept."""
    folder = tmp_path / fill_
    card = Card(
        name="held",
        network="hrnet-w18s-adpc",
        classes=half.spec.classes,
        threshold=half.spec.threshold,
        fill="hold",
    )
    write(folder, half.state_dict(), card)
    network = load(folder, mask_rule=mask_choice(text))
    assert (network.spec.mask_rule, network.filling.keeps) == (text, True)
    found = answers(network, images[:1])
    dense = answers(load(folder, masking=False), images[:1])
    costs = [each.gmacs for each in profile(network, (64, 96), [each.active for each in found[:-1]]).exits]
    most = [each.gmacs for each in profile(network, (64, 96)).exits]
    assert 0 < found[0].active.double().mean() < 1
    refined = found[0].active.unsqueeze(1).expand_as(found[1].logits)
    if fill_ == "whole":
        torch.testing.assert_close(found[1].logits[refined], dense[1].logits[refined])
        assert costs == most
    else:
        assert found[0].active.double().mean().item() == pytest.approx(0.4, abs=2e-3)
        assert costs[-1] < most[-1]


def test_what_has_no_masks_takes_no_rule(settled: AnytimeHrnet) -> None:
    """A network without them, one with masking off, entropy of heat: a sentence each; the card's rule always fits."""
    dense = build("hrnet-w18s-ee")
    choose(dense, MaskChoice())
    off = copy.copy(settled)
    off.masking = False
    for network in (dense, off):
        with pytest.raises(BadInputError, match="needs a network with confidence adaptivity"):
            choose(network, mask_choice("share=0.4"))
    pose = build("hrnet-w18s-pose-adpc")
    with pytest.raises(BadInputError, match="no entropy"):
        choose(pose, mask_choice("entropy=0.1"))
    choose(pose, mask_choice("share=0.4"))
    assert pose.spec.mask_rule == "share=0.4"


def test_a_threshold_may_be_chosen_too(settled: AnytimeHrnet) -> None:
    """It takes the place of the card's, by the same rule, which kernels know."""
    network = copy.copy(settled)
    network.spec = dataclasses.replace(settled.spec, threshold=0.3)
    found = chosen(network, "threshold=0.9")
    assert (found.rule, found.spec.threshold, found.spec.mask_rule) == (MaxProbability(), 0.9, "")
    assert chosen(network, "cascade").spec.threshold == pytest.approx(0.3)
