"""What a run sends: a scenario, read from a TOML file or by its built-in name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interim.loadtest.entries import ScenarioError, parse_entries, reason
from interim.loadtest.traffic import Traffic
from interim.loadtest.traffic_tables import parse_traffic

if TYPE_CHECKING:
    from interim.loadtest.entries import Entries


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
        return parse_scenario(path.read_text(encoding="utf-8-sig"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"The scenario {path} cannot be read ({reason(error)}).") from error


def parse_scenario(text: str, path: Path) -> Scenario:
    """The scenario in a TOML text; `path` names it, and relative paths in it start from its folder.

    Raises:
        ScenarioError: an entry breaks a rule; the message names the line.
    """
    entries = parse_entries(text, path.name)
    kind = entries.text("kind", "traffic", of=("traffic", "clip"))
    scenario = _clip(entries, path) if kind == "clip" else parse_traffic(entries, path)
    entries.done()
    return scenario


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


def described(scenario: Scenario) -> dict[str, Any]:
    """A scenario as plain data, with the words its file has for arrivals and budgets."""
    plain: dict[str, Any] = json.loads(json.dumps(asdict(scenario), default=str))
    if isinstance(scenario, Traffic):
        plain["arrivals"]["process"] = type(scenario.arrivals).__name__.lower()
        plain["arrivals"].pop("times_s", None)  # a recording is long, and has a file of its own
        plain["budgets"]["distribution"] = type(scenario.budgets).__name__.lower()
    return plain
