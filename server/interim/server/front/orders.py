"""From the wire's InferRequest to checked plain values: every rule of the protocol stands here, once."""

import math
from dataclasses import dataclass

from interim.server.errors import BadInputError, UnknownModelError
from interim.server.front.encoding import Wanted
from interim.server.front.extras import Extras
from interim.server.front.images import Limits, Picture, measure
from interim.server.front.joints import WantedJoints
from interim.server.front.masks import WantedMask
from interim.server.front.served import POSE, ServedModel
from interim.v1 import inference_pb2 as pb

MAX_BUDGET_MS = 3_600_000.0
MAX_ID = 256
_MAX_CLASS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One request, checked. `own_budget_s` is None where the client named none."""

    request_id: str
    picture: Picture
    wanted: Wanted
    own_budget_s: float | None
    min_exit: int
    max_exit: int
    stop_below: float
    request_class: str
    newest_wins: bool

    @property
    def size_bytes(self) -> int:
        """What the image holds in memory, as received."""
        return len(self.picture.data)


def read_order(request: pb.InferRequest, model: ServedModel, limits: Limits) -> Order:
    """Check one request against the protocol and the model.

    Raises:
        BadInputError: a value breaks its rule; one sentence names both.
        UnknownModelError: the model is not served here.
    """
    if request.model not in ("", model.name):
        raise UnknownModelError(f'there is no model "{request.model[:80]}": this server has "{model.name}"')
    _check_words(request)
    min_exit, max_exit = _exits(request, model)
    picture = _picture(request, model, limits)
    return Order(
        request_id=request.request_id,
        picture=picture,
        wanted=_joints(request, picture, model) if model.task == POSE else _mask(request, picture),
        own_budget_s=_budget_s(request),
        min_exit=min_exit,
        max_exit=max_exit,
        stop_below=_share(request.stop_below),
        request_class=request.request_class,
        newest_wins=request.newest_wins,
    )


def budget_s_from_ms(name: str, value: float) -> float:
    """Seconds from milliseconds that a client sent as its budget.

    Raises:
        BadInputError: not finite, not above 0, or beyond an hour.
    """
    if not math.isfinite(value) or not 0 < value <= MAX_BUDGET_MS:
        raise BadInputError(
            f"{name} is {value:g}: a budget is a number of milliseconds above 0 and at most {MAX_BUDGET_MS:.0f}"
        )
    return value / 1e3


def _check_words(request: pb.InferRequest) -> None:
    if len(request.request_id) > MAX_ID:
        raise BadInputError(f"request_id has {len(request.request_id)} characters: at most {MAX_ID} are kept")
    if len(request.request_class) > _MAX_CLASS or not request.request_class.isprintable():
        raise BadInputError(f"request_class must be at most {_MAX_CLASS} printable characters")


def _budget_s(request: pb.InferRequest) -> float | None:
    return budget_s_from_ms("budget_ms", request.budget_ms) if request.HasField("budget_ms") else None


def _exits(request: pb.InferRequest, model: ServedModel) -> tuple[int, int]:
    for name, value in (("min_exit", request.min_exit), ("max_exit", request.max_exit)):
        if value > model.exits:
            raise BadInputError(
                f"{name} is {value}, but model {model.name} has exits 1 to {model.exits} (0: no wish)"
            )
    least, most = request.min_exit or 1, request.max_exit or model.exits
    if least > most:
        raise BadInputError(f"min_exit {least} is above max_exit {most}: turn them round")
    return least, most


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise BadInputError(f"stop_below is {value:g}: it is a share of the pixels, from 0 to 1")
    return value


def _picture(request: pb.InferRequest, model: ServedModel, limits: Limits) -> Picture:
    source = request.image.WhichOneof("source")
    if source is None:
        raise BadInputError("the request has no image: set image.encoded or image.raw")
    long_side = min(request.long_side or model.long_side, model.long_side)
    if source == "encoded":
        return measure(request.image.encoded, None, long_side=long_side, limits=limits)
    raw = request.image.raw
    return measure(raw.rgb, (raw.height, raw.width), long_side=long_side, limits=limits)


def _joints(request: pb.InferRequest, picture: Picture, model: ServedModel) -> WantedJoints:
    mask = request.mask
    for name, value, usual, kind in (
        ("encoding", mask.encoding, pb.RLE_ZSTD, pb.Encoding),
        ("resolution", mask.resolution, pb.FULL, pb.Resolution),
        ("grid", mask.grid, pb.INPUT, pb.Grid),
    ):
        _check_known(f"mask.{name}", value, kind)
        if value not in (0, usual):
            raise BadInputError(
                f"mask.{name} is {kind.Name(value)}, but model {model.name} gives joints and no mask: "
                "leave mask out"
            )
    return WantedJoints(
        names=model.class_names, size=picture.size, working=picture.working, extras=_extras(request)
    )


def _mask(request: pb.InferRequest, picture: Picture) -> WantedMask:
    mask = request.mask
    _check_known("mask.encoding", mask.encoding, pb.Encoding)
    _check_known("mask.resolution", mask.resolution, pb.Resolution)
    _check_known("mask.grid", mask.grid, pb.Grid)
    height, width = picture.working if mask.grid == pb.WORKING else picture.size
    quarter = mask.resolution == pb.QUARTER
    return WantedMask(
        encoding=mask.encoding or pb.RLE_ZSTD,
        size=(-(-height // 4), -(-width // 4)) if quarter else (height, width),
        quarter=quarter,
        extras=_extras(request),
    )


def _extras(request: pb.InferRequest) -> Extras:
    return Extras(confidence=request.want_confidence, active=request.want_active)


def _check_known(
    name: str, value: int, kind: type[pb.Encoding] | type[pb.Resolution] | type[pb.Grid]
) -> None:
    if value not in kind.values():
        raise BadInputError(f"{name} {value} is unknown: there are {', '.join(kind.keys())}")
