"""grpc.health.v1: Check and Watch, for load balancers and probes.

Watchers are woken one by one through a queue each: one that leaves, or does not read, holds up nobody.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

Status = Any  # health_pb2.HealthCheckResponse.ServingStatus; the package ships no types


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # the package ships no types
    """The health of the server ("") and of each service it offers: all serve, or none does."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset({"", *services})
        self._serving = False
        self._watchers: set[asyncio.Event] = set()

    def set(self, *, serving: bool) -> None:
        """Say whether requests are welcome; watchers hear of a change."""
        if serving != self._serving:
            self._serving = serving
            for changed in self._watchers:
                changed.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 -- gRPC's name
        """The status now; NOT_FOUND for a service that is not here."""
        if request.service not in self._services:
            await context.abort(
                grpc.StatusCode.NOT_FOUND,
                f'there is no service "{request.service[:80]}": leave it empty for the server as a whole',
            )
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 -- gRPC's name
        """The status now, and again whenever it changes."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            said = None
            while True:
                changed.clear()
                status = self._status(request.service)
                if status != said:
                    await context.write(health_pb2.HealthCheckResponse(status=status))
                    said = status
                await changed.wait()
        finally:
            self._watchers.discard(changed)

    def _status(self, service: str) -> Status:
        known = health_pb2.HealthCheckResponse
        if service not in self._services:
            return known.SERVICE_UNKNOWN
        return known.SERVING if self._serving else known.NOT_SERVING
