"""Runs kept as files, for `interim-load report` and `compare`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from interim.loadtest.run_file import Run


def keep(folder: Path, runs: Mapping[str, Run]) -> None:
    """Writes each run as NAME.json; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, run in runs.items():
        (folder / f"{name}.json").write_text(json.dumps(run.as_json()) + "\n", encoding="utf-8")
