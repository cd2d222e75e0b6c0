from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    RAW: _ClassVar[Encoding]
    RLE_ZSTD: _ClassVar[Encoding]
    PNG: _ClassVar[Encoding]

class Resolution(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESOLUTION_UNSPECIFIED: _ClassVar[Resolution]
    FULL: _ClassVar[Resolution]
    QUARTER: _ClassVar[Resolution]

class Grid(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GRID_UNSPECIFIED: _ClassVar[Grid]
    INPUT: _ClassVar[Grid]
    WORKING: _ClassVar[Grid]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    FINAL_EXIT: _ClassVar[Reason]
    DEADLINE: _ClassVar[Reason]
    CONFIDENT: _ClassVar[Reason]
    BUDGET_CUT: _ClassVar[Reason]
    CLIENT_STOP: _ClassVar[Reason]
    SUPERSEDED: _ClassVar[Reason]
    SHUTDOWN: _ClassVar[Reason]
    WORKER_LOST: _ClassVar[Reason]
    FAILED: _ClassVar[Reason]
ENCODING_UNSPECIFIED: Encoding
RAW: Encoding
RLE_ZSTD: Encoding
PNG: Encoding
RESOLUTION_UNSPECIFIED: Resolution
FULL: Resolution
QUARTER: Resolution
GRID_UNSPECIFIED: Grid
INPUT: Grid
WORKING: Grid
REASON_UNSPECIFIED: Reason
FINAL_EXIT: Reason
DEADLINE: Reason
CONFIDENT: Reason
BUDGET_CUT: Reason
CLIENT_STOP: Reason
SUPERSEDED: Reason
SHUTDOWN: Reason
WORKER_LOST: Reason
FAILED: Reason

class InferRequest(_message.Message):
    __slots__ = ("request_id", "model", "image", "budget_ms", "min_exit", "max_exit", "stop_below", "long_side", "request_class", "mask", "want_confidence", "want_active", "newest_wins")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    MIN_EXIT_FIELD_NUMBER: _ClassVar[int]
    MAX_EXIT_FIELD_NUMBER: _ClassVar[int]
    STOP_BELOW_FIELD_NUMBER: _ClassVar[int]
    LONG_SIDE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_CLASS_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    WANT_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    WANT_ACTIVE_FIELD_NUMBER: _ClassVar[int]
    NEWEST_WINS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    image: Image
    budget_ms: float
    min_exit: int
    max_exit: int
    stop_below: float
    long_side: int
    request_class: str
    mask: MaskFormat
    want_confidence: bool
    want_active: bool
    newest_wins: bool
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., image: _Optional[_Union[Image, _Mapping]] = ..., budget_ms: _Optional[float] = ..., min_exit: _Optional[int] = ..., max_exit: _Optional[int] = ..., stop_below: _Optional[float] = ..., long_side: _Optional[int] = ..., request_class: _Optional[str] = ..., mask: _Optional[_Union[MaskFormat, _Mapping]] = ..., want_confidence: bool = ..., want_active: bool = ..., newest_wins: bool = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: RawImage
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[_Union[RawImage, _Mapping]] = ...) -> None: ...

class RawImage(_message.Message):
    __slots__ = ("height", "width", "rgb")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    RGB_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    rgb: bytes
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., rgb: _Optional[bytes] = ...) -> None: ...

class MaskFormat(_message.Message):
    __slots__ = ("encoding", "resolution", "grid")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    GRID_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    resolution: Resolution
    grid: Grid
    def __init__(self, encoding: _Optional[_Union[Encoding, str]] = ..., resolution: _Optional[_Union[Resolution, str]] = ..., grid: _Optional[_Union[Grid, str]] = ...) -> None: ...

class Refinement(_message.Message):
    __slots__ = ("request_id", "model", "exit", "exits", "mask", "confidence", "active", "active_share", "elapsed_ms", "remaining_ms", "budget_ms", "budget_policy", "late", "final", "reason", "detail", "retry_after_ms", "pose")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SHARE_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_MS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_MS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_POLICY_FIELD_NUMBER: _ClassVar[int]
    LATE_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    POSE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    exit: int
    exits: int
    mask: LabelMap
    confidence: ByteMap
    active: ByteMap
    active_share: float
    elapsed_ms: float
    remaining_ms: float
    budget_ms: float
    budget_policy: str
    late: bool
    final: bool
    reason: Reason
    detail: str
    retry_after_ms: float
    pose: Pose
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., exit: _Optional[int] = ..., exits: _Optional[int] = ..., mask: _Optional[_Union[LabelMap, _Mapping]] = ..., confidence: _Optional[_Union[ByteMap, _Mapping]] = ..., active: _Optional[_Union[ByteMap, _Mapping]] = ..., active_share: _Optional[float] = ..., elapsed_ms: _Optional[float] = ..., remaining_ms: _Optional[float] = ..., budget_ms: _Optional[float] = ..., budget_policy: _Optional[str] = ..., late: bool = ..., final: bool = ..., reason: _Optional[_Union[Reason, str]] = ..., detail: _Optional[str] = ..., retry_after_ms: _Optional[float] = ..., pose: _Optional[_Union[Pose, _Mapping]] = ...) -> None: ...

