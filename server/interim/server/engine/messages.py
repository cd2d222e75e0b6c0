"""What the front and an engine say to each other: small frozen values, no images, no torch.

Ids are the front's, unique for the life of the server. A *generation* tells two lives of one arena slot
apart. Instants are `time.monotonic()` seconds: one clock for all processes of a machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from interim.model_zoo.mask_choice import CARD
from interim.scheduling.policy import DEFAULT_POLICY

if TYPE_CHECKING:
    from collections.abc import Mapping

# --- front to engine --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message of an engine's life: what to load and how to run it; `Ready` or `Unable` answers.

    `model`: a checkpoint's name or folder, a network's name (random weights), or `module:factory`, which
    is called without arguments and returns an `AnytimeModel`. `device`: auto, cpu or cuda:N. `masking`:
    skip sure pixels where the model can. `mask_rule`: which those are (model_zoo.mask_choice). `execution`: auto, native or reference (model_zoo.execution).
    `dtype`: auto, float32 or bfloat16. `threads` for computing (0: one less than the processors), pinned
    to `cores` (empty: nowhere). `warm_sizes`: (height, width) in pixels, at most the model's long side, measured before `Ready`; no slice
    of a stage may take longer than `most_slice_s` then (0: any).
    `max_batch`: the most requests in one step; 0: what the device is known to like. `urgent`: the control
    thread goes before others (server.urgency). `policy`: by name. `slots`, `max_pixels`: of the arena.
    `learned`: the costs that the engine before this one had measured; with them nothing is measured anew, and
    the longest slice is taken to be `longest_slice_s`, that engine's.
    """

    model: str = "default"
    device: str = "auto"
    masking: bool = True
    mask_rule: str = CARD
    execution: str = "auto"
    dtype: str = "auto"
    threads: int = 0
    cores: tuple[int, ...] = ()
    warm_sizes: tuple[tuple[int, int], ...] = ((512, 1024),)
    most_slice_s: float = 0.0
    max_batch: int = 0
    urgent: bool = False
    policy: str = DEFAULT_POLICY
    slots: int = 1
    max_pixels: int = 1
    learned: Mapping[str, Any] | None = None
    longest_slice_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """May this request come in? Answered by `Verdict` at once, even while a stage runs.

    `answer_by_s` is the front's timer: the deadline less the send margin. `ready_in_s` is the predicted
    cost of decoding, counted before stage 1 can begin. `height`, `width`: the working size in pixels,
    before padding. `min_exit`, `max_exit` count from 1, resolved against the model.
    """

    id: int
    arrival_s: float
    answer_by_s: float
    ready_in_s: float
    height: int
    width: int
    min_exit: int
    max_exit: int
    stop_below: float
    full_resolution: bool
    request_class: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """The image of an admitted request lies in arena slot `slot`, uint8 RGB, height * width * 3."""

    id: int
    slot: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The request's timer moved. An extension is admitted anew; `Verdict` answers with the same `ticket`."""

    id: int
    answer_by_s: float
    ticket: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Nothing more is wanted of the request; `Freed` acknowledges, and only then may its slot be reused."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quit:
    """End the process: everything in flight has been answered."""


ToEngine = Start | Ask | Submit | Move | Forget | Quit

# --- engine to front --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """What one stage costs one request alone, in seconds, everything sure pixels save not counted."""

    name: str
    mean_s: float
    p99_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The model is loaded and warm. `spec` is plain data of `ModelSpec` (see `engine.process`).

    `execution`: what runs the network; `note`: what a person should know of it, in one sentence, if anything.
    """

    spec: dict[str, object]
    device: str
    dtype: str
    execution: str
    masking: bool
    threads: int
    longest_slice_s: float
    height: int
    width: int
    costs: tuple[StageCost, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unable:
    """The model cannot be served at all.

    Attributes:
        detail: One sentence for the person who chose it.
        wrong_use: Whether there is no such model, device or policy; else it failed.
    """

    detail: str
    wrong_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was measured so far, as plain data of `CostModel`: kept for the next life of the engine."""

    costs: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer to `Ask` (ticket 0) or to `Move`: in, or why not and when to try again."""

    id: int
    ticket: int
    admitted: bool
    cause: str = ""
    detail: str = ""
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Stage 1 of the request has begun: a newer frame no longer takes its place before exit 1."""

    id: int
    queued_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Exit `exit` of the request is complete: its finding lies in output slot `exit % 2` of its arena slot."""

    id: int
    generation: int
    exit: int
    active_share: float
    done_s: float
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The model raised on this request alone. `detail` is one sentence."""

    id: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """The request is forgotten; the engine will not touch its slot again. `wasted_s`: work nobody took."""

    id: int
    wasted_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """One step is done, for the metrics: a stage, for one batch."""

    exit: int
    batch: int
    seconds: float
    active_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The compute thread is alive: it passed a slice border, or it is idle."""

    now_s: float
    longest_slice_s: float
    queued: int


FromEngine = Ready | Unable | Learned | Verdict | Begun | Published | Failed | Freed | Stepped | Beat
