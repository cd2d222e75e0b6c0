"""The tables and the picture of docs/performance.md, made of reports of measurements and of nothing else.

A row is a setting of `scripts/bench kernels --json`, or a way to run of `scripts/bench answers --json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from interim.training.plot import Plot, Series
from interim.training.tables import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Rows = Sequence[Mapping[str, Any]]

PARTS = {"stages34": "stages 3 and 4", "end_to_end": "end to end"}
CONTESTANTS = {
    "torch_eager": "torch eager",
    "torch_best": "torch best",
    "torch_compiled": "torch.compile",
    "own_dense": "own, all positions",
    "own_masked": "own, masked",
}
MASKS = {"own": "its own", "injected": "those of torch, float32", "none": "every position computed"}


def speed_table(rows: Rows) -> str:
    """A row for each part of each setting."""
    head = ["model, size, numbers, masks, threads", "part", "torch eager", "torch best", "own dense"]
    head += ["dense against best", "masked against dense", "theory", "labels as the literal network's"]
    return markdown(
        head,
        [
            [
                f"{_name(row)}, {row['threads']}",
                title,
                *(f"{part[f'{name}_ms']:.1f} ms" for name in ("torch_eager", "torch_best", "own_dense")),
                f"{part['torch_best_ms'] / part['own_dense_ms']:.2f}x",
                f"{part['own_dense_ms'] / part['own_masked_ms']:.2f}x",
                f"{part['theory']:.2f}x",
                f"{100 * row['argmax_agreement']:.2f} %",
            ]
            for row in rows
            for part, title in ((row["parts"][key], title) for key, title in PARTS.items())
        ],
    )


def exit_table(rows: Rows) -> str:
    """From bytes to each exit's logits, and the longest slice."""
    return markdown(
        ["setting", "exit 1", "exit 2", "exit 3", "exit 4", "longest slice"],
        [
            [
                f"{_name(row)}, {row['threads']}",
                *(f"{ms:.1f} ms" for ms in row["exits_ms"]),
                f"{row['longest_slice_ms']:.2f} ms",
            ]
            for row in rows
        ],
    )


def answer_table(rows: Rows) -> str:
    """MIoU and same labels by exit."""
    return markdown(
        ["", "masks", "mIoU of exits 1 to 4, %", "same label, %"],
        [
            [
                row["run"],
                MASKS[row["masks"]],
                " / ".join(f"{100 * value:.2f}" for value in row["miou"]),
                " / ".join(f"{100 * value:.2f}" for value in row["same"]),
            ]
            for row in rows
        ],
    )


def picture(row: Mapping[str, Any]) -> str:
    """Milliseconds to every exit, for all contestants."""
    series = [
        Series(name=title, points=[(float(k), ms) for k, ms in enumerate(row["laps_ms"][name], 1)])
        for name, title in CONTESTANTS.items()
        if name in row["laps_ms"]
    ]
    plot = Plot(title=_name(row), x="exit (5: label map)", y="ms from the image", series=series)
    return plot.svg()


def compiled_table(rows: Rows) -> str:
    """Beside torch.compile, where it was measured: to each exit's logits, and to the label map."""
    head = ["setting", "contestant", *(f"exit {n}" for n in range(1, 5)), "label map"]
    return markdown(
        head,
        [
            [f"{_name(row)}, {row['threads']}", title, *(f"{ms:.1f} ms" for ms in row["laps_ms"][name])]
            for row in rows
            if "torch_compiled" in row["laps_ms"]
            for name, title in CONTESTANTS.items()
        ],
    )


def _name(row: Mapping[str, Any]) -> str:
    shares = "/".join(f"{share:.2f}".removeprefix("0") for share in row["active"])
    return f"{row['model']}, {'x'.join(map(str, row['size']))}, {row['dtype']}, {row['masks']} {shares}"
