"""What a benchmark says: its figures, and which promises they keep."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.host import Host
    from benchmarks.stalls import Stalls

    from interim.client import Status
    from interim.loadtest.promises import Check


Spread = dict[str, float | None]
"""Quantiles by name, as `interim.loadtest.quantiles.spread` gives them; None: nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One benchmark's outcome: `lines` for people, `figures` for programs, `checks` for both."""

    lines: tuple[str, ...]
    figures: dict[str, Any]
    checks: tuple[Check, ...]
    server: dict[str, Any]

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return all(check.holds for check in self.checks)

    def as_json(self, name: str, host: Host, stalls: Stalls) -> str:
        """Everything, as JSON."""
        checks = [{**asdict(check), "holds": check.holds} for check in self.checks]
        facts = {"benchmark": name, "host": host.as_json(), "stalls": stalls.as_json(), "server": self.server}
        return json.dumps({**facts, "holds": self.holds, "checks": checks, **self.figures}, indent=2)

    def as_table(self, name: str, host: Host, stalls: Stalls) -> str:
        """Everything, as lines."""
        server = ", ".join(f"{key} {value}" for key, value in self.server.items())
        return "\n".join(
            [
                f"{name}: {host.as_line()}",
                f"server: {server}",
                stalls.as_line(),
                *self.lines,
                "",
                *(check.as_line() for check in self.checks),
            ]
        )


def serving_facts(status: Status) -> dict[str, Any]:
    """What the server says it runs: the first worker's model, device, type and threads."""
    worker = status.workers[0]
    return {
        "model": worker.model,
        "device": worker.device,
        "dtype": worker.dtype,
        "execution": worker.execution,
        "masking": worker.masking,
        "threads": worker.threads,
        "longest_slice_ms": round(worker.longest_slice_ms, 3),
    }


def in_ms(values: Spread) -> str:
    """A spread of milliseconds as a line."""
    return ", ".join(f"{name} {value:.2f}" for name, value in values.items() if value is not None) + " ms"
