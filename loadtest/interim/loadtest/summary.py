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

    `exits` counts admitted requests by the exit of their answer (0: none). `late_server` is what the
    server marked late, `late_client` what the client held after its budget. `void` says why the run
    does not count; empty where it does.
    """

    sent: int
    admitted: int
    answered: int
    no_exit: int
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
    void: str

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_table(self) -> str:
        """Lines for people."""
        return "\n".join(f"{name:<22} {text}" for name, text in _rows(self) if text)


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """The summary of all requests of one run."""
    admitted = [outcome for outcome in outcomes if outcome.admitted]
    answered = [outcome for outcome in admitted if outcome.ending is Ending.ANSWERED]
    refused = [outcome for outcome in outcomes if outcome.ending is Ending.REFUSED]
    failed = [outcome for outcome in outcomes if outcome.ending is Ending.FAILED]
    lag = spread(outcome.lag_ms for outcome in outcomes)
    return Summary(
        sent=len(outcomes),
        admitted=len(admitted),
        answered=len(answered),
        no_exit=len(admitted) - len(answered),
        refused=_counted(outcome.cause or "unnamed" for outcome in refused),
        failed=_counted(outcome.cause for outcome in failed),
        first_failure=failed[0].detail if failed else "",
        late_server=sum(outcome.late for outcome in admitted),
        late_client=sum(outcome.slack_ms < 0 for outcome in admitted),
        exits=dict(sorted(Counter(outcome.exit for outcome in admitted).items())),
        mean_exit=sum(outcome.exit for outcome in admitted) / len(admitted) if admitted else None,
        reasons=_counted(outcome.reason for outcome in admitted),
        first_ms=spread(outcome.first_ms for outcome in admitted if outcome.first_ms is not None),
        answer_ms=spread(outcome.end_ms for outcome in answered),
        slack_ms=spread((outcome.slack_ms for outcome in answered), 0.5, 0.01, 0.0),
        server_slack_ms=spread((outcome.server_slack_ms for outcome in answered), 0.5, 0.01, 0.0),
        refusal_ms=spread(outcome.end_ms for outcome in refused),
        sender_lag_ms=lag,
        void=_void(lag["p99"]),
    )


def in_words(counts: Mapping[Any, int]) -> str:
    """Counts on one line: `deadline 3, queue 1`."""
    return ", ".join(f"{name} {count}" for name, count in counts.items())


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
        ("refused", in_words(summary.refused) or "0"),
        ("failed", in_words(summary.failed)),
        ("the first failure", summary.first_failure),
        ("late", late),
        ("exit reached", exits),
        ("mean exit", mean),
        ("reasons", in_words(summary.reasons)),
        ("first refinement", _in_ms(summary.first_ms)),
        ("answer", _in_ms(summary.answer_ms)),
        ("slack, client's view", _in_ms(summary.slack_ms)),
        ("slack, server's view", _in_ms(summary.server_slack_ms)),
        ("refusal", _in_ms(summary.refusal_ms)),
        ("sender's own lag", _in_ms(summary.sender_lag_ms)),
        ("void", summary.void),
    ]


def _in_ms(values: Spread) -> str:
    known = [f"{name} {value:.1f}" for name, value in values.items() if value is not None]
    return ", ".join(known) + " ms" if known else ""
