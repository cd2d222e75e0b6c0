"""Every metric of the server, in one place, on a registry of its own (names: docs/design.md, Metrics).

Base units, `_total` on counters, a `model` label on all of them.
"""

from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from interim.server.telemetry.exits import ExitHistogram

disable_created_metrics()  # type: ignore[no-untyped-call]  # a timestamp beside every series says nothing that the process start does not

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10)
_SHORT = (0.0001, 0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
_VERDICT = (0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 1)
_SLACK = (-1, -0.1, -0.02, -0.01, -0.005, -0.002, 0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5)
_BATCH = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
_SHARES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What became of a model's requests since the server started.

    Attributes:
        by_exit: Answers by the exit they came from; first those from none.
        late: Answers handed over after their deadline.
        refused: Requests that were not taken in.
    """

    by_exit: tuple[int, ...]
    late: int
    refused: int


class Metrics:
    """The metrics; attributes are prometheus_client objects, without the prefix `interim_` and the unit."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.exit_reached = ExitHistogram(
            "interim_exit_reached", "Exit that the answer came from; 0: none was reached", self.registry
        )
        self._histograms()
        self._counters()
        self._of_budgets()
        self.in_flight = self._gauge("in_flight", "Requests admitted and not ended")
        self.worker_up = self._gauge("worker_up", "1 while the engine process answers, else 0")
        self.native = self._gauge("native", "1 where compiled kernels run the network, 0 where torch does")

    def _histograms(self) -> None:
        self.first_refinement = self._histogram(
            "first_refinement_seconds", "From arrival to the first mask handed over", _SECONDS
        )
        self.refinement_interval = self._histogram(
            "refinement_interval_seconds", "Between two masks of one request", _SECONDS
        )
        self.request = self._histogram("request_seconds", "From arrival to the final message", _SECONDS)
        self.verdict = self._histogram(
            "verdict_seconds", "From arrival to the engine's verdict, admitted or refused", _VERDICT
        )
        self.stop = self._histogram(
            "stop_seconds",
            "From a client's stop (or exit 1, if that came later) to the hand-over of the final",
            _VERDICT,
        )
        self.queue = self._histogram("queue_seconds", "From submission to the start of stage 1", _SHORT)
        self.slack = self._histogram(
            "deadline_slack_seconds", "Deadline less the hand-over of the final; negative: late", _SLACK
        )
        self.budget = self._histogram(
            "budget_seconds", "Budgets on arrival, by the policy that bound", _SECONDS, "policy"
        )
        self.stage = self._histogram("stage_seconds", "One stage for one batch", _SHORT, "stage")
        self.batch_size = self._histogram("batch_size", "Requests in one step", _BATCH)
        self.active_share = self._histogram(
            "active_share", "Share of the pixels a stage left to refine", _SHARES, "stage"
        )

    def _counters(self) -> None:
        self.requests = self._counter(
            "requests_total", "Requests admitted and ended, by exit and reason", "exit", "reason"
        )
        self.late = self._counter("late_total", "Final messages handed over after the deadline")
        self.refused = self._counter("refused_total", "Requests refused, by cause", "why")
        self.wasted = self._counter("wasted_seconds_total", "Compute spent on exits nobody took")
        self.restarts = self._counter("worker_restarts_total", "Times the engine process was started anew")

    def _of_budgets(self) -> None:
        self.budget_moves = self._counter(
            "budget_moves_total", "Deadlines in flight that a policy moved, or could not", "policy", "outcome"
        )
        self.budget_dry_run = self._histogram(
            "budget_dry_run_seconds", "Budgets that a policy on trial would have given", _SECONDS, "policy"
        )
        self.budget_fallbacks = self._counter(
            "budget_fallbacks_total", "Requests that kept their budget: the user's function failed", "why"
        )
        self.budget_caps = self._counter(
            "budget_caps_total", "Operators' caps set, cleared and expired", "action"
        )
        self.budget_cap = Gauge(
            "interim_budget_cap_seconds",
            "The operator's cap, while there is one; empty class: everybody",
            ("request_class",),
            registry=self.registry,
        )
        self.budget_share = self._gauge(
            "budget_share", "Share of their budgets that the load leaves requests"
        )

    def counted(self, model: str) -> Counted:
        """What a person asks for first."""
        return Counted(
            by_exit=self.exit_reached.answers(model),
            late=_total(self.late, model),
            refused=_total(self.refused, model),
        )

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(
            f"interim_{name}", about, ("model", *labels), buckets=buckets, registry=self.registry
        )

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"interim_{name}", about, ("model", *labels), registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"interim_{name}", about, ("model",), registry=self.registry)


def _total(counter: Counter, model: str) -> int:
    samples = (sample for family in counter.collect() for sample in family.samples)
    return int(sum(sample.value for sample in samples if sample.labels["model"] == model))
