"""A model measured on a data folder of its own task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.model_zoo.anytime import Task
from interim.training.data.folder import open_folder
from interim.training.data.people.folder import open_people_folder
from interim.training.evaluation import evaluate
from interim.training.pose_evaluation import evaluate_pose

if TYPE_CHECKING:
    from pathlib import Path

    from interim.model_zoo.networks.hrnet.network import AnytimeHrnet
    from interim.training.evaluation import Evaluation


def measure(model: AnytimeHrnet, root: Path, split: str) -> Evaluation:
    """Evaluate a model on labelled images, or a pose model on annotated people.

    Raises:
        DataError: the folder is not as it should be, or has other classes than the model.
    """
    if model.spec.task is Task.POSE:
        return evaluate_pose(model, open_people_folder(root, split), split)
    return evaluate(model, open_folder(root), split)
