"""What became of the frames of a stream."""

from dataclasses import dataclass, field

from interim.client.refinement import Reason, Refinement


@dataclass(kw_only=True, slots=True)
class Tally:
    """Counts final answers.

    Attributes:
        sent: frames sent.
        answered: frames that ended with a mask.
        superseded: frames that made room for a newer one, with a mask or without.
        rejected: frames that were never admitted.
        late: frames whose answer was late.
        exits: how many frames ended at each exit, from 1.
    """

    sent: int = 0
    answered: int = 0
    superseded: int = 0
    rejected: int = 0
    late: int = 0
    exits: dict[int, int] = field(default_factory=dict)

    @property
    def mean_exit(self) -> float | None:
        """Over the frames that ended with a mask; None where none did."""
        if not self.answered:
            return None
        return sum(exit_ * frames for exit_, frames in self.exits.items()) / self.answered

    def ended(self, final: Refinement) -> None:
        """Counts a frame's final answer."""
        self.superseded += final.reason is Reason.SUPERSEDED
        self.late += final.late
        if final.exit:
            self.answered += 1
            self.exits[final.exit] = self.exits.get(final.exit, 0) + 1

    def __str__(self) -> str:
        mean = "-" if self.mean_exit is None else f"{self.mean_exit:.2f}"
        rejected = f", {self.rejected} rejected" if self.rejected else ""
        return (
            f"{self.answered} of {self.sent} frames answered (mean exit {mean}), "
            f"{self.superseded} superseded, {self.late} late{rejected}"
        )
