"""Who says how long a request may take: each policy for itself, and all of them together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interim.scheduling.budgets.book import Book, BudgetRules
from interim.scheduling.budgets.budget import Budget, BudgetRequest, Instant
from interim.scheduling.budgets.by_class import ClassRule
from interim.scheduling.budgets.caps import Cap, Caps
from interim.scheduling.budgets.clock import Window, spell_of
from interim.scheduling.budgets.function import FunctionRule, answer_s
from interim.scheduling.budgets.load import LoadRule, LoadShare
from interim.scheduling.budgets.standard import (
    AskedBudget,
    DefaultBudget,
    FirstOf,
    GrpcDeadline,
    OwnBudget,
    Smallest,
)

ARRIVAL = st.floats(0.0, 1e6)
SECONDS = st.floats(1e-3, 100.0)
MAYBE = st.none() | SECONDS
BERLIN = ZoneInfo("Europe/Berlin")
NOW = Instant(5.0)


def berlin(day: int, hour: int, minute: int = 0, *, month: int = 6) -> float:
    """POSIX seconds of a time in Berlin, 2026; 1 June was a Monday."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).timestamp()


def window(**fields: Any) -> Window:
    """Monday to Friday from 07:30 to 09:30 at most 200 ms."""
    plain: dict[str, Any] = {
        "name": "rush",
        "days": frozenset(range(5)),
        "start": time(7, 30),
        "end": time(9, 30),
        "zone": BERLIN,
        "at_most_s": 0.2,
    }
    return Window(**{**plain, **fields})


# --- what was asked ---------------------------------------------------------------------------------


@given(ARRIVAL, MAYBE, MAYBE, SECONDS)
def test_the_smaller_of_own_and_grpc_binds_and_the_default_only_without_both(
    arrival: float, own: float | None, grpc: float | None, default: float
) -> None:
    """The gRPC deadline counts less its guard; the binding policy is named."""
    request = BudgetRequest(
        arrival_s=arrival, own_s=own, grpc_deadline_s=None if grpc is None else arrival + grpc
    )
    budget = AskedBudget(default_s=default, guard_s=0.01).budget(request, Instant(arrival))
    choices = {"request": own, "grpc": None if grpc is None else grpc - 0.01}
    given_ = {name: seconds for name, seconds in choices.items() if seconds is not None} or {
        "default": default
    }
    assert budget.budget_s == pytest.approx(min(given_.values()), abs=1e-6)
    assert given_[budget.policy] == pytest.approx(min(given_.values()), abs=1e-6)
    assert budget.deadline_s == pytest.approx(arrival + budget.budget_s)


def test_policies_that_say_nothing_leave_no_budget() -> None:
    """A composition speaks only if one of its parts does."""
    silent = BudgetRequest(arrival_s=1.0)
    assert Smallest((OwnBudget(), GrpcDeadline())).budget(silent, NOW) is None
    assert FirstOf((OwnBudget(), GrpcDeadline())).budget(silent, NOW) is None
    assert Smallest(()).budget(silent, NOW) is None


def test_a_policy_of_ones_own_composes() -> None:
    """A budget that depends on class and on now takes part like the others, and again whenever asked."""

    class Evening:
        def budget(self, request: BudgetRequest, at: Instant) -> Budget | None:
            if request.request_class != "batch" or at.now_s < 20.0:
                return None
            return Budget(deadline_s=request.arrival_s + 0.1, budget_s=0.1, policy="evening")

    policy = Smallest((FirstOf((OwnBudget(), DefaultBudget(1.0))), Evening()))
    request = BudgetRequest(arrival_s=19.5, own_s=0.8, request_class="batch")
    early, late = policy.budget(request, Instant(19.6)), policy.budget(request, Instant(20.0))
    assert early is not None
    assert early.policy == "request"
    assert early.deadline_s == pytest.approx(20.3)
    assert late is not None
    assert late.policy == "evening"
    assert late.deadline_s == pytest.approx(19.6)


