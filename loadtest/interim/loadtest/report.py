"""What `interim-load run` prints: the summary of a run, and of a clip what its masks were worth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from interim.loadtest.outcome import Ending
from interim.loadtest.score import delivered_miou, streaming_miou
from interim.loadtest.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.loadtest.clip import ClipRun
    from interim.loadtest.frames import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReport:
    """What a camera got. `miou_delivered` and `miou_streaming`: see `score`; None without labels.

    `superseded` counts frames that a newer one ended, `unanswered` those that got no mask of their
    own; `interrupted`: the clip was stopped before its end; `longest_gap_ms` is the longest time without a new mask, from the first frame's send to the last's.
    """

    summary: Summary
    frames: int
    interrupted: bool
    answered: int
    unanswered: int
    superseded: int
    masks: int
    longest_gap_ms: float
    miou_delivered: float | None
    miou_streaming: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain data for `json.dump`."""
        return asdict(self)

    def as_table(self) -> str:
        """Lines for people."""
        delivered = f"{_score(self.miou_delivered)} over the {self.answered} answered frames"
        streaming = (
            f"{_score(self.miou_streaming)} over all {self.frames}, of the mask that stood at each deadline"
        )
        rows = [
            ("frames", f"{self.frames} (answered {self.answered}, without an answer {self.unanswered})"),
            ("superseded", str(self.superseded)),
            ("masks", f"{self.masks}, at most {self.longest_gap_ms:.0f} ms apart"),
            ("mIoU as delivered", delivered),
            ("mIoU as streamed", streaming),
        ]
        return "\n".join([*(f"{name:<22} {text}" for name, text in rows), self.summary.as_table()])


def report_clip(run: ClipRun, frames: Sequence[Frame]) -> ClipReport:
    """The report of a clip that was sent."""
    due_s = {outcome.index: outcome.send_s + outcome.budget_ms / 1e3 for outcome in run.outcomes}
    labels = {
        index: frame.labels
        for index, frame in enumerate(frames)
        if frame.labels is not None and index in due_s  # it was sent
    }
    answered = sum(outcome.ending is Ending.ANSWERED for outcome in run.outcomes)
    return ClipReport(
        summary=summarise(run.outcomes),
        frames=len(run.outcomes),
        interrupted=len(run.outcomes) < len(frames),
        answered=answered,
        unanswered=len(run.outcomes) - answered,
        superseded=sum(outcome.reason == "SUPERSEDED" for outcome in run.outcomes),
        masks=len(run.shown),
        longest_gap_ms=_longest_gap_ms(run),
        miou_delivered=delivered_miou(run.finals, labels) if run.finals else None,
        miou_streaming=streaming_miou(run.shown, due_s, labels),
    )


def _longest_gap_ms(run: ClipRun) -> float:
    """Masks that repeat one already shown do not count; after the last frame's send nothing is missed."""
    arrivals: dict[tuple[int, int], float] = {}
    for one in run.shown:
        arrivals.setdefault((one.frame, one.exit), one.at_s)
    last_s = max((outcome.send_s for outcome in run.outcomes), default=0.0)
    instants = sorted([0.0, last_s, *arrivals.values()])
    return max(1e3 * (b - a) for a, b in pairwise(instants))


def _score(miou: float | None) -> str:
    return "not scored" if miou is None else f"{miou:.4f}"
