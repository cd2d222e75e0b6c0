"""Samples are shrunk as a server shrinks images, labels with them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from interim.training.data.sample import VOID, Sample, shrunk


def halves(height: int, width: int) -> Sample:
    """The left half black and of class 0, the right half white and not labelled."""
    labels = np.zeros((height, width), np.uint8)
    labels[:, width // 2 :] = VOID
    return Sample(name="halves", image=np.stack([labels] * 3, 2), labels=labels)


@given(height=st.integers(1, 90), width=st.integers(2, 90), long_side=st.integers(1, 100))
def test_the_longer_side_is_at_most_what_is_served(height: int, width: int, long_side: int) -> None:
    """Image and labels keep one size, about one shape, and no label is invented; small ones stay themselves."""
    sample = halves(height, width)
    small = shrunk(sample, long_side)
    assert small.image.shape == (*small.labels.shape, 3)
    assert max(small.labels.shape) == min(max(height, width), long_side)
    assert set(np.unique(small.labels)) <= {0, VOID}
    assert (small is sample) == (max(height, width) <= long_side)
    shape = [max(1.0, side * max(small.labels.shape) / max(height, width)) for side in (height, width)]
    assert np.abs(np.subtract(small.labels.shape, shape)).max() <= 0.5


def test_labels_stay_on_their_pixels() -> None:
    """Black stays class 0, white stays unlabelled."""
    small = shrunk(halves(100, 200), 50)
    assert ((small.image[..., 0] > 127) == (small.labels == VOID)).mean() > 0.95
