"""Evaluation counts whole images exactly, exit by exit."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from interim.model_zoo.metrics import confusion, mean_iou
from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
from interim.model_zoo.registry import build
from interim.training.data.errors import DataError
from interim.training.data.folder import open_folder
from interim.training.data.sample import VOID
from interim.training.evaluation import evaluate, padded, run_exits
from interim.training.measuring import evaluated
from interim.training.scenes.labels import CLASSES


@pytest.fixture(scope="module")
def model() -> AnytimeHrnet:
    """Random weights, and a threshold that some positions pass."""
    torch.manual_seed(0)
    network = build("hrnet-w18s-adpc", classes=11).eval()
    network.spec = dataclasses.replace(network.spec, threshold=0.13)
    return network


def test_padding_repeats_the_border_and_keeps_the_image() -> None:
    """As in serving: below and to the right, up to the multiple."""
    image = np.random.default_rng(0).integers(0, 255, (33, 60, 3), dtype=np.uint8)
    whole = padded(image, 32)
    assert whole.shape == (1, 3, 64, 64)
    assert torch.equal(whole[0, :, :33, :60], torch.from_numpy(image).permute(2, 0, 1))
    assert torch.equal(whole[0, :, 40, :60], whole[0, :, 32, :60])


def test_scores_are_those_of_upsampled_logits(model: AnytimeHrnet, scenes: Path) -> None:
    """The same numbers as bilinear upsampling and argmax done the plain way, cropping included."""
    data = open_folder(scenes)
    found = evaluate(model, data, "val").measured
    counts = np.zeros((4, 11, 11), np.int64)
    for name in data.names("val"):
        sample = data.read(name)
        for index, prediction in enumerate(run_exits(model, padded(sample.image, 32))):
            fine = F.interpolate(prediction.logits, scale_factor=4, mode="bilinear", align_corners=False)
            labels = fine.argmax(1)[0, :96, :128].numpy()
            counts[index] += confusion(sample.labels, labels, 11)
    assert found.miou == pytest.approx([mean_iou(each) for each in counts])
    assert found.images == 2


def test_masking_saves_work_from_stage_to_stage(model: AnytimeHrnet, scenes: Path) -> None:
    """Active shares start at 1 and never grow; off, they are all 1 and the work is the full one."""
    data = open_folder(scenes)
    masked = evaluate(model, data, "val").measured
    model.masking = False
    dense = evaluate(model, data, "val").measured
    model.masking = True
    assert masked.active_share[0] == 1
    assert list(masked.active_share) == sorted(masked.active_share, reverse=True)
    assert masked.active_share[-1] < 1
    assert dense.active_share == (1, 1, 1, 1)
    assert masked.gmacs[0] == dense.gmacs[0]
    assert masked.gmacs[-1] < dense.gmacs[-1]


def test_other_classes_are_refused(scenes: Path) -> None:
    """A model of 5 classes is not measured on 11."""
    with pytest.raises(DataError, match="has 11 classes, but hrnet-w18s-ee has 5"):
        evaluate(build("hrnet-w18s-ee", classes=5), open_folder(scenes), "val")


def test_classes_of_other_names_are_refused(scenes: Path) -> None:
    """The first that differs is named; small and capital letters are alike."""
    model = build("hrnet-w18s-ee", classes=11)
    classes = [dataclasses.replace(each, name=each.name.upper()) for each in CLASSES]
    classes[2] = dataclasses.replace(classes[2], name="mast")
    model.spec = dataclasses.replace(model.spec, classes=tuple(classes))
    with pytest.raises(DataError, match=r"has 'Pole' where hrnet-w18s-ee has 'mast': .* its own names"):
        evaluated(model, open_folder(scenes), "val")


def test_a_split_without_a_label_is_refused(scenes: Path, tmp_path: Path) -> None:
    """There is nothing to measure, or to calibrate by."""
    data = shutil.copytree(scenes, tmp_path / "data")
    for path in (data / "labels").iterdir():
        Image.new("L", (128, 96), VOID).save(path)
    with pytest.raises(DataError, match=r"No pixel of the split 'val' of .* is labelled"):
        evaluate(build("hrnet-w18s-ee", classes=11), open_folder(data), "val")
