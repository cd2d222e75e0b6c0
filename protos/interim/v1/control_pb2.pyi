from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("version", "uptime_s", "ready", "draining", "in_flight", "bytes_in_flight", "workers")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    BYTES_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    version: str
    uptime_s: float
    ready: bool
    draining: bool
    in_flight: int
    bytes_in_flight: int
    workers: _containers.RepeatedCompositeFieldContainer[Worker]
    def __init__(self, version: _Optional[str] = ..., uptime_s: _Optional[float] = ..., ready: bool = ..., draining: bool = ..., in_flight: _Optional[int] = ..., bytes_in_flight: _Optional[int] = ..., workers: _Optional[_Iterable[_Union[Worker, _Mapping]]] = ...) -> None: ...

class Worker(_message.Message):
    __slots__ = ("model", "device", "dtype", "execution", "masking", "threads", "up", "restarts", "longest_slice_ms", "stages", "height", "width", "task", "classes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    MASKING_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    LONGEST_SLICE_MS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    model: str
    device: str
    dtype: str
    execution: str
    masking: bool
    threads: int
    up: bool
    restarts: int
    longest_slice_ms: float
    stages: _containers.RepeatedCompositeFieldContainer[StageCost]
    height: int
    width: int
    task: str
    classes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., device: _Optional[str] = ..., dtype: _Optional[str] = ..., execution: _Optional[str] = ..., masking: bool = ..., threads: _Optional[int] = ..., up: bool = ..., restarts: _Optional[int] = ..., longest_slice_ms: _Optional[float] = ..., stages: _Optional[_Iterable[_Union[StageCost, _Mapping]]] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., task: _Optional[str] = ..., classes: _Optional[_Iterable[str]] = ...) -> None: ...

class StageCost(_message.Message):
    __slots__ = ("exit", "mean_ms", "p99_ms")
    EXIT_FIELD_NUMBER: _ClassVar[int]
    MEAN_MS_FIELD_NUMBER: _ClassVar[int]
    P99_MS_FIELD_NUMBER: _ClassVar[int]
    exit: str
    mean_ms: float
    p99_ms: float
    def __init__(self, exit: _Optional[str] = ..., mean_ms: _Optional[float] = ..., p99_ms: _Optional[float] = ...) -> None: ...

class GetBudgetRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetBudgetCapRequest(_message.Message):
    __slots__ = ("at_most_ms", "ttl_s", "request_class", "why", "dry_run")
    AT_MOST_MS_FIELD_NUMBER: _ClassVar[int]
    TTL_S_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    at_most_ms: float
    ttl_s: float
    request_class: str
    why: str
    dry_run: bool
    def __init__(self, at_most_ms: _Optional[float] = ..., ttl_s: _Optional[float] = ..., request_class: _Optional[str] = ..., why: _Optional[str] = ..., dry_run: bool = ...) -> None: ...

class ClearBudgetCapRequest(_message.Message):
    __slots__ = ("request_class",)
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    request_class: str
    def __init__(self, request_class: _Optional[str] = ...) -> None: ...

class BudgetState(_message.Message):
    __slots__ = ("default_ms", "dry_run", "policies", "caps", "load_share", "queue_ms", "in_flight", "moved", "cleared")
    DEFAULT_MS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    POLICIES_FIELD_NUMBER: _ClassVar[int]
    CAPS_FIELD_NUMBER: _ClassVar[int]
    LOAD_SHARE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    CLEARED_FIELD_NUMBER: _ClassVar[int]
    default_ms: float
    dry_run: bool
    policies: _containers.RepeatedCompositeFieldContainer[BudgetPolicy]
    caps: _containers.RepeatedCompositeFieldContainer[BudgetCap]
    load_share: float
    queue_ms: float
    in_flight: int
    moved: int
    cleared: int
    def __init__(self, default_ms: _Optional[float] = ..., dry_run: bool = ..., policies: _Optional[_Iterable[_Union[BudgetPolicy, _Mapping]]] = ..., caps: _Optional[_Iterable[_Union[BudgetCap, _Mapping]]] = ..., load_share: _Optional[float] = ..., queue_ms: _Optional[float] = ..., in_flight: _Optional[int] = ..., moved: _Optional[int] = ..., cleared: _Optional[int] = ...) -> None: ...

class BudgetPolicy(_message.Message):
    __slots__ = ("name", "says", "active", "dry_run")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SAYS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    name: str
    says: str
    active: bool
    dry_run: bool
    def __init__(self, name: _Optional[str] = ..., says: _Optional[str] = ..., active: bool = ..., dry_run: bool = ...) -> None: ...

class BudgetCap(_message.Message):
    __slots__ = ("request_class", "at_most_ms", "remaining_s", "why", "set_by", "dry_run")
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_MS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_S_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    SET_BY_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    request_class: str
    at_most_ms: float
    remaining_s: float
    why: str
    set_by: str
    dry_run: bool
    def __init__(self, request_class: _Optional[str] = ..., at_most_ms: _Optional[float] = ..., remaining_s: _Optional[float] = ..., why: _Optional[str] = ..., set_by: _Optional[str] = ..., dry_run: bool = ...) -> None: ...
