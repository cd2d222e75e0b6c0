"""Masking rules side by side: quality against counted work, on the shipped model, with nothing trained.

Wang et al., "Confidence Adaptive Anytime Pixel-Level Recognition" (ADP-C, ICLR 2022), "Masking Criterion": as there,
rules are only changed when the network runs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from interim.model_zoo.checkpoint import SHIPPED, WEIGHTS, load
from interim.model_zoo.execution import execution
from interim.model_zoo.mask_choice import MaskChoice, mask_choice
from interim.model_zoo.mask_rules import choose
from interim.training.evaluation import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from interim.model_zoo.anytime import AnytimeModel
    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.data.folder import LabelledFolder
    from interim.training.data.layout import Layout, Pair
    from interim.training.experiments.record import Results

SPLIT, STEP = "val", 2
"""Every so many images of it are measured."""

MODEL = "default"
WEIGHTS_PART = "weights"
"""What of the record tells the weights: the model's name, and how their file's SHA-256 begins."""

DENSE = "every position"
INTERPOLATED = "share, interpolated"
"""What `sampling` fills with, under the masks of `share`: what is due to the draw, and what to the fill."""

_SHARES = ("0.1", "0.25", "0.4", "0.6", "0.8")
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "threshold": ("0.6", "0.8", "0.9", "0.97", "0.995"),
    "share": _SHARES,
    "entropy": ("0.5", "0.3", "0.15", "0.06", "0.015"),
    "random": _SHARES,
    "cascade": ("0.6", "0.8", "0.9", "0.97"),
    "sampling": _SHARES[1:],
    INTERPOLATED: _SHARES[1:],
}
"""By rule, from few positions to many."""


@dataclass(frozen=True, slots=True)
class _Thinned:
    """A layout with every `step`-th image of each split."""

    whole: Layout
    step: int

    def splits(self) -> tuple[str, ...]:
        return self.whole.splits()

    def names(self, split: str) -> tuple[str, ...]:
        return self.whole.names(split)[:: self.step]

    def pair(self, name: str) -> Pair:
        return self.whole.pair(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One point of a curve: a rule's name in the record, and its value (none: no position is masked)."""

    rule: str
    value: str = ""

    @property
    def key(self) -> str:
        """Its name in the record."""
        return f"{self.rule}={self.value}" if self.value else self.rule


def settings() -> tuple[Setting, ...]:
    """All of them, the one without masks first."""
    curves = [Setting(rule=rule, value=value) for rule, values in SETTINGS.items() for value in values]
    return (Setting(rule=DENSE), *curves)


def compare_masks(folder: LabelledFolder, results: Results) -> None:
    """Measure every setting that `results` lacks, image by image, in float32, on kernels where there are any.

    What other weights gave is dropped.

    Raises:
        DataError: the folder is not as it should be, or has other classes than the model.
    """
    some = dataclasses.replace(folder, layout=_Thinned(folder.layout, STEP))
    if results.get(WEIGHTS_PART) != _weights():
        results.clear()
    missing = [each for each in settings() if each.key not in results]
    if missing:
        results[WEIGHTS_PART] = _weights()
    for each in tqdm(missing, "settings", disable=None, leave=False):
        began = time.monotonic()
        network = _network(each)
        measured = evaluate(network, some, SPLIT, kernels=_ready(network)).measured
        results[each.key] = _kept(dataclasses.asdict(measured)) | {
            "seconds": round(time.monotonic() - began, 1)
        }


def _weights() -> str:
    file = SHIPPED / MODEL / WEIGHTS
    return f"{MODEL} {hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def _network(setting: Setting) -> AnytimeHrnet:
    if setting.rule == DENSE:
        return load(MODEL, masking=False)
    if setting.rule != INTERPOLATED:
        return load(MODEL, mask_rule=mask_choice(setting.key))
    network = load(MODEL, mask_rule=MaskChoice(name="sampling", values=(1.0,)))
    choose(network, mask_choice(f"share={setting.value}"))
    return network


def _ready(network: AnytimeHrnet) -> AnytimeModel:
    """The network made ready to run on this processor."""
    return execution(
        network, dtype=torch.float32, masking=network.masking, device=torch.device("cpu"), asked=True
    ).model


def _kept(measured: dict[str, Any]) -> dict[str, Any]:
    return {name: measured[name] for name in ("images", "miou", "active_share", "gmacs")}
