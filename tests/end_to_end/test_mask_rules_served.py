"""The shipped model, served with a masking rule of choice, as its clients see it."""

import itertools

import numpy as np
import pytest
from tests.end_to_end.conftest import serving

from interim.client import Client

pytestmark = pytest.mark.slow

BUDGET_MS = 20_000
SHARES = (0.6, 0.3, 0.2, 0.2)


@pytest.mark.parametrize("execution", ["auto", "reference"])
def test_a_share_of_positions_is_refined_as_asked(execution: str) -> None:
    """Exactly so many after each exit, one mask inside the other; banner, status and catalogue tell the rule."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    options = ("--mask-rule", "share=0.6/0.3/0.2", "--warm-sizes", "64x96", "--execution", execution)
    with serving(*options) as server, Client(server.grpc) as client:
        seen = list(client.infer(picture, budget_ms=BUDGET_MS, active=True))
        assert seen[-1].exit == len(SHARES)
        masks = [each.active for each in seen if each.active is not None]
        wanted = [round(SHARES[each.exit - 1] * 16 * 24) for each in seen]  # a busy client misses some
        assert [int(mask.sum()) for mask in masks] == wanted
        for one, other in itertools.pairwise(masks):
            assert not (other & ~one).any()
        (model,) = client.models()
        assert model.mask_rule == "share=0.6/0.3/0.2"
        assert "share=0.6/0.3/0.2 chooses the pixels" in client.status().workers[0].execution
        assert "share=0.6/0.3/0.2 chooses the pixels" in server.said