def test_of_equal_budgets_the_first_binds() -> None:
    """Ties are settled by order, not by chance."""
    request = BudgetRequest(arrival_s=0.0, own_s=0.5, grpc_deadline_s=0.5)
    budget = Smallest((OwnBudget(), GrpcDeadline(0.0))).budget(request, NOW)
    assert budget is not None
    assert budget.policy == "request"


# --- by class ---------------------------------------------------------------------------------------


def test_a_class_has_a_default_and_a_limit_of_its_own() -> None:
    """The default counts where the request names no budget; the limit always; other classes see neither."""
    book = Book(BudgetRules(classes=(ClassRule(request_class="interactive", default_s=0.15, at_most_s=0.3),)))
    said = {
        (name, own): (
            found := book.budget(BudgetRequest(arrival_s=5.0, own_s=own, request_class=name), NOW)
        ).policy
        + f" {found.budget_s}"
        for name in ("interactive", "batch")
        for own in (None, 0.2, 5.0)
    }
    assert said == {
        ("interactive", None): "class:interactive 0.15",
        ("interactive", 0.2): "request 0.2",
        ("interactive", 5.0): "class:interactive 0.3",
        ("batch", None): "default 1.0",
        ("batch", 0.2): "request 0.2",
        ("batch", 5.0): "request 5.0",
    }


# --- by clock ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wall_s", "is_open"),
    [
        (berlin(1, 7, 29), False),
        (berlin(1, 7, 30), True),
        (berlin(1, 9, 29), True),
        (berlin(1, 9, 30), False),
        (berlin(6, 8, 0), False),  # a Saturday
        (berlin(2, 8, 0, month=2), True),  # a Monday in winter: by Berlin's clocks, not by the sun
    ],
)
def test_a_window_is_open_by_local_clocks(wall_s: float, is_open: bool) -> None:
    """From its first second until its last, on its days, summer and winter."""
    assert bool(spell_of((window(),), wall_s).windows) is is_open


def test_a_window_may_go_over_midnight() -> None:
    """It belongs to the day it starts on."""
    night = window(days=frozenset({4}), start=time(22), end=time(6))
    assert spell_of((night,), berlin(6, 5, 59)).windows
    assert not spell_of((night,), berlin(5, 5, 59)).windows
    assert not spell_of((night,), berlin(6, 22, 30)).windows


def test_a_window_over_a_clock_change_has_the_hours_that_people_see() -> None:
    """On the night of 29 March 2026, 01:30 to 03:30 lasts one hour in Berlin."""
    change = window(days=frozenset({6}), start=time(1, 30), end=time(3, 30))
    inside = datetime(2026, 3, 29, 0, 45, tzinfo=UTC).timestamp()
    spell = spell_of((change,), inside)
    assert spell.windows
    assert spell.until_s - spell.since_s == 3600


