"""The page on serving an own model shows code that works."""

import re
from pathlib import Path
from typing import Any

import torch

from interim.model_zoo.anytime import AnytimeModel, finish
from interim.server.engine.loading import load
from interim.server.engine.messages import Start

PAGE = Path(__file__).parents[2] / "docs/models.md"


def shown(folder: Path) -> None:
    """Write the page's code to a module, as a reader would."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found
    (folder / "shown_on_the_page.py").write_text(found[1])


def test_the_model_on_the_page_can_be_served(tmp_path: Path, monkeypatch: Any) -> None:
    """A dark image is dark at both exits, a light one light, and both are sure of it."""
    shown(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    model: AnytimeModel = load(Start(model="shown_on_the_page:Brightness"), torch.device("cpu")).model
    images = torch.stack([torch.zeros(3, 32, 64), torch.full((3, 32, 64), 255)]).to(torch.uint8)
    state = model.start(images)
    for exit_ in (1, 2):
        state = finish(model.stage(exit_, state))
        assert state.prediction is not None
        assert state.prediction.logits.shape == (2, 2, 8, 16)
        labels = state.prediction.logits.argmax(1)
        assert (labels[0] == 0).all()
        assert (labels[1] == 1).all()
        assert not state.prediction.active.any()
