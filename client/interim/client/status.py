"""How a server is."""

from dataclasses import dataclass

from interim.v1 import control_pb2 as pb


@dataclass(frozen=True, kw_only=True, slots=True)
class StageCost:
    """What one stage with its exit costs, as observed; ms."""

    exit: str
    mean_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """One engine process.

    Attributes:
        model: what it serves.
        device: "cpu", "cuda:0".
        dtype: "float32", "bfloat16".
        execution: what runs the network: `native-` and the instruction set of its kernels, or, in torch, `reference`
            with masks and `dense` without; behind a semicolon, what a person should know of it.
        masking: whether sure pixels are skipped.
        threads: that compute.
        up: whether it answers.
        restarts: since the server started.
        longest_slice_ms: nobody waits longer than this for the device.
        stages: their costs at `size`.
        size: (height, width) the costs are for, pixels.
        task: "segmentation", "pose" or "classification"; "" where the server is older than this field.
        classes: the names of the model's classes, by id; of a pose model, of its joints.
    """

    model: str
    device: str
    dtype: str
    execution: str
    masking: bool
    threads: int
    up: bool
    restarts: int
    longest_slice_ms: float
    stages: tuple[StageCost, ...]
    size: tuple[int, int]
    task: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How a server is, now.

    Attributes:
        version: of the server.
        uptime_s: since it started.
        ready: whether it takes requests.
        draining: whether it is stopping.
        in_flight: requests admitted and not ended.
        bytes_in_flight: of their images, as received.
        workers: its engine processes.
    """

    version: str
    uptime_s: float
    ready: bool
    draining: bool
    in_flight: int
    bytes_in_flight: int
    workers: tuple[Worker, ...]


def status_of(message: pb.StatusResponse) -> Status:
    """Reads a status as it came."""
    return Status(
        version=message.version,
        uptime_s=message.uptime_s,
        ready=message.ready,
        draining=message.draining,
        in_flight=message.in_flight,
        bytes_in_flight=message.bytes_in_flight,
        workers=tuple(_worker(each) for each in message.workers),
    )


def _worker(message: pb.Worker) -> Worker:
    return Worker(
        model=message.model,
        device=message.device,
        dtype=message.dtype,
        execution=message.execution,
        masking=message.masking,
        threads=message.threads,
        up=message.up,
        restarts=message.restarts,
        longest_slice_ms=message.longest_slice_ms,
        stages=tuple(
            StageCost(exit=each.exit, mean_ms=each.mean_ms, p99_ms=each.p99_ms) for each in message.stages
        ),
        size=(message.height, message.width),
        task=message.task,
        classes=tuple(message.classes),
    )
