"""The server as a whole, now: one picture for the control service, the status page and the probes."""

from collections.abc import Callable
from dataclasses import dataclass

from interim.server.front.requests import Requests
from interim.server.version import version
from interim.v1 import control_pb2


@dataclass(frozen=True, slots=True)
class State:
    """Reads the state of one server; `clock` is that of the event loop."""

    requests: Requests
    clock: Callable[[], float]
    started_s: float

    @property
    def why_not_ready(self) -> str:
        """Empty where requests are welcome; else one sentence."""
        if self.requests.closing:
            return "the server is stopping"
        if self.requests.model is None:
            return "the model is still being loaded"
        return "" if self.requests.means.engine.up else "the engine is being started again"

    def status(self) -> control_pb2.StatusResponse:
        """Everything, as the wire tells it."""
        return control_pb2.StatusResponse(
            version=version(),
            uptime_s=self.clock() - self.started_s,
            ready=not self.why_not_ready,
            draining=self.requests.closing,
            in_flight=self.requests.in_flight,
            bytes_in_flight=self.requests.bytes_in_flight,
            workers=self._workers(),
        )

    def _workers(self) -> list[control_pb2.Worker]:
        model, engine = self.requests.model, self.requests.means.engine
        if model is None:
            return []
        ready = model.ready
        return [
            control_pb2.Worker(
                model=model.name,
                device=ready.device,
                dtype=ready.dtype,
                execution=f"{ready.execution}; {ready.note}" if ready.note else ready.execution,
                masking=ready.masking,
                threads=ready.threads,
                up=engine.up,
                restarts=engine.restarts,
                longest_slice_ms=self.requests.longest_slice_s * 1e3,
                stages=[
                    control_pb2.StageCost(exit=c.name, mean_ms=c.mean_s * 1e3, p99_ms=c.p99_s * 1e3)
                    for c in ready.costs
                ],
                height=ready.height,
                width=ready.width,
                task=model.task,
                classes=model.class_names,
            )
        ]
