"""Independent requests as a scenario describes them, before a single one is drawn."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from interim.loadtest.arrivals import Arrivals
    from interim.loadtest.budgets import Budgets

LoadOf = Literal["", "exit 1", "full runs"]
"""What arrival rates are shares of: nothing (they are per second), or what the server can carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestClass:
    """Requests of one kind: a `share` of all (shares need not add up to 1), with budgets of their own."""

    name: str
    share: float
    budgets: Budgets
    max_exit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """This share of requests has its deadline moved, at some instant of the middle four fifths of its budget.

    `shorten` of them lose 30 to 100 % of what is left; the others get 20 to 100 % of the budget more.
    """

    share: float
    shorten: float = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """What readers do: the share of requests cancelled in flight, and that of slow readers.

    A slow reader waits `pause_ms` before it takes each message, on a stream of its own.
    """

    cancelled: float = 0.0
    slow: float = 0.0
    pause_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Independent requests, sent open loop: everything is drawn from the seed alone.

    Attributes:
        name: Of the scenario.
        about: In a line.
        seed: What arrivals, budgets, classes, revisions and readers are drawn from, each by itself.
        duration_s: How long requests are sent.
        arrivals: When; where `load_of` is set, its rates are shares of what the server can carry.
        budgets: How long each may take; where `in_runs`, in full runs and not in ms.
        pictures: Files or folders of images to send in turn; none: generated ones.
        labels: The folder of NAME.png with class ids (255 for void) for pictures NAME.jpg; None: no labels.
        picture_px: Width and height of generated pictures.
        drawn: How many different pictures are generated.
        model: Its name; empty: the server's default.
        max_exit: 0: the model's last exit.
        request_class: Of all requests, where `classes` is empty.
        classes: Several kinds of requests.
        revisions: Deadlines that move in flight.
        readers: Who cancels, who reads slowly.
        streams: How many long-lived streams share the requests; 0: a stream for each request.
        newest_wins: Whether a newer request of a stream supersedes older ones.
        load_of: What arrival rates are shares of.
        in_runs: Whether budgets are told in full runs.
    """

    name: str
    about: str = ""
    seed: int = 1
    duration_s: float
    arrivals: Arrivals
    budgets: Budgets
    pictures: tuple[Path, ...] = ()
    labels: Path | None = None
    picture_px: tuple[int, int] = (480, 360)
    drawn: int = 1
    model: str = ""
    max_exit: int = 0
    request_class: str = ""
    classes: tuple[RequestClass, ...] = ()
    revisions: Revisions = Revisions(share=0.0)
    readers: Readers = Readers()
    streams: int = 0
    newest_wins: bool = False
    load_of: LoadOf = ""
    in_runs: bool = False

    @property
    def relative(self) -> bool:
        """Whether it must be told what the server can carry before it can be sent."""
        return bool(self.load_of) or self.in_runs


def faster(traffic: Traffic, *, rate_hz: float) -> Traffic:
    """The same traffic at another mean rate, in requests per second."""
    return dataclasses.replace(traffic, arrivals=traffic.arrivals.at_rate(rate_hz), load_of="")


def settled(traffic: Traffic, *, exit1_hz: float, full_hz: float, full_ms: float) -> Traffic:
    """The traffic in requests per second and milliseconds.

    Args:
        traffic: Perhaps in shares of the server's capacity, and in full runs.
        exit1_hz: How many requests a second the server carries to exit 1.
        full_hz: How many it carries to the last exit.
        full_ms: What one of these takes on an idle server.
    """
    if traffic.load_of:
        unit_hz = exit1_hz if traffic.load_of == "exit 1" else full_hz
        traffic = faster(traffic, rate_hz=traffic.arrivals.rate_hz * unit_hz)
    if not traffic.in_runs:
        return traffic
    classes = tuple(
        dataclasses.replace(each, budgets=each.budgets.times(full_ms)) for each in traffic.classes
    )
    return dataclasses.replace(
        traffic, budgets=traffic.budgets.times(full_ms), classes=classes, in_runs=False
    )
