"""What a run amounts to: counts, depths, times; as a value, as a table, as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from interim.loadtest.outcome import Ending
from interim.loadtest.quantiles import spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from interim.loadtest.outcome import Outcome

LAG_LIMIT_MS = 5.0
"""A run whose sender lagged more than this at p99 is void: it measured the sender."""

Spread = dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run in figures. Times are milliseconds; the client's run from the intended send.

    `cancelled` counts those the scenario cancelled: nothing else counts them. `revised` says what became of
    revisions. `utility` is the mean quality at the deadline over all requests but the cancelled ones
    (refused, failed and missed ones count 0, late ones what was there in time), and `attainment` the share
    of the admitted that had an exit in time; `quality_from` says how quality was scored. `late_client` and
    the client's times (`first_ms`, `answer_ms`, `slack_ms`) leave slow readers out: a reader's pauses are no
    latency of the server.
    `exits` counts admitted requests by the exit of their answer (0: none). `late_server` is what the
    server marked late, `late_client` what the client held after its budget. `void` says why the run
    does not count; empty where it does.
    """

    sent: int
    admitted: int
    answered: int
    no_exit: int
    cancelled: int
    refused: dict[str, int]
    failed: dict[str, int]
    first_failure: str
    late_server: int
    late_client: int
    exits: dict[int, int]
    mean_exit: float | None
    reasons: dict[str, int]
    first_ms: Spread
    answer_ms: Spread
    slack_ms: Spread
    server_slack_ms: Spread
    refusal_ms: Spread
    sender_lag_ms: Spread
    revised: dict[str, int]
    utility: float | None
    attainment: float | None
    quality_from: str
    void: str

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_table(self) -> str:
        """Lines for people."""
        return "\n".join(f"{name:<22} {text}" for name, text in self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """Name and words of each figure there is."""
        return [(name, text) for name, text in _rows(self) if text]


def summarise(outcomes: Sequence[Outcome], *, quality_from: str = "") -> Summary:
    """The summary of all requests of one run.

    Args:
        outcomes: One a request.
        quality_from: How their quality was scored ("labels", "validated"); empty: it was not.
    """
    admitted = [outcome for outcome in outcomes if outcome.admitted]
    answered = [outcome for outcome in admitted if outcome.ending is Ending.ANSWERED]
    refused = [outcome for outcome in outcomes if outcome.ending is Ending.REFUSED]
    failed = [outcome for outcome in outcomes if outcome.ending is Ending.FAILED]
    prompt = [outcome for outcome in answered if not outcome.slow]
    lag = spread(outcome.lag_ms for outcome in outcomes)
    return Summary(
        sent=len(outcomes),
        admitted=len(admitted),
        answered=len(answered),
        no_exit=len(admitted) - len(answered),
        cancelled=sum(outcome.ending is Ending.CANCELLED for outcome in outcomes),
        refused=_counted(outcome.cause or "unnamed" for outcome in refused),
        failed=_counted(outcome.cause for outcome in failed),
        first_failure=failed[0].detail if failed else "",
        late_server=sum(outcome.late for outcome in admitted),
        late_client=sum(outcome.slack_ms < 0 for outcome in admitted if not outcome.slow),
        exits=dict(sorted(Counter(outcome.exit for outcome in admitted).items())),
        mean_exit=sum(outcome.exit for outcome in admitted) / len(admitted) if admitted else None,
        reasons=_counted(outcome.reason for outcome in admitted),
        first_ms=spread(
            outcome.first_ms for outcome in admitted if outcome.first_ms is not None and not outcome.slow
        ),
        answer_ms=spread(outcome.end_ms for outcome in prompt),
        slack_ms=spread((outcome.slack_ms for outcome in prompt), 0.5, 0.01, 0.0),
        server_slack_ms=spread((outcome.server_slack_ms for outcome in answered), 0.5, 0.01, 0.0),
        refusal_ms=spread(outcome.end_ms for outcome in refused),
        sender_lag_ms=lag,
        revised=_counted(_revision(outcome) for outcome in outcomes if outcome.revised_ms is not None),
        utility=_utility(outcomes),
        attainment=_share(outcome.exit_in_time > 0 for outcome in admitted),
        quality_from=quality_from,
        void=_void(lag["p99"]),
    )


def in_words(counts: Mapping[Any, int]) -> str:
    """Counts on one line: `deadline 3, queue 1`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _utility(outcomes: Iterable[Outcome]) -> float | None:
    scores = [outcome.quality for outcome in outcomes if outcome.ending is not Ending.CANCELLED]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None


def _share(those: Iterable[bool]) -> float | None:
    kept = list(those)
    return sum(kept) / len(kept) if kept else None


def _revision(outcome: Outcome) -> str:
    return {True: "granted", False: "declined", None: "too late"}[outcome.granted]


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())


def _void(lag_p99_ms: float | None) -> str:
    if lag_p99_ms is None or lag_p99_ms <= LAG_LIMIT_MS:
        return ""
    return (
        f"the sender itself lagged {lag_p99_ms:.1f} ms at p99 (limit {LAG_LIMIT_MS:g}): "
        "lower the rate or free a core for it"
    )


def _rows(summary: Summary) -> list[tuple[str, str]]:
    mean = "" if summary.mean_exit is None else f"{summary.mean_exit:.2f}"
    exits = in_words({f"exit {exit_}:": count for exit_, count in summary.exits.items()})
    late = f"{summary.late_server} as the server says, {summary.late_client} as the client sees"
    return [
        ("sent", str(summary.sent)),
        ("admitted", f"{summary.admitted} (answered {summary.answered}, no exit {summary.no_exit})"),
        ("cancelled", str(summary.cancelled or "")),
        ("refused", in_words(summary.refused) or "0"),
        ("failed", in_words(summary.failed)),
        ("the first failure", summary.first_failure),
        ("late", late),
        ("exit reached", exits),
        ("mean exit", mean),
        ("quality at deadline", _quality(summary)),
        ("exit 1 in time", _percent(summary.attainment)),
        ("reasons", in_words(summary.reasons)),
        ("revisions", in_words(summary.revised)),
        ("first refinement", _in_ms(summary.first_ms)),
        ("answer", _in_ms(summary.answer_ms)),
        ("slack, client's view", _in_ms(summary.slack_ms)),
        ("slack, server's view", _in_ms(summary.server_slack_ms)),
        ("refusal", _in_ms(summary.refusal_ms)),
        ("sender's own lag", _in_ms(summary.sender_lag_ms)),
        ("void", summary.void),
    ]


def _quality(summary: Summary) -> str:
    if summary.utility is None:
        return ""
    return f"{summary.utility:.4f} over all but cancelled requests, by {summary.quality_from or 'no'} scores"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.3f} % of the admitted"


def _in_ms(values: Spread) -> str:
    known = [f"{name} {value:.1f}" for name, value in values.items() if value is not None]
    return ", ".join(known) + " ms" if known else ""
