"""One answer of the server: a mask or joints, and what it says of exits and time."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from interim.client.errors import ProtocolError
from interim.client.joint import Joint, joints_of
from interim.client.mask import decode_byte_map, decode_label_map
from interim.v1 import inference_pb2 as pb


class Reason(StrEnum):
    """Why an answer is final."""

    FINAL_EXIT = "FINAL_EXIT"
    """The model's last exit, or the request's `max_exit`."""
    DEADLINE = "DEADLINE"
    """The time was up."""
    CONFIDENT = "CONFIDENT"
    """Sure enough: at most `stop_below` of the pixels were left to refine."""
    BUDGET_CUT = "BUDGET_CUT"
    """A budget policy moved the deadline, and it was up."""
    CLIENT_STOP = "CLIENT_STOP"
    """This client asked for the newest exit at once."""
    SUPERSEDED = "SUPERSEDED"
    """A newer frame of the same session."""
    SHUTDOWN = "SHUTDOWN"
    """The server is stopping."""
    WORKER_LOST = "WORKER_LOST"
    """The process that computed it died or hung."""
    FAILED = "FAILED"
    """The model raised on this request alone; `detail` says more."""
    OTHER = "OTHER"
    """A reason newer than this client; `detail` may say more."""


_REASONS: Final = {pb.Reason.Value(reason): reason for reason in Reason if reason is not Reason.OTHER}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Refinement:
    """One answer. What it says of time is as the server saw it, in ms, except `seen_ms`.

    Attributes:
        request_id: the request (in a session: the frame) this answers.
        model: the model that answered.
        exit: the exit this answer comes from, from 1; 0 where no exit was reached.
        exits: how many exits the model has; 0 where the frame never reached the server.
        mask: (H, W) uint8 class ids, read-only; the last one again on a final without its own;
            None where `exit` is 0, and of a pose model.
        joints: what a pose model found, in the order of its classes; the last ones again on a final without
            its own; empty where `exit` is 0, and of other models.
        confidence: (h, w) uint8, read-only: the largest class probability (of a pose model: heat), 0 to 255
            for 0 to 1; at the logits' resolution; None unless asked for.
        active: (h, w) bool, read-only: where the next stage would still refine; None unless asked for.
        active_share: share of the pixels still being refined, 0 to 1.
        elapsed_ms: since the request's arrival at the server.
        remaining_ms: until the deadline in force; negative when late.
        budget_ms: the budget in force, from arrival.
        budget_policy: whose budget that is ("request", "grpc", "default", …).
        late: handed over after the deadline in force.
        final: whether this is the last answer to its request.
        reason: why it is final; None otherwise.
        detail: one sentence where `reason` alone does not say it, else "".
        retry_after_ms: where no exit was reached: when to try again; else 0.
        seen_ms: from the call on this side to the receipt of this answer, by this side's clock.
    """

    request_id: str
    model: str = ""
    exit: int
    exits: int
    mask: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    joints: tuple[Joint, ...] = field(default=(), repr=False)
    confidence: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    active: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    active_share: float = 0.0
    elapsed_ms: float = 0.0
    remaining_ms: float = 0.0
    budget_ms: float = 0.0
    budget_policy: str = ""
    late: bool = False
    final: bool = False
    reason: Reason | None = None
    detail: str = ""
    retry_after_ms: float = 0.0
    seen_ms: float = 0.0


def refinement_of(message: pb.Refinement, before: Refinement | None, *, seen_ms: float) -> Refinement:
    """Reads an answer.

    Args:
        message: as it came.
        before: the answer to the same request before this one, whose maps a final may stand on.
        seen_ms: from the call to the receipt, by this side's clock.

    Raises:
        ProtocolError: The message contradicts itself or the one before.
    """
    _check(message, before)
    found = _found(message, before)
    return Refinement(
        request_id=message.request_id,
        model=message.model,
        exit=message.exit,
        exits=message.exits,
        mask=found.mask,
        joints=found.joints,
        confidence=found.confidence,
        active=found.active,
        active_share=message.active_share,
        elapsed_ms=message.elapsed_ms,
        remaining_ms=message.remaining_ms,
        budget_ms=message.budget_ms,
        budget_policy=message.budget_policy,
        late=message.late,
        final=message.final,
        reason=_REASONS.get(message.reason, Reason.OTHER) if message.final else None,
        detail=message.detail,
        retry_after_ms=message.retry_after_ms,
        seen_ms=seen_ms,
    )


def _check(message: pb.Refinement, before: Refinement | None) -> None:
    reached = before.exit if before else 0
    has_answer = message.HasField("mask") or message.HasField("pose")
    broken = {
        f"exit {message.exit} of {message.exits}": message.exit > message.exits,
        f"exit {message.exit} after exit {reached}": message.exit < reached,
        f"exit {message.exit} twice": message.exit == reached and not message.final,
        "a mask at exit 0": not message.exit and has_answer,
        f"no mask at exit {message.exit}": not has_answer and message.exit != reached,
        "a mask and joints in one answer": message.HasField("mask") and message.HasField("pose"),
        "a final answer without a reason": message.final and not message.reason,
        f"an active share of {message.active_share}": not 0.0 <= message.active_share <= 1.0,
    }
    for what, is_so in broken.items():
        if is_so:
            raise ProtocolError(f"the server sent {what}")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Found:
    """What an answer found; all of it is of one exit."""

    mask: npt.NDArray[np.uint8] | None = None
    joints: tuple[Joint, ...] = ()
    confidence: npt.NDArray[np.uint8] | None = None
    active: npt.NDArray[np.bool_] | None = None


def _found(message: pb.Refinement, before: Refinement | None) -> _Found:
    """What is in a message, or was in the one before."""
    if not (message.HasField("mask") or message.HasField("pose")):
        if before is None:
            return _Found()
        return _Found(
            mask=before.mask, joints=before.joints, confidence=before.confidence, active=before.active
        )
    return _Found(
        mask=decode_label_map(message.mask) if message.HasField("mask") else None,
        joints=joints_of(message.pose),
        confidence=decode_byte_map(message.confidence) if message.HasField("confidence") else None,
        active=_flags(decode_byte_map(message.active)) if message.HasField("active") else None,
    )


def _flags(active: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    flags = active.astype(np.bool_)
    flags.flags.writeable = False
    return flags
