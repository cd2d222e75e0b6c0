"""A histogram with one bucket per exit, from 0 (none), for models with different numbers of exits."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class ExitHistogram(Collector):
    """How many answers came from which exit; prometheus_client's own wants the buckets before the model."""

    def __init__(self, name: str, about: str, registry: CollectorRegistry) -> None:
        self._name = name
        self._about = about
        self._answers: dict[str, list[int]] = {}
        registry.register(self)

    def expect(self, model: str, exits: int) -> None:
        """Make room for a model; what was counted stays."""
        counts = self._answers.setdefault(model, [])
        counts += [0] * (exits + 1 - len(counts))

    def observe(self, model: str, exit_: int) -> None:
        """Count one answer from `exit_` (0: none) of a model."""
        self.expect(model, exit_)
        self._answers[model][exit_] += 1

    def answers(self, model: str) -> tuple[int, ...]:
        """How many answers of a model came from each exit, from 0 (none)."""
        return tuple(self._answers.get(model, ()))

    def describe(self) -> list[HistogramMetricFamily]:
        """The empty family: the registry asks for its name."""
        return [HistogramMetricFamily(self._name, self._about, labels=["model"])]

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """The cumulative buckets, for the registry."""
        family = HistogramMetricFamily(self._name, self._about, labels=["model"])
        for model, counts in self._answers.items():
            total = sum(counts)
            buckets = [(str(float(exit_)), float(sum(counts[: exit_ + 1]))) for exit_ in range(len(counts))]
            family.add_metric(
                [model],
                [*buckets, ("+Inf", float(total))],
                sum_value=float(sum(exit_ * count for exit_, count in enumerate(counts))),
            )
        yield family
