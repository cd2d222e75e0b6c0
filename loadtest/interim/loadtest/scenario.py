"""What a run sends: a scenario, read from a TOML file or by its built-in name."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from interim.loadtest.arrivals import Arrivals, Poisson, Regular
from interim.loadtest.budgets import Budgets, Choice, Constant, Uniform
from interim.loadtest.entries import Entries, ScenarioError, parse_entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Independent requests, sent open loop: arrivals and budgets are drawn from the seed alone.

    `pictures`: files or folders of images to send in turn; none: generated ones of `picture_px`
    (width, height). `max_exit` 0 means the model's last exit, an empty `model` the server's default.
    """

    name: str
    about: str = ""
    seed: int = 1
    duration_s: float
    arrivals: Arrivals
    budgets: Budgets
    pictures: tuple[Path, ...] = ()
    picture_px: tuple[int, int] = (480, 360)
    model: str = ""
    max_exit: int = 0
    request_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """The frames of one camera, sent on one session at `fps`, each with `budget_ms`, and scored.

    `frames`: a text file with one name a line; `images` holds NAME.jpg (or .jpeg, .png), `labels`
    NAME.png with class ids, 255 for void. `newest_wins`: a new frame supersedes older ones.
    """

    name: str
    about: str = ""
    frames: Path | None = None
    images: Path | None = None
    labels: Path | None = None
    fps: float
    budget_ms: float
    newest_wins: bool = False
    model: str = ""


Scenario = Traffic | Clip


def builtin_names() -> tuple[str, ...]:
    """The names of the scenarios that come with the package."""
    folder = resources.files(__package__).joinpath("scenarios")
    return tuple(sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml")))


def read_scenario(name_or_path: str) -> Scenario:
    """The scenario in a TOML file (a path that ends in .toml), or the built-in one of that name.

    Raises:
        ScenarioError: there is no such scenario, or one of its entries breaks a rule.
    """
    if not name_or_path.endswith(".toml"):
        if name_or_path not in builtin_names():
            known = ", ".join(builtin_names())
            raise ScenarioError(
                f"There is no scenario {name_or_path!r}: name a .toml file or one of {known}."
            )
        packaged = resources.files(__package__).joinpath("scenarios", f"{name_or_path}.toml")
        return parse_scenario(packaged.read_text(encoding="utf-8"), Path(f"{name_or_path}.toml"))
    path = Path(name_or_path)
    try:
        return parse_scenario(path.read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"The scenario {path} cannot be read: {error}.") from error


def parse_scenario(text: str, path: Path) -> Scenario:
    """The scenario in a TOML text; `path` names it, and relative paths in it start from its folder.

    Raises:
        ScenarioError: an entry breaks a rule; the message names the line.
    """
    entries = parse_entries(text, path.name)
    kind = entries.text("kind", "traffic", of=("traffic", "clip"))
    scenario = _clip(entries, path) if kind == "clip" else _traffic(entries, path)
    entries.done()
    return scenario


def faster(traffic: Traffic, *, rate_hz: float) -> Traffic:
    """The same traffic at another mean rate."""
    return dataclasses.replace(traffic, arrivals=traffic.arrivals.at_rate(rate_hz))


def _traffic(entries: Entries, path: Path) -> Traffic:
    return Traffic(
        name=path.stem,
        about=entries.text("about", ""),
        seed=entries.whole("seed", 1),
        duration_s=entries.number("duration_s"),
        arrivals=_arrivals(entries.table("arrivals")),
        budgets=_budgets(entries.table("budget")),
        pictures=tuple(path.parent / picture for picture in entries.texts("pictures")),
        picture_px=_size(entries),
        model=entries.text("model", ""),
        max_exit=entries.whole("max_exit", 0),
        request_class=entries.text("class", ""),
    )


def _clip(entries: Entries, path: Path) -> Clip:
    def place(key: str) -> Path | None:
        written = entries.text(key, "")
        return path.parent / written if written else None

    return Clip(
        name=path.stem,
        about=entries.text("about", ""),
        frames=place("frames"),
        images=place("images"),
        labels=place("labels"),
        fps=entries.number("fps"),
        budget_ms=entries.number("budget_ms"),
        newest_wins=entries.flag("newest_wins"),
        model=entries.text("model", ""),
    )


def _arrivals(entries: Entries) -> Arrivals:
    process = entries.text("process", of=("poisson", "regular"))
    rate_hz = entries.number("rate_hz")
    entries.done()
    return Poisson(rate_hz=rate_hz) if process == "poisson" else Regular(rate_hz=rate_hz)


def _budgets(entries: Entries) -> Budgets:
    distribution = entries.text("distribution", of=("constant", "uniform", "choice"))
    budgets: Budgets
    if distribution == "constant":
        budgets = Constant(ms=entries.number("ms"))
    elif distribution == "uniform":
        low_ms = entries.number("low_ms")
        budgets = Uniform(low_ms=low_ms, high_ms=entries.number("high_ms", above=low_ms))
    else:
        budgets = _choice(entries)
    entries.done()
    return budgets


def _choice(entries: Entries) -> Choice:
    choice = Choice(values_ms=entries.numbers("values_ms"), weights=entries.numbers("weights", ()))
    if choice.weights and len(choice.weights) != len(choice.values_ms):
        raise entries.error("weights", f"must have one weight a value: {len(choice.values_ms)}")
    return choice


def _size(entries: Entries) -> tuple[int, int]:
    sides = entries.numbers("picture_px", (480.0, 360.0))
    if len(sides) != 2 or any(side % 1 for side in sides):
        raise entries.error("picture_px", "must be two whole numbers: width and height in pixels")
    width, height = sides
    return int(width), int(height)
