"""What a server's stages cost and how many requests it carries: measured through it, or as it says itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from interim.loadtest.entries import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from interim.client import Model, Status

_UNTOLD_MS = 2.0  # between the wire and the device, where nobody measured it


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """One server with one model and one size of images.

    Attributes:
        model: Its name.
        quality: Validated, of each exit from 1; empty where the model does not say.
        exit1_hz: How many requests a second it carries to exit 1.
        full_hz: How many to the last exit.
        full_ms: What one full request takes on an idle server, as the server says.
        overhead_ms: What a request takes besides its stages: decoding, encoding, hand-overs.
        pictures: By picture, runs on an idle server; of each, the milliseconds of its stages.
    """

    model: str
    quality: tuple[float, ...]
    exit1_hz: float
    full_hz: float
    full_ms: float
    overhead_ms: float
    pictures: tuple[tuple[tuple[float, ...], ...], ...]

    @property
    def stage_ms(self) -> tuple[float, ...]:
        """The mean of each stage, over all pictures and runs."""
        return tuple(fmean(times) for times in zip(*self._runs, strict=True))

    @property
    def worst_ms(self) -> tuple[float, ...]:
        """The most each stage took."""
        return tuple(max(times) for times in zip(*self._runs, strict=True))

    @property
    def _runs(self) -> list[tuple[float, ...]]:
        return [run for runs in self.pictures for run in runs]

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_table(self) -> str:
        """Lines for people."""
        stages = ", ".join(f"{ms:.1f}" for ms in self.stage_ms)
        rows = [
            ("model", self.model),
            ("carries to exit 1", f"{self.exit1_hz:.2f} requests/s"),
            ("carries in full", f"{self.full_hz:.2f} requests/s"),
            ("a full run alone", f"{self.full_ms:.1f} ms"),
            ("stages", f"{stages} ms"),
            ("besides stages", f"{self.overhead_ms:.1f} ms"),
        ]
        return "\n".join(f"{name:<22} {text}" for name, text in rows)


def costs_of(status: Status, model: Model) -> Costs:
    """What a server says of itself, from its measurement at the start.

    Raises:
        ScenarioError: It has not measured this model.
    """
    stages = next((worker.stages for worker in status.workers if worker.model == model.name), ())
    if not stages:
        raise ScenarioError(f"The server does not say what the stages of {model.name!r} cost: measure them.")
    means, worst = (tuple(getattr(stage, name) for stage in stages) for name in ("mean_ms", "p99_ms"))
    known = [one.quality for one in model.exits if one.quality is not None]
    return Costs(
        model=model.name,
        quality=tuple(known) if len(known) == len(stages) else (),
        exit1_hz=1e3 / means[0],
        full_hz=1e3 / sum(means),
        full_ms=sum(means) + _UNTOLD_MS,
        overhead_ms=_UNTOLD_MS,
        pictures=((means, worst, *([means] * 98)),),  # the worst is one in a hundred
    )


def write_costs(path: Path, costs: Costs) -> None:
    """Writes a file for `--costs`.

    Raises:
        ScenarioError: It cannot be written.
    """
    try:
        path.write_text(json.dumps({"costs": costs.as_json()}) + "\n", encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be written: {error}.") from error


def read_costs(path: Path) -> Costs:
    """The costs in a file of `interim-load measure`, or in that of a run that measured them.

    Raises:
        ScenarioError: The file cannot be read, or holds none.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))["costs"]
        return _costs(facts)
    except OSError as error:
        raise ScenarioError(f"The costs {path} cannot be read: {error}.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ScenarioError(
            f"{path} holds no costs: write them with `interim-load measure --json FILE`."
        ) from error


def _costs(facts: Mapping[str, Any]) -> Costs:
    numbers = {name: float(facts[name]) for name in ("exit1_hz", "full_hz", "full_ms", "overhead_ms")}
    pictures = tuple(tuple(tuple(map(float, run)) for run in runs) for runs in facts["pictures"])
    lengths = {len(run) for runs in pictures for run in runs}
    if len(lengths) != 1 or min(numbers["exit1_hz"], numbers["full_hz"], numbers["full_ms"]) <= 0:
        raise ValueError
    quality = tuple(map(float, facts["quality"]))
    return Costs(model=str(facts["model"]), quality=quality, pictures=pictures, **numbers)