class LabelMap(_message.Message):
    __slots__ = ("encoding", "height", "width", "data")
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    encoding: Encoding
    height: int
    width: int
    data: bytes
    def __init__(self, encoding: _Optional[_Union[Encoding, str]] = ..., height: _Optional[int] = ..., width: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Pose(_message.Message):
    __slots__ = ("joints",)
    JOINTS_FIELD_NUMBER: _ClassVar[int]
    joints: _containers.RepeatedCompositeFieldContainer[Joint]
    def __init__(self, joints: _Optional[_Iterable[_Union[Joint, _Mapping]]] = ...) -> None: ...

class Joint(_message.Message):
    __slots__ = ("name", "x", "y", "confidence")
    NAME_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    x: float
    y: float
    confidence: float
    def __init__(self, name: _Optional[str] = ..., x: _Optional[float] = ..., y: _Optional[float] = ..., confidence: _Optional[float] = ...) -> None: ...

class ByteMap(_message.Message):
    __slots__ = ("height", "width", "zstd")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    ZSTD_FIELD_NUMBER: _ClassVar[int]
    height: int
    width: int
    zstd: bytes
    def __init__(self, height: _Optional[int] = ..., width: _Optional[int] = ..., zstd: _Optional[bytes] = ...) -> None: ...

class SessionRequest(_message.Message):
    __slots__ = ("frame", "revise", "cancel")
    FRAME_FIELD_NUMBER: _ClassVar[int]
    REVISE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    frame: InferRequest
    revise: Revise
    cancel: Cancel
    def __init__(self, frame: _Optional[_Union[InferRequest, _Mapping]] = ..., revise: _Optional[_Union[Revise, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ...) -> None: ...

class Revise(_message.Message):
    __slots__ = ("request_id", "total_ms", "remaining_ms", "stop")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_MS_FIELD_NUMBER: _ClassVar[int]
    REMAINING_MS_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    total_ms: float
    remaining_ms: float
    stop: bool
    def __init__(self, request_id: _Optional[str] = ..., total_ms: _Optional[float] = ..., remaining_ms: _Optional[float] = ..., stop: bool = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class SessionResponse(_message.Message):
    __slots__ = ("refinement", "rejection", "revised")
    REFINEMENT_FIELD_NUMBER: _ClassVar[int]
    REJECTION_FIELD_NUMBER: _ClassVar[int]
    REVISED_FIELD_NUMBER: _ClassVar[int]
    refinement: Refinement
    rejection: Rejection
    revised: Revised
    def __init__(self, refinement: _Optional[_Union[Refinement, _Mapping]] = ..., rejection: _Optional[_Union[Rejection, _Mapping]] = ..., revised: _Optional[_Union[Revised, _Mapping]] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("request_id", "status", "detail", "cause", "retry_after_ms")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    status: int
    detail: str
    cause: str
    retry_after_ms: float
    def __init__(self, request_id: _Optional[str] = ..., status: _Optional[int] = ..., detail: _Optional[str] = ..., cause: _Optional[str] = ..., retry_after_ms: _Optional[float] = ...) -> None: ...

class Revised(_message.Message):
    __slots__ = ("request_id", "accepted", "budget_ms", "detail")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_MS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    accepted: bool
    budget_ms: float
    detail: str
    def __init__(self, request_id: _Optional[str] = ..., accepted: bool = ..., budget_ms: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "task", "classes", "exits", "long_side", "threshold", "masking", "bones", "mask_rule")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    LONG_SIDE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MASKING_FIELD_NUMBER: _ClassVar[int]
    BONES_FIELD_NUMBER: _ClassVar[int]
    MASK_RULE_FIELD_NUMBER: _ClassVar[int]
    name: str
    task: str
    classes: _containers.RepeatedCompositeFieldContainer[Class]
    exits: _containers.RepeatedCompositeFieldContainer[Exit]
    long_side: int
    threshold: float
    masking: bool
    bones: _containers.RepeatedCompositeFieldContainer[Bone]
    mask_rule: str
    def __init__(self, name: _Optional[str] = ..., task: _Optional[str] = ..., classes: _Optional[_Iterable[_Union[Class, _Mapping]]] = ..., exits: _Optional[_Iterable[_Union[Exit, _Mapping]]] = ..., long_side: _Optional[int] = ..., threshold: _Optional[float] = ..., masking: bool = ..., bones: _Optional[_Iterable[_Union[Bone, _Mapping]]] = ..., mask_rule: _Optional[str] = ...) -> None: ...

class Class(_message.Message):
    __slots__ = ("id", "name", "rgb")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RGB_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    rgb: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., rgb: _Optional[int] = ...) -> None: ...

class Bone(_message.Message):
    __slots__ = ("first", "second")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    first: int
    second: int
    def __init__(self, first: _Optional[int] = ..., second: _Optional[int] = ...) -> None: ...

class Exit(_message.Message):
    __slots__ = ("name", "quality", "miou", "cost_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    MIOU_FIELD_NUMBER: _ClassVar[int]
    COST_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    quality: float
    miou: float
    cost_ms: float
    def __init__(self, name: _Optional[str] = ..., quality: _Optional[float] = ..., miou: _Optional[float] = ..., cost_ms: _Optional[float] = ...) -> None: ...
