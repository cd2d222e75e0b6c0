"""interim.v1.Control over gRPC: what operators ask, and the caps they set."""

import math
from typing import Any

from interim.scheduling.budgets.caps import Cap
from interim.server.errors import BadInputError
from interim.server.front.budget_state import budget_state
from interim.server.front.budget_watch import BudgetWatch
from interim.server.front.state import State
from interim.v1 import control_pb2 as pb
from interim.v1 import control_pb2_grpc

LONGEST_CAP_MS = 3_600_000.0
LONGEST_TTL_S = 7 * 86_400.0
_LONGEST_WHY = 200
_LONGEST_CLASS = 64
_MOST_CAPS = 64


class ControlService(control_pb2_grpc.ControlServicer):
    """The servicer."""

    def __init__(self, state: State, watch: BudgetWatch) -> None:
        self._state = state
        self._watch = watch

    async def Status(self, request: pb.StatusRequest, context: Any) -> pb.StatusResponse:  # noqa: N802, ARG002 -- gRPC's name and interface
        """How the server is, now."""
        return self._state.status()

    async def GetBudget(self, request: pb.GetBudgetRequest, context: Any) -> pb.BudgetState:  # noqa: N802, ARG002 -- gRPC's name and interface
        """The budget policies, now."""
        return budget_state(self._watch.requests)

    async def SetBudgetCap(self, request: pb.SetBudgetCapRequest, context: Any) -> pb.BudgetState:  # noqa: N802 -- gRPC's name
        """No budget is longer than this, for a while."""
        try:
            cap = _cap(request, self._watch.requests.budgets.now().now_s, context.peer())
            self._check_room(cap)
        except BadInputError as error:
            await context.abort(error.grpc_status, error.detail)
        moved = self._watch.set_cap(cap)
        return budget_state(self._watch.requests, moved=moved)

    async def ClearBudgetCap(self, request: pb.ClearBudgetCapRequest, context: Any) -> pb.BudgetState:  # noqa: N802, ARG002 -- gRPC's name and interface
        """Takes caps away."""
        whose = request.request_class if request.HasField("request_class") else None
        gone, moved = self._watch.clear_caps(whose)
        return budget_state(self._watch.requests, moved=moved, cleared=len(gone))

    def _check_room(self, cap: Cap) -> None:
        """A cap is a metric of its own, and every request looks for its own: their number stays small."""
        caps = self._watch.book.caps
        if cap.request_class not in caps and len(caps) >= _MOST_CAPS:
            raise BadInputError(
                f"{_MOST_CAPS} classes have caps, as many as there may be: clear one, or wait until one ends"
            )


def _cap(request: pb.SetBudgetCapRequest, now_s: float, peer: str) -> Cap:
    """The cap that is asked for.

    Raises:
        BadInputError: a value breaks its rule.
    """
    _check("at_most_ms", request.at_most_ms, LONGEST_CAP_MS, "milliseconds")
    _check("ttl_s", request.ttl_s, LONGEST_TTL_S, "seconds")
    for name, text, longest in (
        ("request_class", request.request_class, _LONGEST_CLASS),
        ("why", request.why, _LONGEST_WHY),
    ):
        if len(text) > longest or not text.isprintable():
            raise BadInputError(f"{name} must be at most {longest} printable characters")
    return Cap(
        at_most_s=request.at_most_ms / 1e3,
        until_s=now_s + request.ttl_s,
        request_class=request.request_class,
        why=request.why,
        set_by=peer,
        dry_run=request.dry_run,
    )


def _check(name: str, value: float, most: float, unit: str) -> None:
    if not math.isfinite(value) or not 0 < value <= most:
        raise BadInputError(
            f"{name} is {value:g}: it must be a number of {unit} above 0 and at most {most:.0f}"
        )
