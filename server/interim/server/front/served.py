"""A model as the front knows it: plain values out of the engine's `Ready`, no tensor, no torch."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from interim.server.engine.messages import Ready
from interim.v1 import inference_pb2 as pb

POSE = "pose"
"""The task whose answers are joints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """What one engine serves. `name` is the name it is asked for by, which may differ from the checkpoint's."""

    name: str
    exits: int
    long_side: int
    ready: Ready

    @property
    def task(self) -> str:
        """What it predicts: "segmentation", "pose" or "classification"."""
        return str(self.ready.spec["task"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of its classes, or joints."""
        spec: dict[str, Any] = self.ready.spec
        return tuple(each["name"] for each in spec["classes"])

    def described(self) -> pb.Model:
        """The model as the wire tells it; costs are cumulative, from the engine's own measurements."""
        spec: dict[str, Any] = self.ready.spec
        return pb.Model(
            name=self.name,
            task=self.task,
            classes=[_class(index, each) for index, each in enumerate(spec["classes"])],
            exits=self._exits(spec["exits"]),
            long_side=self.long_side,
            threshold=spec["threshold"],
            masking=self.ready.masking,
            bones=[pb.Bone(first=first, second=second) for first, second in spec.get("bones", ())],
            mask_rule=spec.get("mask_rule", ""),
        )

    def left_s(self, exit_: int, max_exit: int, size: tuple[int, int]) -> float:
        """What a request still takes the device on average, alone: its stages after `exit_`, by its pixels."""
        measured = max(self.ready.height * self.ready.width, 1)
        stages_s = sum(cost.mean_s for cost in self.ready.costs[exit_:max_exit])
        return stages_s * size[0] * size[1] / measured

    def _exits(self, exits: list[dict[str, Any]]) -> list[pb.Exit]:
        totals = list(accumulate(cost.mean_s * 1e3 for cost in self.ready.costs))
        return [
            pb.Exit(
                name=each["name"],
                quality=each["quality"],
                miou=each["miou"],
                cost_ms=totals[index] if index < len(totals) else None,
            )
            for index, each in enumerate(exits)
        ]


def trial_command(task: str) -> str:
    """A command that shows what a model of a task does."""
    return "interim pose person.jpg" if task == POSE else "interim segment street.jpg"


def trial_budget_ms(total_ms: float) -> float:
    """A budget to try, in which about half of the work of `total_ms` gets done: one can see exits go by."""
    return max(10.0, round(total_ms * 0.6 + 20, -1))


def served(name: str, ready: Ready, *, long_side: int) -> ServedModel:
    """The model behind an engine's `Ready`; `long_side` (pixels; 0: the model's own) is the server's limit."""
    spec: dict[str, Any] = ready.spec
    own = int(spec["long_side"])
    return ServedModel(
        name=name, exits=len(spec["exits"]), long_side=min(long_side, own) if long_side else own, ready=ready
    )


def _class(index: int, each: dict[str, Any]) -> pb.Class:
    red, green, blue = each["color"]
    return pb.Class(id=index, name=each["name"], rgb=red << 16 | green << 8 | blue)
