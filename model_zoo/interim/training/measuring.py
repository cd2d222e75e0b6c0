"""A model measured on data of its own task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.anytime import Task
from interim.training.data.errors import DataError
from interim.training.data.folder import LabelledFolder, open_folder
from interim.training.data.people.folder import open_people_folder
from interim.training.evaluation import evaluate
from interim.training.pose_evaluation import evaluate_pose

if TYPE_CHECKING:
    from pathlib import Path

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.evaluation import Evaluation
    from interim.training.material import Data


def measure(model: AnytimeHrnet, root: Path, split: str) -> Evaluation:
    """Evaluate a model on labelled images, or a pose model on annotated people.

    Raises:
        DataError: the folder is not as it should be, or has other classes than the model.
    """
    return evaluated(model, data_of(model, root, split), split)


def data_of(model: AnytimeHrnet, root: Path, split: str) -> Data:
    """The folder of what a model is for.

    Raises:
        DataError: the folder is not as it should be.
    """
    return open_people_folder(root, split) if model.spec.task is Task.POSE else open_folder(root)


def evaluated(model: AnytimeHrnet, data: Data, split: str) -> Evaluation:
    """Evaluate a model on a split of data of its own task.

    Raises:
        DataError: the data is not as it should be, or has other classes than the model.
    """
    # where the numbers differ, what evaluates says so
    for mine, theirs in zip(model.spec.classes, data.classes, strict=False):
        if mine.name.lower() != theirs.name.lower() and len(model.spec.classes) == len(data.classes):
            pair = f"{theirs.name!r} where {model.spec.name} has {mine.name!r}"
            raise DataError(f"{data.root} has {pair}: measure it on data with its own names, in their order.")
    if isinstance(data, LabelledFolder):
        return evaluate(model, data, split)
    return evaluate_pose(model, data, split)
