"""What people write in budget tables (days, times, zones, classes, a function's name), and what it means."""

import re
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

from interim.server.rules import Rule

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def days() -> Rule:
    """Days of the week, one by one or as a range."""
    return Rule('days such as "mon-fri", "sat" or "mon,wed,fri"', lambda value: bool(days_of(value)))


def days_of(value: Any) -> frozenset[int]:
    """The days that some words mean, 0 for Monday; none where they mean nothing. "fri-mon" goes over Sunday."""
    found: set[int] = set()
    for part in value.split(",") if isinstance(value, str) else ("",):
        first, _, last = part.strip().partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            return frozenset()
        since = DAYS.index(first)
        length = (DAYS.index(last or first) - since) % 7
        found |= {(since + offset) % 7 for offset in range(length + 1)}
    return frozenset(found)


def clock_time() -> Rule:
    """A time of day."""
    return Rule(
        'a time of day such as "07:30" (00:00 to 23:59:59)',
        lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
    )


def time_of(value: str) -> time:
    """The time that the words mean."""
    return time.fromisoformat(value)


def time_zone() -> Rule:
    """A zone of the IANA data base."""

    def holds(value: Any) -> bool:
        try:
            return isinstance(value, str) and bool(ZoneInfo(value).key)
        except (ValueError, OSError, KeyError):  # KeyError: no such zone
            return False

    return Rule(
        'a time zone such as "UTC" or "Europe/Berlin" that this machine knows (package tzdata)', holds
    )


def class_names() -> Rule:
    """A list of request classes."""
    return Rule(
        'a list of request classes such as ["batch"]',
        lambda value: (
            isinstance(value, list) and bool(value) and all(isinstance(each, str) and each for each in value)
        ),
    )


def function_name() -> Rule:
    """Where a function stands."""
    return Rule(
        'MODULE:NAME of a function, such as "shop.budgets:for_request"',
        lambda value: isinstance(value, str) and _FUNCTION.fullmatch(value) is not None,
    )
