"""One style of log line: UTC time, level, part, a short sentence, then `name=value` pairs.

2026-03-01T12:00:00.123Z INFO front request ended id=17 exit=3 reason=DEADLINE slack_ms=1.9
"""

import logging
import sys
import time
from typing import TextIO


class LineFormat(logging.Formatter):
    """Formats a record whose `extra={"facts": {...}}`, if any, becomes the pairs."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- logging's name
        """The line without a traceback."""
        facts: dict[str, object] = getattr(record, "facts", {})
        pairs = "".join(f" {name}={_value(value)}" for name, value in facts.items())
        return super().formatMessage(record) + pairs


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send the server's log lines of `level` and above to standard error (or `stream`)."""
    out = logging.StreamHandler(stream or sys.stderr)
    out.setFormatter(LineFormat())
    root = logging.getLogger("interim")
    root.handlers = [out]
    root.setLevel(level.upper())
    root.propagate = False


def note(log: logging.Logger, message: str, *, level: int = logging.INFO, **facts: object) -> None:
    """Log a short sentence with its facts."""
    if log.isEnabledFor(level):
        log.log(level, message, extra={"facts": facts})


def _value(value: object) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f'"{text}"' if not text or any(c.isspace() or c == '"' for c in text) else text
