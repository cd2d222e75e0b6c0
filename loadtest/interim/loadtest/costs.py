"""What a server's stages cost and how many requests it carries: measured through it, or as it says itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from interim.loadtest.entries import ScenarioError, reason

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
        pictures: By picture, the mean milliseconds of its stages on the device.
        shares: By picture, the share of positions that each stage refines; 1 for the first.
        noise: By stage, what single runs took of their picture's mean.
        ready_ms: From arrivals to images in memory, on an idle server.
        after_ms: From a complete exit to its hand-over.
        margin_ms: How long before a deadline an exit must be complete to count, under load.
        least_ms: The least budget that a busy server does not call hopeless; 0: not measured.
    """

    model: str
    quality: tuple[float, ...]
    exit1_hz: float
    full_hz: float
    full_ms: float
    pictures: tuple[tuple[float, ...], ...]
    shares: tuple[tuple[float, ...], ...]
    noise: tuple[tuple[float, ...], ...]
    ready_ms: tuple[float, ...]
    after_ms: float
    margin_ms: float
    least_ms: float = 0.0

    @property
    def stage_ms(self) -> tuple[float, ...]:
        """The mean of each stage, over all pictures."""
        return tuple(fmean(times) for times in zip(*self.pictures, strict=True))

    @property
    def share(self) -> tuple[float, ...]:
        """The mean share of positions that each stage refines."""
        return tuple(fmean(shares) for shares in zip(*self.shares, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_table(self) -> str:
        """Lines for people."""
        stages = ", ".join(f"{ms:.1f}" for ms in self.stage_ms)
        ready_ms = fmean(self.ready_ms)
        least = f"{self.least_ms:.1f} ms" if self.least_ms else "not measured"
        rows = [
            ("model", self.model),
            ("carries to exit 1", f"{self.exit1_hz:.2f} requests/s"),
            ("carries in full", f"{self.full_hz:.2f} requests/s"),
            ("a full run alone", f"{self.full_ms:.1f} ms"),
            ("stages", f"{stages} ms"),
            ("before and after them", f"{ready_ms:.1f} ms, {self.after_ms:.1f} ms"),
            ("done before deadlines", f"{self.margin_ms:.1f} ms"),
            ("least budget, busy", least),
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
    ratios = (high / mean for high, mean in zip(worst, means, strict=True))
    return Costs(
        model=model.name,
        quality=tuple(known) if len(known) == len(stages) else (),
        exit1_hz=1e3 / means[0],
        full_hz=1e3 / sum(means),
        full_ms=sum(means) + _UNTOLD_MS,
        pictures=(means,),
        shares=((1.0,) * len(means),),
        noise=tuple((ratio, *([1.0] * 99)) for ratio in ratios),  # the worst is one in a hundred
        ready_ms=(_UNTOLD_MS / 2,),
        after_ms=_UNTOLD_MS / 2,
        margin_ms=_UNTOLD_MS / 2,
    )


def write_costs(path: Path, costs: Costs) -> None:
    """Writes a file for `--costs`.

    Raises:
        ScenarioError: It cannot be written.
    """
    try:
        path.write_text(json.dumps({"costs": costs.as_json()}) + "\n", encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be written ({reason(error)}).") from error


def read_costs(path: Path) -> Costs:
    """The costs in a file of `interim-load measure`, or in that of a run that measured them.

    Raises:
        ScenarioError: The file cannot be read, or holds none.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))["costs"]
        return _costs(facts)
    except OSError as error:
        raise ScenarioError(f"The costs {path} cannot be read ({reason(error)}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ScenarioError(
            f"{path} holds no costs: write them with `interim-load measure --json FILE`."
        ) from error


def _costs(facts: Mapping[str, Any]) -> Costs:
    numbers = {name: float(facts[name]) for name in _NUMBERS}
    pictures, shares, noise = (
        tuple(tuple(map(float, row)) for row in facts[name]) for name in ("pictures", "shares", "noise")
    )
    lengths = {len(row) for row in (*pictures, *shares)} | {len(noise)}
    rates = (numbers["exit1_hz"], numbers["full_hz"], numbers["full_ms"])
    if len(lengths) != 1 or len(pictures) != len(shares) or min(rates) <= 0 or not all(noise):
        raise ValueError
    return Costs(
        model=str(facts["model"]),
        quality=tuple(map(float, facts["quality"])),
        pictures=pictures,
        shares=shares,
        noise=noise,
        ready_ms=tuple(map(float, facts["ready_ms"])) or (0.0,),
        **numbers,
    )


_NUMBERS = ("exit1_hz", "full_hz", "full_ms", "after_ms", "margin_ms", "least_ms")