WINDOWS = st.lists(
    st.builds(
        window,
        name=st.uuids().map(str),
        days=st.frozensets(st.integers(0, 6), min_size=1),
        start=st.times(),
        end=st.times(),
        zone=st.sampled_from(
            [BERLIN, ZoneInfo("UTC"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")]
        ),
    ),
    max_size=3,
).map(tuple)


@given(WINDOWS, st.floats(berlin(1, 0, month=1), berlin(28, 0, month=12)), st.floats(0, 1, exclude_max=True))
def test_nothing_opens_or_closes_within_a_spell(
    windows: tuple[Window, ...], wall_s: float, share: float
) -> None:
    """So that looking again at its end is soon enough."""
    spell = spell_of(windows, wall_s)
    assert spell.since_s <= wall_s < spell.until_s
    between = spell.since_s + share * (spell.until_s - spell.since_s)
    if between < spell.until_s:
        assert spell_of(windows, between).windows == spell.windows


def test_the_clock_says_when_it_changes_next_and_for_whom() -> None:
    """The border on the monotonic clock, and only the classes that the window names."""
    book = Book(BudgetRules(windows=(window(classes=("batch",)),)))
    at = Instant(100.0, berlin(1, 7, 29))
    assert book.next_change_s(at) == 160.0
    later = Instant(160.0, berlin(1, 7, 30))
    batch = BudgetRequest(arrival_s=100.0, request_class="batch")
    assert book.budget(batch, at).policy == "default"
    assert book.budget(batch, later).policy == "clock:rush"
    assert book.budget(replace(batch, request_class="other"), later).policy == "default"


# --- by load ----------------------------------------------------------------------------------------


def test_the_load_shortens_budgets_and_gives_them_back() -> None:
    """Down while much waits, nothing between the two borders, up again when little does; in its limits."""
    load = LoadShare(LoadRule(above_s=1.0, below_s=0.5, least_share=0.5, every_s=0.1))
    assert [load.observe(now / 10, 2.0) for now in range(5)] == [True, True, True, True, False]
    assert load.share == 0.5
    assert not load.observe(1.0, 0.7)
    assert load.share == 0.5
    assert load.observe(1.1, 0.2)
    assert not load.observe(1.15, 0.2), "a look too soon does nothing"
    for now in range(12, 30):
        load.observe(now / 10, 0.2)
    assert load.share == 1.0


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 3.0)), max_size=50))
def test_the_share_stays_in_its_limits_and_moves_the_right_way(looks: list[tuple[float, float]]) -> None:
    """Whatever the load does."""
    rule, now_s = LoadRule(above_s=2.0, below_s=1.0, least_share=0.3), 0.0
    load = LoadShare(rule)
    for wait_s, queue_s in looks:
        now_s, before = now_s + wait_s, load.share
        changed = load.observe(now_s, queue_s)
        assert rule.least_share <= load.share <= 1.0
        assert changed == (load.share != before)
        assert queue_s <= rule.above_s or load.share <= before
        assert queue_s >= rule.below_s or load.share >= before
        assert not rule.below_s <= queue_s <= rule.above_s or not changed


def test_a_loaded_server_shortens_but_not_below_the_least() -> None:
    """Half a budget of 1 s is 0.5 s, of 100 ms it is the least, and 40 ms stay what they are."""
    book = Book(
        BudgetRules(load=LoadRule(above_s=1.0, below_s=0.5, least_share=0.5, at_least_s=0.06, shrink=0.5))
    )
    assert book.load is not None
    book.load.observe(0.0, 9.0)
    found = [book.budget(BudgetRequest(arrival_s=5.0, own_s=own), NOW) for own in (1.0, 0.1, 0.04)]
    assert [(each.policy, each.budget_s) for each in found] == [
        ("load", 0.5),
        ("load", 0.06),
        ("request", 0.04),
    ]


# --- by event ---------------------------------------------------------------------------------------


def test_a_cap_holds_for_its_class_and_its_time() -> None:
    """One for all and one a class, the smaller binds; at its end it is as if it had never been."""
    book = Book(BudgetRules())
    book.caps.set(Cap(at_most_s=0.5, until_s=10.0))
    book.caps.set(Cap(at_most_s=0.2, until_s=8.0, request_class="batch"))
    batch, other = BudgetRequest(arrival_s=5.0, request_class="batch"), BudgetRequest(arrival_s=5.0)
    assert book.next_change_s(NOW) == 8.0
    for now_s, in_force in ((7.9, (0.2, 0.5)), (8.0, (0.5, 0.5)), (10.0, (1.0, 1.0))):
        at = Instant(now_s)
        assert (book.budget(batch, at).budget_s, book.budget(other, at).budget_s) == in_force
    assert {cap.at_most_s for cap in book.caps.expire(9.0)} == {0.2}
    assert book.next_change_s(NOW) == 10.0


def test_caps_are_replaced_and_cleared_by_class() -> None:
    """The newest of a class holds; clearing takes one, or all."""
    caps = Caps()
    first = Cap(at_most_s=0.5, until_s=10.0, request_class="a")
    assert caps.set(first) is None
    assert caps.set(Cap(at_most_s=0.6, until_s=10.0, request_class="a")) == first
    caps.set(Cap(at_most_s=0.7, until_s=10.0))
    assert [cap.at_most_s for cap in caps.at(5.0)] == [0.7, 0.6]
    assert [cap.at_most_s for cap in caps.clear("a")] == [0.6]
    assert caps.clear("a") == ()
    assert [cap.at_most_s for cap in caps.clear()] == [0.7]


