"""Windows of small images: drawn from seed and step, images and labels alike."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from interim.model_zoo.metrics import confusion
from interim.training.data.folder import open_folder
from interim.training.experiments.views import Views, confusions, views, windows

SIDE = 32


def drawn() -> Views:
    """Two images whose left half is black, of class 0, and whose right half is white, of class 1."""
    images = torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8)
    labels = torch.zeros(2, SIDE, SIDE, dtype=torch.uint8)
    images[..., SIDE // 2 :] = 255
    labels[..., SIDE // 2 :] = 1
    return Views(images=images, labels=labels)


def test_labels_go_with_their_pixels() -> None:
    """Cut, mirrored, enlarged and brightened together; only the edge between two classes is blurred."""
    agreed = []
    for step in range(8):
        images, labels = windows(drawn(), step, batch=4, seed=1, crop=(16, 24))
        assert images.shape == (4, 3, 16, 24)
        assert labels.shape == (4, 16, 24)
        agreed.append(((images[:, 0] > 0) == (labels == 1)).float().mean().item())
    assert min(agreed) > 0.9


def test_windows_follow_from_seed_and_step() -> None:
    """The same again, and others for another step or seed."""
    found = [windows(drawn(), step, batch=3, seed=seed)[0] for step, seed in ((0, 0), (0, 0), (1, 0), (0, 1))]
    assert found[0].equal(found[1])
    assert not found[0].equal(found[2])
    assert not found[0].equal(found[3])


def test_a_split_becomes_images_of_one_size(scenes: Path) -> None:
    """With all their classes, and nothing else."""
    folder = open_folder(scenes)
    found = views(folder, "val", (48, 64))
    assert found.images.shape == (2, 3, 48, 64)
    assert found.labels.shape == (2, 48, 64)
    ids = set(found.labels.flatten().tolist()) - {255}
    assert ids <= set(range(len(folder.classes)))


def test_confusions_are_the_metrics_own() -> None:
    """Each exit's answer to each image, enlarged to the labels; what is not labelled does not count."""
    data = drawn()
    data.labels[0, :4] = 255
    coarse = torch.randn(2, 3, 2, SIDE // 4, SIDE // 4, generator=torch.Generator().manual_seed(2))
    turn = iter(range(2))

    def answers(images: Tensor) -> list[Tensor]:
        assert images.shape[0] == 1
        return list(coarse[next(turn)].repeat_interleave(4, -1).repeat_interleave(4, -2)[:, None])

    found = confusions(answers, data, 2)
    assert found.shape == (3, 2, 2, 2)
    for image in range(2):
        fine = coarse[image].repeat_interleave(4, -1).repeat_interleave(4, -2).argmax(1)
        for exit_ in range(3):
            expected = confusion(data.labels[image].numpy(), fine[exit_].numpy(), 2)
            np.testing.assert_array_equal(found[exit_, image], expected)
