"""interim.v1.Control over gRPC: what operators ask."""

from typing import Any

from interim.server.front.state import State
from interim.v1 import control_pb2, control_pb2_grpc


class ControlService(control_pb2_grpc.ControlServicer):
    """The servicer."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def Status(self, request: control_pb2.StatusRequest, context: Any) -> control_pb2.StatusResponse:  # noqa: N802, ARG002 -- gRPC's name and interface
        """How the server is, now."""
        return self._state.status()
