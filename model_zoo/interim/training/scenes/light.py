"""The light of a scene: sky, haze, sun and exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """How a scene is lit.

    Colours are RGB, 0 to 255: `zenith` and `horizon` of the sky, `tint` of everything else (255 is
    neutral). `haze_m`: the distance at which two thirds of a colour are lost. `side`: -1 the sun
    comes from the left, 1 from the right. `shadow`: how dark shadows are (1: no shadow).
    """

    zenith: Color
    horizon: Color
    tint: Color
    haze_m: float
    side: int
    shadow: float
    clouds: float
    grain: float


def draw_light(rng: np.random.Generator) -> Light:
    """One of four kinds of weather, varied."""
    kinds = (
        ((92, 142, 206), (206, 222, 236), (255, 250, 238), 260.0, 0.55, 0.5, 1.5),  # sun
        ((196, 202, 208), (226, 228, 230), (228, 232, 238), 160.0, 0.9, 0.25, 2.0),  # overcast
        ((84, 92, 138), (236, 176, 128), (196, 160, 140), 140.0, 0.8, 0.7, 4.0),  # dusk
        ((130, 142, 158), (188, 194, 200), (150, 156, 168), 110.0, 0.92, 0.5, 3.5),  # dull morning
    )
    zenith, horizon, tint, haze_m, shadow, clouds, grain = kinds[int(rng.integers(len(kinds)))]
    vary = rng.uniform(0.9, 1.08) * rng.uniform(0.98, 1.02, size=3)
    return Light(
        zenith=_times(zenith, vary),
        horizon=_times(horizon, vary),
        tint=_times(tint, rng.uniform(0.85, 1.1) * rng.uniform(0.98, 1.02, size=3)),
        haze_m=haze_m * rng.uniform(0.7, 1.4),
        side=int(rng.choice((-1, 1))),
        shadow=shadow,
        clouds=clouds * rng.uniform(0.3, 1.3),
        grain=grain * rng.uniform(0.5, 1.5),
    )


def lit(color: Color, light: Light, distance_m: float, shade: float = 1.0) -> tuple[int, int, int]:
    """A surface's colour as it is seen from `distance_m` away."""
    clear = np.exp(-distance_m / light.haze_m)
    surface = np.asarray(color) * np.asarray(light.tint) / 255 * shade
    seen = np.clip(surface * clear + np.asarray(light.horizon) * 0.92 * (1 - clear), 0, 255)
    return int(seen[0]), int(seen[1]), int(seen[2])


def _times(color: Color, factor: NDArray[np.float64]) -> Color:
    red, green, blue = np.clip(np.asarray(color) * factor, 0, 255)
    return float(red), float(green), float(blue)
