"""Scenarios against a real server, with a progress bar."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from interim.client import AsyncClient
from interim.loadtest.clip import send_clip
from interim.loadtest.frames import read_frames
from interim.loadtest.pictures import draw_picture, read_pictures
from interim.loadtest.plan import plan
from interim.loadtest.report import ClipReport, report_clip
from interim.loadtest.runner import send_all
from interim.loadtest.summary import Summary, summarise

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterator

    from interim.client import Refinement
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.plan import Planned
    from interim.loadtest.scenario import Clip
    from interim.loadtest.traffic import Traffic


async def run_traffic(traffic: Traffic, server: str) -> Summary:
    """Sends independent requests and sums up what became of them.

    Raises:
        ScenarioError: a picture cannot be read.
        InterimError: no server answers.
    """
    pictures = read_pictures(traffic.pictures) or (draw_picture(*traffic.picture_px, seed=traffic.seed),)
    requests = plan(traffic)
    async with AsyncClient(server) as client:
        await client.models()  # connects before the first send is due

        def ask(request: Planned) -> AsyncIterable[Refinement]:
            return client.infer(
                pictures[request.index % len(pictures)],
                budget_ms=request.budget_ms,
                model=traffic.model,
                max_exit=traffic.max_exit,
                request_class=traffic.request_class,
            )

        with _progress(traffic.name, len(requests)) as ended:
            return summarise(await send_all(requests, ask, ended=ended))


async def run_clip(clip: Clip, server: str) -> ClipReport:
    """Sends a clip on one session and scores what was delivered.

    Raises:
        ScenarioError: a frame cannot be read.
        InterimError: no server answers.
    """
    frames = read_frames(clip)
    async with AsyncClient(server) as client:
        await client.models()  # connects before the first send is due
        with _progress(clip.name, len(frames)) as ended:
            async with client.session(newest_wins=clip.newest_wins) as session:
                run = await send_clip(
                    session,
                    [frame.image for frame in frames],
                    fps=clip.fps,
                    budget_ms=clip.budget_ms,
                    model=clip.model,
                    ended=ended,
                )
    return report_clip(run, frames)


@contextmanager
def _progress(name: str, requests: int) -> Iterator[Callable[[Outcome], None]]:
    """A live bar of the requests that have ended, with the mean exit and what is late so far."""
    with tqdm(total=requests, desc=name, unit="request", mininterval=0.5) as bar:
        depth, answered, late = 0, 0, 0

        def ended(outcome: Outcome) -> None:
            nonlocal depth, answered, late
            if outcome.admitted:
                depth, answered, late = depth + outcome.exit, answered + 1, late + outcome.late
                bar.set_postfix(exit=f"{depth / answered:.2f}", late=late, refresh=False)
            bar.update()

        yield ended
