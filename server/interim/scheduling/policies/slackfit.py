"""SlackFit-style: the slack of the first deadline chooses batch and exit together.

After A. Khare et al., "SuperServe: Fine-Grained Inference Serving for Unpredictable Workloads" (SlackFit),
NSDI 2025, with exits in place of subnetworks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from interim.scheduling.guard import by_deadline
from interim.scheduling.policies.whole import RunToCompletion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.scheduling.job import Job

BUCKETS = 16
"""Latencies are cut into this many equal buckets."""

MARGIN = 1.1
"""Latencies are taken this much larger: a run cannot be cut short."""


class SlackFitStyle(RunToCompletion):
    """Of all (batch, exit), the highest latency bucket under the slack; in it the largest batch, then exit."""

    def _begin(self, now_s: float, fresh: Sequence[Job]) -> tuple[Sequence[Job], int]:
        jobs = sorted(fresh, key=by_deadline)
        for place, head in enumerate(jobs):
            batch = self._batch(jobs[place:], head)
            fit = self._fit(head, len(batch), head.answer_by_s - now_s)
            if fit is not None:
                return batch[: fit[0]], fit[1]
        return (), 0

    def _fit(self, head: Job, most: int, slack_s: float) -> tuple[int, int] | None:
        """The batch and the exit for a slack; None where even one job's first exit takes longer."""
        pairs = [
            (MARGIN * seconds, batch, exit_)
            for batch in _sizes(most)
            for exit_, seconds in enumerate(self._latencies(head, batch), head.exit + 1)
        ]
        width_s = max(pairs)[0] / BUCKETS or 1.0
        fitting = [(int(s / width_s), batch, exit_) for s, batch, exit_ in pairs if s <= slack_s]
        return max(fitting)[1:] if fitting else None


def _sizes(most: int) -> list[int]:
    """The batch sizes to try: powers of two, and all."""
    return sorted({most, *(2**power for power in range(most.bit_length()))})
