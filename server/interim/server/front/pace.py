"""How long the front itself takes, learnt while it runs: the send margin and the cost of decoding."""

from dataclasses import dataclass

from interim.scheduling.window import Window

LEAST_MARGIN_S = 0.001
WIRE_S = 0.001
"""Between the hand-over and the client lie the transport's threads, which the front does not see."""
MOST_MARGIN_S = 0.050  # a slow reader's time is its own: it must not cost others their last exit
_MOST_GUESSES = 4  # encoding a very large map alone takes longer
_WINDOW = 256
_GUESS_S_PER_MPX = 0.004
_USUALLY = 0.95
_TELLING = 200  # sends before their p99.5 has shown itself
_UNTOLD_MARGIN_S = 0.003
_HEADROOM = 1.25  # the slowest so far is not the slowest that will be
_NEARLY_ALWAYS = 0.995  # p99 of answers is promised: a margin at its p99 would leave that to chance
_ENOUGH = 40  # values before their p95 is more than a hiccup
_AGAIN_S = 1.0  # after so long without a decode the slowest are in doubt: what they refuse teaches nothing
_DOUBTED = 0.25
_TRUSTED = 0.2
_LEAP = (
    4.0  # an image counts as at most so many times as dear as those before it, or as was expected at first
)
_FIXED_S = 0.0002  # opening a file, whatever its size
_WHOLE_PX = 50_000  # smaller images say less of a pixel's cost, and must not price others out
_FIRST_STRETCH = 1.5
_HANDING_S = 0.0005  # a verdict, a thread and a message lie between a question and a decoded image


class SendMargin:
    """How long before the deadline the answer must be on its way: what encode + write took, by size, and the wire.

    The p99.5 of the last 256, and a quarter more: of them all but one were faster, of the next not all will be.
    """

    def __init__(self) -> None:
        self._by_size: dict[int, Window] = {}

    def observe(self, pixels: int, seconds: float) -> None:
        """Note one encode + write of a map of `pixels`."""
        if seconds <= max(MOST_MARGIN_S, _MOST_GUESSES * _guess_s(pixels)):
            self._by_size.setdefault(_octave(pixels), Window(_WINDOW)).add(seconds)

    def margin_s(self, pixels: int) -> float:
        """The margin for a map of `pixels`, in seconds: at least 1 ms and the wire; 3 ms and the wire at first."""
        return WIRE_S + self._ours_s(pixels)

    def _ours_s(self, pixels: int) -> float:
        seen = self._by_size.get(_octave(pixels))
        if not seen:
            return max(_guess_s(pixels), _UNTOLD_MARGIN_S)
        return max(
            _HEADROOM * seen.above(_NEARLY_ALWAYS),
            LEAST_MARGIN_S if len(seen) >= _TELLING else _UNTOLD_MARGIN_S,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """One image to be decoded: its own processor time, and that of all images asked for up to it, in seconds."""

    kind: str
    pixels: int
    work_s: float
    load_s: float


class DecodePace:
    """When an image will be decoded, predicted for admission: decoders share what processors are left.

    Processor time is learnt by format and pixels. How much longer all that is to be decoded takes by the
    clock (others run as well) is learnt as a ratio, the *stretch*: promises count on its high quantile.
    Both are doubted while nothing is decoded: what was dear once must not refuse its like for ever.
    """

    # Nanoseconds a pixel before anything was measured: a decoder of 2020 on one core, twice.
    _FIRST_NS = {"JPEG": 30.0, "PNG": 40.0, "WEBP": 40.0, "RAW": 2.0}  # noqa: RUF012 -- read only

    def __init__(self) -> None:
        self._ns = dict(self._FIRST_NS)
        self._stretch = Window(_WINDOW)
        self._backlog_s = 0.0
        self._last_s = float("inf")
        self._refused: set[str] = set()  # formats of which images went undecoded since one was

    def expect(self, kind: str, pixels: int, *, now_s: float) -> Decoding:
        """An image of `pixels` (before scaling down) is to be decoded after all others expected so far."""
        if now_s - self._last_s >= _AGAIN_S:
            self._last_s = now_s
            self._doubt()
        work_s = _FIXED_S + self._ns[kind] * 1e-9 * pixels
        self._backlog_s += work_s
        return Decoding(kind=kind, pixels=pixels, work_s=work_s, load_s=self._backlog_s)

    def ready_in_s(self, decoding: Decoding) -> float:
        """Seconds from when it was expected within which it will usually be decoded."""
        stretch = self._stretch.above(_USUALLY) if len(self._stretch) >= _ENOUGH else _FIRST_STRETCH
        return (decoding.load_s + _HANDING_S) * stretch

    def done(self, decoding: Decoding, *, cpu_s: float, took_s: float, now_s: float) -> None:
        """It was decoded by now, in `cpu_s` of processor time, `took_s` after it was expected.

        One in five of the former counts, so that a single hiccup does not refuse others.
        """
        kind, pixels = decoding.kind, decoding.pixels
        self._settled(decoding)
        self._refused.discard(kind)
        self._last_s = now_s
        if cpu_s > _FIXED_S:  # else it says nothing of pixels
            ns = min((cpu_s - _FIXED_S) * 1e9 / pixels, _LEAP * max(self._ns[kind], self._FIRST_NS[kind]))
            self._ns[kind] += _TRUSTED * min(pixels / _WHOLE_PX, 1.0) * (ns - self._ns[kind])
        self._stretch.add(took_s / (decoding.load_s + _HANDING_S))

    def dropped(self, decoding: Decoding) -> None:
        """It will not be decoded: refused, or given up."""
        self._settled(decoding)
        self._refused.add(decoding.kind)

    def _settled(self, decoding: Decoding) -> None:
        self._backlog_s = max(self._backlog_s - decoding.work_s, 0.0)

    def _doubt(self) -> None:
        if self._stretch:
            self._stretch.forget_largest(max(int(_DOUBTED * len(self._stretch)), 1))
        for kind in self._refused:
            self._ns[kind] -= _DOUBTED * max(self._ns[kind] - self._FIRST_NS[kind], 0.0)


def _guess_s(pixels: int) -> float:
    return pixels * 1e-6 * _GUESS_S_PER_MPX


def _octave(pixels: int) -> int:
    return max(pixels, 1).bit_length()
