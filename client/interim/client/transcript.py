"""What was said on one Session stream: pure, so that the threaded and the async client share it."""

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Final

import grpc

from interim.client import errors
from interim.client.grpc_errors import rejection
from interim.client.refinement import Reason, Refinement, refinement_of
from interim.v1 import inference_pb2 as pb

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """The end of a frame that was never admitted.

    Attributes:
        request_id: the frame.
        error: what `infer` would have raised: Refused, InvalidArgument, UnknownModel, ….
        seen_ms: from the call to the receipt of this, by this side's clock.
    """

    request_id: str
    error: errors.InterimError
    seen_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Revision:
    """What became of a revision.

    Attributes:
        request_id: the frame.
        accepted: False: the old deadline stands.
        budget_ms: the budget in force now, from arrival.
        detail: why not; else "".
    """

    request_id: str
    accepted: bool
    budget_ms: float
    detail: str


Answer = Refinement | Rejection | Revision


@dataclass(slots=True)
class _Frame:
    sent_s: float
    last: Refinement | None = None


class Transcript:
    """Which frames are live and what each was told last.

    The methods take the time of this side's clock in seconds; nothing here waits or reads a clock.
    """

    def __init__(self) -> None:
        self._live: dict[str, _Frame] = {}
        self._gone: set[str] = set()  # cancelled here; the server may not have heard yet
        self._unsent: deque[Refinement] = deque()
        self._numbers = itertools.count(1)

    @property
    def live(self) -> int:
        """Frames that were sent and have neither ended nor been cancelled."""
        return len(self._live)

    def new_id(self) -> str:
        """An id no other frame of this stream has."""
        return str(next(self._numbers))

    def opened(self, request_id: str, now_s: float) -> None:
        """A frame is on its way."""
        self._live[request_id] = _Frame(now_s)

    def cancelled(self, request_id: str) -> bool:
        """Nothing more is wanted of a frame; False where it has ended already."""
        if self._live.pop(request_id, None) is None:
            return False
        self._gone.add(request_id)
        return True

    def replaced(self, request_id: str, now_s: float) -> None:
        """A frame made room for a newer one before it was sent: it ends here, superseded."""
        frame = self._live.pop(request_id, None)
        if frame is None:  # cancelled meanwhile
            return
        answer = Refinement(
            request_id=request_id,
            exit=0,
            exits=0,
            final=True,
            reason=Reason.SUPERSEDED,
            detail="a newer frame took its place before it was sent",
            seen_ms=1e3 * (now_s - frame.sent_s),
        )
        self._unsent.append(answer)

    def next_unsent(self) -> Refinement | None:
        """The next answer to a frame that was replaced before it was sent, if there is one."""
        return self._unsent.popleft() if self._unsent else None

    def heard(self, response: pb.SessionResponse, now_s: float) -> Answer | None:
        """Reads one message; None where it concerns a frame that was cancelled here.

        Raises:
            ProtocolError: An empty message, an unknown frame, an answer after the final one, or one
                that contradicts itself.
        """
        kind = response.WhichOneof("message")
        if kind is None:
            raise errors.ProtocolError("the server sent an empty message")
        if kind == "revised":
            revised = response.revised
            return Revision(
                request_id=revised.request_id,
                accepted=revised.accepted,
                budget_ms=revised.budget_ms,
                detail=revised.detail,
            )
        request_id = response.rejection.request_id if kind == "rejection" else response.refinement.request_id
        if request_id in self._gone:
            return None
        frame = self._live.get(request_id)
        if frame is None:
            raise errors.ProtocolError(f"the server answered {request_id!r}, which is not in flight")
        seen_ms = 1e3 * (now_s - frame.sent_s)
        if kind == "rejection":
            return self._rejected(response.rejection, seen_ms)
        return self._refined(response.refinement, frame, seen_ms)

    def _rejected(self, message: pb.Rejection, seen_ms: float) -> Rejection:
        del self._live[message.request_id]
        code = _CODES.get(message.status, grpc.StatusCode.UNKNOWN)
        error = rejection(code, message.detail, cause=message.cause, retry_after_ms=message.retry_after_ms)
        return Rejection(request_id=message.request_id, error=error, seen_ms=seen_ms)

    def _refined(self, message: pb.Refinement, frame: _Frame, seen_ms: float) -> Refinement:
        frame.last = refinement_of(message, frame.last, seen_ms=seen_ms)
        if frame.last.final:
            del self._live[message.request_id]
        return frame.last
