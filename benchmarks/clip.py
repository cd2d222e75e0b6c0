"""The clip: a labelled camera at 15 Hz on a 60 ms budget; then a camera far too fast, newest frame wins."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from benchmarks.asking import usual_ms
from benchmarks.material import HEIGHT, WIDTH, labelled_clip
from benchmarks.measured import Measured, serving_facts
from benchmarks.server_process import beside, serving

from interim.client import AsyncClient
from interim.loadtest.clip import send_clip
from interim.loadtest.frames import read_frames
from interim.loadtest.promises import Check
from interim.loadtest.report import ClipReport, report_clip

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from benchmarks.server_process import RunningServer

    from interim.loadtest.frames import Frame
    from interim.loadtest.scenario import Clip

TOO_FAST = 3.0
"""How many times the rate that exit 1 can sustain the second camera sends."""

_FAST_S = 8.0  # how long it does


def options(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's own options."""
    parser.add_argument("--fps", metavar="N", type=float, default=15.0, help="default: %(default)s")
    parser.add_argument("--budget-ms", metavar="N", type=float, default=60.0, help="default: %(default)s")
    parser.add_argument("--masking", choices=("on", "off"), default="off", help="default: %(default)s")
    parser.add_argument(
        "--least-exit", metavar="X", type=float, default=2.0, help="mean exit to reach (default: %(default)s)"
    )


def measure(asked: argparse.Namespace) -> Measured:
    """Runs it on a server of its own.

    Raises:
        ScenarioError: there is no labelled clip.
    """
    clip = labelled_clip(asked.data, fps=asked.fps, budget_ms=asked.budget_ms)
    frames = read_frames(clip)[: 15 if asked.quick else None]
    with (
        serving("--warm-sizes", f"{HEIGHT}x{WIDTH}", "--masking", asked.masking, *asked.server) as server,
        beside(server),
    ):
        return asyncio.run(_measure(server, clip, frames, asked))


async def _measure(
    server: RunningServer, clip: Clip, frames: Sequence[Frame], asked: argparse.Namespace
) -> Measured:
    async with AsyncClient(server.target) as client:
        first_ms = await usual_ms(client, [frame.image for frame in frames[:20]], max_exit=1)
        steady = await _sent(client, clip, frames)
        fast = dataclasses.replace(clip, fps=TOO_FAST * 1e3 / first_ms, newest_wins=True)
        rounds = 1 + int((1.0 if asked.quick else _FAST_S) * fast.fps / len(frames))
        hurried = await _sent(client, fast, [*frames] * rounds)
        status = await client.status()
    return Measured(
        lines=(
            f"{len(frames)} frames at {clip.fps:g} Hz, {clip.budget_ms:g} ms each",
            *steady.as_table().splitlines(),
            "",
            f"{hurried.frames} frames at {fast.fps:.1f} Hz ({TOO_FAST:g} x exit 1's {first_ms:.1f} ms), newest wins",
            *hurried.as_table().splitlines(),
        ),
        figures={
            "steady": steady.as_json(),
            "hurried": hurried.as_json(),
            "exit_1_ms": first_ms,
            "hurried_fps": fast.fps,
        },
        checks=(
            *_steady_checks(steady, asked.least_exit),
            *_hurried_checks(hurried, first_ms, clip.budget_ms),
        ),
        server=serving_facts(status),
    )


async def _sent(client: AsyncClient, clip: Clip, frames: Sequence[Frame]) -> ClipReport:
    async with client.session(newest_wins=clip.newest_wins) as session:
        images = [frame.image for frame in frames]
        run = await send_clip(session, images, fps=clip.fps, budget_ms=clip.budget_ms)
    return report_clip(run, frames)


def _steady_checks(report: ClipReport, least_exit: float) -> tuple[Check, ...]:
    return (
        Check(promise="frames without an answer", measured=report.unanswered, limit=0),
        Check(
            promise="frames answered late, as the server says", measured=report.summary.late_server, limit=0
        ),
        Check(promise="mean exit", measured=report.summary.mean_exit, limit=least_exit, least=True),
        Check(promise="sender's own lag, p99, ms", measured=report.summary.sender_lag_ms["p99"], limit=5.0),
    )


def _hurried_checks(report: ClipReport, first_ms: float, budget_ms: float) -> tuple[Check, ...]:
    return (
        Check(
            promise="camera too fast: longest time without a new mask, ms (limit: 3 x exit 1 + a budget)",
            measured=report.longest_gap_ms,
            limit=3 * first_ms + budget_ms,
        ),
        Check(
            promise="camera too fast: frames failed", measured=sum(report.summary.failed.values()), limit=0
        ),
    )
