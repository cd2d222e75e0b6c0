"""The tables of a scenario file, as the values of `traffic`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from interim.loadtest.arrivals import Arrivals, Gamma, Poisson, Regular, TwoState
from interim.loadtest.budgets import Budgets, Choice, Constant, LogNormal, Uniform
from interim.loadtest.traffic import Readers, RequestClass, Revisions, Traffic
from interim.loadtest.varying import Daily, Steps, read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from interim.loadtest.entries import Entries
    from interim.loadtest.traffic import LoadOf

_WIDEST: Final = 20.0  # deviations of the logarithm
_PROCESSES: Final = ("poisson", "regular", "gamma", "two-state", "steps", "daily", "trace")
_LOADS: Final[tuple[LoadOf, ...]] = ("", "exit 1", "full runs")


def parse_traffic(entries: Entries, path: Path) -> Traffic:
    """The traffic that a scenario file describes; relative paths in it start from the file's folder.

    Raises:
        ScenarioError: An entry breaks a rule; the message names the line.
    """
    seed = entries.whole("seed", 1)
    unit = entries.text("budgets_in", "ms", of=("ms", "runs"))
    arrivals = entries.table("arrivals")
    load_of = _load_of(arrivals)
    classes = _classes(entries, unit)
    budgets = classes[0].budgets if classes else _budgets(entries.table("budget"), unit)
    revisions, readers, streams = (entries.table(name) for name in ("revisions", "readers", "streams"))
    labels, pictures = entries.text("labels", ""), entries.texts("pictures")
    if labels and not pictures:
        raise entries.error("labels", "needs pictures: drawn ones have no labels")
    traffic = Traffic(
        name=path.stem,
        about=entries.text("about", ""),
        seed=seed,
        duration_s=entries.number("duration_s"),
        arrivals=_arrivals(arrivals, path, seed, "load" if load_of else "rate_hz"),
        budgets=budgets,
        pictures=tuple(path.parent / picture for picture in pictures),
        labels=path.parent / labels if labels else None,
        picture_px=_size(entries),
        drawn=entries.whole("drawn", 1, least=1),
        model=entries.text("model", ""),
        max_exit=entries.whole("max_exit", 0),
        request_class=entries.text("class", ""),
        classes=classes,
        revisions=Revisions(share=revisions.share("share", 0.0), shorten=revisions.share("shorten", 0.7)),
        readers=_readers(readers),
        streams=streams.whole("count", 0),
        newest_wins=streams.flag("newest_wins"),
        load_of=load_of,
        in_runs=unit == "runs",
    )
    for table in (revisions, readers, streams):
        table.done()
    return traffic


def _load_of(entries: Entries) -> LoadOf:
    written = entries.text("load_of", "", of=_LOADS)
    return next(each for each in _LOADS if each == written)


def _arrivals(entries: Entries, path: Path, seed: int, rate: str) -> Arrivals:
    """The process; `rate` is what its entry is called: `rate_hz`, or `load` where it is a share."""
    process = entries.text("process", of=_PROCESSES)
    arrivals: Arrivals
    if process == "steps":
        arrivals = _steps(entries, rate)
    elif process == "trace":
        arrivals = _trace(entries, path, seed, rate)
    else:
        arrivals = _steady(process, entries, entries.number(rate))
    entries.done()
    return arrivals


def _steady(process: str, entries: Entries, rate_hz: float) -> Arrivals:
    if process == "gamma":
        return Gamma(rate_hz=rate_hz, variation=entries.number("variation"))
    if process == "two-state":
        return TwoState(
            rate_hz=rate_hz,
            calm=entries.number("calm", 0.4),
            burst=entries.number("burst", 3.4),
            calm_s=entries.number("calm_s"),
            burst_s=entries.number("burst_s"),
        )
    if process == "daily":
        return Daily(rate_hz=rate_hz, swing=entries.share("swing"), day_s=entries.number("day_s"))
    return Poisson(rate_hz=rate_hz) if process == "poisson" else Regular(rate_hz=rate_hz)


def _steps(entries: Entries, rate: str) -> Steps:
    key = "loads" if rate == "load" else "rates_hz"
    rates, at_s = entries.numbers(key), entries.numbers("at_s", ())
    if len(at_s) != len(rates) - 1 or list(at_s) != sorted(set(at_s)):
        raise entries.error(
            "at_s", f"must rise, and say when each of the {len(rates) - 1} later steps begins"
        )
    return Steps(rates_hz=rates, at_s=(0.0, *at_s))


def _trace(entries: Entries, path: Path, seed: int, rate: str) -> Arrivals:
    counts = entries.text("counts", "")
    column = counts or entries.text("instants")
    start_s = entries.number("from_s", 0.0, above=-1.0)
    file = path.parent / entries.text("file")
    trace = read_trace(file, column=column, counts=bool(counts), from_s=start_s, seed=seed)
    return trace.at_rate(entries.number(rate)) if rate in entries or rate == "load" else trace


def _classes(entries: Entries, unit: str) -> tuple[RequestClass, ...]:
    classes = []
    for table in entries.tables("classes"):
        classes.append(
            RequestClass(
                name=table.text("name"),
                share=table.number("share"),
                budgets=_budgets(table.table("budget"), unit),
                max_exit=table.whole("max_exit", 0),
            )
        )
        table.done()
    return tuple(classes)


def _budgets(entries: Entries, unit: str) -> Budgets:
    """A distribution; its numbers are called `..._ms`, or `..._runs` where they are full runs."""
    distribution = entries.text("distribution", of=("constant", "uniform", "lognormal", "choice"))
    budgets: Budgets
    if distribution == "constant":
        budgets = Constant(ms=entries.number(unit))
    elif distribution == "uniform":
        low_ms = entries.number(f"low_{unit}")
        budgets = Uniform(low_ms=low_ms, high_ms=entries.number(f"high_{unit}", above=low_ms))
    elif distribution == "lognormal":
        budgets = LogNormal(median_ms=entries.number(f"median_{unit}"), spread=_spread(entries))
    else:
        budgets = _choice(entries, unit)
    entries.done()
    return budgets


def _spread(entries: Entries) -> float:
    spread = entries.number("spread")
    if spread > _WIDEST:
        raise entries.error(
            "spread", f"must be at most {_WIDEST:g}, not {spread:g}: budgets would be endless"
        )
    return spread


def _choice(entries: Entries, unit: str) -> Choice:
    choice = Choice(values_ms=entries.numbers(f"values_{unit}"), weights=entries.numbers("weights", ()))
    if choice.weights and len(choice.weights) != len(choice.values_ms):
        raise entries.error("weights", f"must have one weight a value: {len(choice.values_ms)}")
    return choice


def _readers(entries: Entries) -> Readers:
    slow = entries.share("slow", 0.0)
    return Readers(
        cancelled=entries.share("cancelled", 0.0),
        slow=slow,
        pause_ms=entries.number("pause_ms") if slow else 0.0,
    )


def _size(entries: Entries) -> tuple[int, int]:
    sides = entries.numbers("picture_px", (480.0, 360.0))
    if len(sides) != 2 or any(side % 1 for side in sides):
        raise entries.error("picture_px", "must be two whole numbers: width and height in pixels")
    width, height = sides
    return int(width), int(height)
