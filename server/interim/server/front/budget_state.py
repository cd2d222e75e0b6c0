"""The budget policies in words and numbers, as the wire tells them."""

from collections.abc import Iterator

from interim.scheduling.budgets.by_class import ClassRule
from interim.scheduling.budgets.caps import Cap
from interim.scheduling.budgets.clock import Window
from interim.scheduling.budgets.load import LoadRule
from interim.server.budgets.words import DAYS
from interim.server.front.requests import Requests
from interim.v1 import control_pb2


def budget_state(requests: Requests, *, moved: int = 0, cleared: int = 0) -> control_pb2.BudgetState:
    """What is configured and what holds now.

    Args:
        requests: With their budgets.
        moved: What the call has moved.
        cleared: Caps that the call took away.
    """
    book, at = requests.budgets.book, requests.budgets.now()
    return control_pb2.BudgetState(
        default_ms=book.rules.default_s * 1e3,
        dry_run=book.rules.dry_run,
        policies=_policies(requests),
        caps=[_cap(cap, at.now_s) for cap in book.caps.at(at.now_s)],
        load_share=book.load.share if book.load is not None else None,
        queue_ms=requests.queue_s * 1e3,
        in_flight=requests.in_flight,
        moved=moved,
        cleared=cleared,
    )


def _policies(requests: Requests) -> Iterator[control_pb2.BudgetPolicy]:
    book = requests.budgets.book
    rules, open_now = book.rules, book.open_windows(requests.budgets.now())
    for each in rules.classes:
        yield _policy(each.name, _class_says(each), active=True, dry_run=each.dry_run)
    for window in rules.windows:
        name, active = f"clock:{window.name}", window in open_now
        yield _policy(name, _window_says(window), active=active, dry_run=window.dry_run)
    if rules.load is not None and book.load is not None:
        active = book.load.share < 1.0
        yield _policy("load", _load_says(rules.load), active=active, dry_run=rules.load.dry_run)
    if rules.function is not None:
        says = f"what {rules.function.call} says within {rules.function.limit_s * 1e3:g} ms"
        yield _policy("function", says, active=True, dry_run=rules.function.dry_run)


def _policy(name: str, says: str, *, active: bool, dry_run: bool) -> control_pb2.BudgetPolicy:
    return control_pb2.BudgetPolicy(name=name, says=says, active=active, dry_run=dry_run)


def _cap(cap: Cap, now_s: float) -> control_pb2.BudgetCap:
    return control_pb2.BudgetCap(
        request_class=cap.request_class,
        at_most_ms=cap.at_most_s * 1e3,
        remaining_s=cap.until_s - now_s,
        why=cap.why,
        set_by=cap.set_by,
        dry_run=cap.dry_run,
    )


def _class_says(rule: ClassRule) -> str:
    default = "" if rule.default_s is None else f"{rule.default_s * 1e3:g} ms where none is given"
    limit = "" if rule.at_most_s is None else f"at most {rule.at_most_s * 1e3:g} ms"
    return ", ".join(part for part in (default, limit) if part)


def _window_says(window: Window) -> str:
    days = ",".join(DAYS[day] for day in sorted(window.days))
    hours = f"{window.start.isoformat('auto')[:8]} to {window.end.isoformat('auto')[:8]}"
    return f"at most {window.at_most_s * 1e3:g} ms{_whom(window.classes)}, {days} {hours} {window.zone.key}"


def _load_says(rule: LoadRule) -> str:
    return (
        f"down to {rule.least_share:.0%} of a budget while more than {rule.above_s * 1e3:g} ms of work wait, "
        f"up again below {rule.below_s * 1e3:g} ms{_whom(rule.classes)}"
    )


def _whom(classes: tuple[str, ...]) -> str:
    return f" for {', '.join(classes)}" if classes else ""