# --- by a function ----------------------------------------------------------------------------------


def test_a_function_shortens_what_was_asked() -> None:
    """Its answer is one more limit; without one the request's own budget stands."""
    book = Book(BudgetRules(function=FunctionRule(call="a:b")))
    request = BudgetRequest(arrival_s=5.0, own_s=0.5)
    assert book.budget(request, NOW).policy == "request"
    assert book.budget(replace(request, function_s=0.1), NOW).policy == "function"
    assert book.budget(replace(request, function_s=0.9), NOW).policy == "request"


@pytest.mark.parametrize("nonsense", ["soon", True, 0, -3, float("nan"), float("inf"), 1e9, [5]])
def test_a_functions_nonsense_is_told_from_an_answer(nonsense: object) -> None:
    """A budget is a number of milliseconds above 0 and at most an hour, or None."""
    with pytest.raises(ValueError, match="it returned"):
        answer_s(nonsense)
    assert answer_s(None) is None
    assert answer_s(250) == 0.25


# --- all together -----------------------------------------------------------------------------------

RULES = st.builds(
    BudgetRules,
    default_s=SECONDS,
    classes=st.sampled_from(
        [(), (ClassRule(request_class="a", at_most_s=0.3),), (ClassRule(request_class="a", default_s=2.0),)]
    ),
    windows=st.sampled_from([(), (window(),), (window(dry_run=True),)]),
    load=st.sampled_from([None, LoadRule(above_s=1.0, below_s=0.5, shrink=0.5)]),
    function=st.sampled_from([None, FunctionRule(call="a:b"), FunctionRule(call="a:b", dry_run=True)]),
    dry_run=st.booleans(),
)


REQUESTS = st.builds(
    BudgetRequest,
    arrival_s=st.just(50.0),
    own_s=MAYBE,
    grpc_deadline_s=st.none() | st.floats(50.02, 150.0),
    request_class=st.sampled_from(["", "a"]),
    function_s=MAYBE,
)


@given(RULES, REQUESTS, MAYBE, st.booleans())
def test_policies_only_shorten_and_a_dry_run_changes_nothing(
    rules: BudgetRules, request: BudgetRequest, cap: float | None, dry_cap: bool
) -> None:
    """Whatever is configured: never longer than asked; on trial, exactly what was asked is in force."""
    book, at = Book(rules), Instant(50.0, berlin(1, 8, 0))
    if book.load is not None:
        book.load.observe(0.0, 5.0)
    if cap is not None:
        book.caps.set(Cap(at_most_s=cap, until_s=60.0, dry_run=dry_cap))
    asked, budget, would = book.asked(request, at), book.budget(request, at), book.rehearsed(request, at)
    assert budget.deadline_s <= asked.deadline_s
    assert budget.deadline_s == pytest.approx(request.arrival_s + budget.budget_s)
    if cap is not None and not dry_cap and not rules.dry_run:
        assert budget.budget_s <= cap
    if rules.dry_run:
        assert budget == asked == AskedBudget(default_s=rules.default_s).budget(request, at)
    if would is not None:
        assert would.deadline_s != budget.deadline_s


def test_a_dry_run_says_what_it_would_have_done() -> None:
    """For one rule, for one cap, for everything."""
    request = BudgetRequest(arrival_s=5.0, own_s=0.8)
    quiet = Book(BudgetRules())
    assert quiet.rehearsed(request, NOW) is None
    quiet.caps.set(Cap(at_most_s=0.1, until_s=9.0, dry_run=True))
    assert quiet.budget(request, NOW).policy == "request"
    would = quiet.rehearsed(request, NOW)
    assert would is not None
    assert (would.policy, would.budget_s) == ("operator", 0.1)
    book = Book(BudgetRules(dry_run=True, load=LoadRule(above_s=1.0, below_s=0.5, shrink=0.5)))
    assert book.load is not None
    book.load.observe(0.0, 9.0)
    would = book.rehearsed(request, NOW)
    assert would is not None
    assert (would.policy, would.budget_s) == ("load", 0.4)
    assert book.budget(request, NOW).policy == "request"
