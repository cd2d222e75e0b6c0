"""How long the front itself takes, learnt while it runs: the send margin and the cost of decoding."""

import bisect
from collections import deque

LEAST_MARGIN_S = 0.001
MOST_MARGIN_S = 0.050  # a slow reader's time is its own: it must not cost others their last exit
_WINDOW = 256
_GUESS_S_PER_MPX = 0.004
_USUALLY = 0.95
_ENOUGH = 20  # values before their quantile is more than a hiccup


class RollingQuantile:
    """A quantile of the last `_WINDOW` values."""

    def __init__(self, quantile: float) -> None:
        self._quantile = quantile
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def observe(self, value: float) -> None:
        """Add a value; the oldest goes."""
        self._recent.append(value)
        bisect.insort(self._sorted, value)
        if len(self._recent) > _WINDOW:
            del self._sorted[bisect.bisect_left(self._sorted, self._recent.popleft())]

    @property
    def count(self) -> int:
        """How many values it knows."""
        return len(self._sorted)

    def value(self) -> float | None:
        """The quantile so far (the nearest rank, never below it); None before the first value."""
        if not self._sorted:
            return None
        return self._sorted[min(int(self._quantile * len(self._sorted)), len(self._sorted) - 1)]


class SendMargin:
    """How long before the deadline the answer must be on its way: rolling p99 of encode + write by size."""

    def __init__(self) -> None:
        self._by_size: dict[int, RollingQuantile] = {}

    def observe(self, pixels: int, seconds: float) -> None:
        """Note one encode + write of a map of `pixels`."""
        if seconds <= MOST_MARGIN_S:
            self._by_size.setdefault(_octave(pixels), RollingQuantile(0.99)).observe(seconds)

    def margin_s(self, pixels: int) -> float:
        """The margin for a map of `pixels`, in seconds: at least 1 ms; a guess until this size was seen."""
        seen = self._by_size.get(_octave(pixels))
        value = seen.value() if seen else None
        if value is None:
            value = min(pixels * 1e-6 * _GUESS_S_PER_MPX, MOST_MARGIN_S)
        return max(value, LEAST_MARGIN_S)


class DecodePace:
    """Seconds to decode an image, predicted from its format and pixels, for admission."""

    # Nanoseconds a pixel before anything was measured: a decoder of 2020 on one core, twice.
    _FIRST_NS = {"JPEG": 30.0, "PNG": 40.0, "WEBP": 40.0, "RAW": 2.0}  # noqa: RUF012 -- read only

    def __init__(self) -> None:
        self._ns = dict(self._FIRST_NS)
        self._seen = {kind: RollingQuantile(_USUALLY) for kind in self._FIRST_NS}

    def observe(self, kind: str, pixels: int, seconds: float) -> None:
        """Note one decode; one in five counts, so that a single hiccup does not refuse others."""
        ns = seconds * 1e9 / pixels
        self._ns[kind] += 0.2 * (ns - self._ns[kind])
        self._seen[kind].observe(ns)

    def predict_s(self, kind: str, pixels: int) -> float:
        """What decoding an image of `pixels` (before scaling down) will usually not exceed, in seconds.

        A promise counts on it: where decoders wait for processors, their mean says too little.
        """
        ns = self._ns[kind]
        if self._seen[kind].count >= _ENOUGH:
            ns = max(ns, self._seen[kind].value() or 0.0)
        return ns * 1e-9 * pixels


def _octave(pixels: int) -> int:
    return max(pixels, 1).bit_length()
