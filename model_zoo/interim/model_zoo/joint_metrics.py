"""How good joints are; numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from interim.model_zoo.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

HALF = 0.5


def joint_hits(
    truth: NDArray[np.floating],
    found: NDArray[np.floating],
    lengths: NDArray[np.floating],
    *,
    share: float = HALF,
) -> NDArray[np.bool_]:
    """Which joints lie close enough to the true ones, (people, joints) bool.

    Args:
        truth: True joints (people, joints, 2).
        found: Found joints, of the same shape and in the same pixels.
        lengths: What each person is measured by (people,), in these pixels: the torso or the head.
        share: Close enough is at most this share of the length.

    Raises:
        BadInputError: the shapes differ, or a length is not above 0.
    """
    if truth.shape != found.shape or lengths.shape != truth.shape[:1]:
        shapes = f"{truth.shape}, {found.shape} and {lengths.shape}"
        raise BadInputError(f"joints and lengths of shapes {shapes} do not fit: give one length a person")
    if not (lengths > 0).all():
        raise BadInputError("a person's length is not above 0: leave out people without a torso or a head")
    distance = np.linalg.norm(truth - found, axis=-1)
    return np.asarray(distance <= share * lengths[:, None])


def pck(hits: NDArray[np.bool_], known: NDArray[np.bool_]) -> float:
    """The percentage of correct key points, as a share of 1: hits among known joints; nan if none is known.

    With torsos as lengths it is PCK, with head boxes PCKh (Andriluka et al. 2014).
    """
    return float(hits[known].mean()) if known.any() else float("nan")


def joint_pck(hits: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each joint's own share of hits, (joints,); nan for a joint that is never known."""
    return _shares(hits, known, 0)


def person_pck(hits: NDArray[np.bool_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each person's own share of hits, (people,); nan for a person without a known joint."""
    return _shares(hits, known, 1)


def _shares(hits: NDArray[np.bool_], known: NDArray[np.bool_], axis: int) -> NDArray[np.float64]:
    counts = known.sum(axis)
    shares = np.full(counts.shape, np.nan)
    np.divide((hits & known).sum(axis), counts, out=shares, where=counts > 0)
    return shares
