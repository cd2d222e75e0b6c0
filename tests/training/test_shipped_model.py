"""The shipped model does what its card says, on the data pack."""

import json
from pathlib import Path

import pytest

from interim.model_zoo.checkpoint import read
from interim.training.main import main

DATA = Path(__file__).parents[3] / "shared" / "data" / "camvid"


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.skipif(not DATA.is_dir(), reason="the data pack with CamVid is not beside the checkout")
def test_the_default_model_reaches_what_its_card_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the union at the last exit, far more than at the first, and the card's own numbers."""
    assert main(["evaluate", "default", "--data", str(DATA), "--split", "val", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    card = read("default").card.adaptive
    assert card is not None
    assert found["images"] == card.images == 101
    assert found["miou"][3] >= 0.50
    assert found["miou"][3] > found["miou"][0] + 0.05
    for name in ("miou", "quality", "ece", "active_share"):
        assert found[name] == pytest.approx(getattr(card, name), abs=0.005)
