"""Scenarios against a real server, with a progress bar."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from interim.client import AsyncClient, Unavailable
from interim.loadtest.clip import send_clip
from interim.loadtest.frames import read_frames, read_labels
from interim.loadtest.outcome import Ending
from interim.loadtest.pictures import draw_picture, picture_files
from interim.loadtest.processes import send_here, send_side_by_side, shared_out, stopped_by_a_key
from interim.loadtest.quality import by_exit, by_labels
from interim.loadtest.report import ClipReport, report_clip
from interim.loadtest.run_file import Run
from interim.loadtest.sender import Errand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from interim.client import Model
    from interim.loadtest.frames import Labels
    from interim.loadtest.outcome import Outcome
    from interim.loadtest.plan import Planned
    from interim.loadtest.scenario import Clip
    from interim.loadtest.sender import Sent
    from interim.loadtest.traffic import Traffic


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """What a scenario's requests carry: encoded images, and the labels of those that have some."""

    pictures: tuple[bytes, ...]
    labels: dict[int, Labels]


def material(traffic: Traffic) -> Material:
    """The pictures of a scenario, read or drawn, with their labels.

    Raises:
        ScenarioError: One of them cannot be read, or labels are of another size than their picture.
    """
    files = picture_files(traffic.pictures)
    if not files:
        seeds = range(traffic.seed, traffic.seed + traffic.drawn)
        drawn = tuple(draw_picture(*traffic.picture_px, seed=seed) for seed in seeds)
        return Material(pictures=drawn, labels={})
    folder = traffic.labels
    pictures = tuple(file.read_bytes() for file in files)
    labels: dict[int, Labels] = {}
    if folder is not None:
        labels = {
            index: read_labels(folder / f"{file.stem}.png", picture)
            for index, (file, picture) in enumerate(zip(files, pictures, strict=True))
        }
    return Material(pictures=pictures, labels=labels)


def run_traffic(traffic: Traffic, requests: Sequence[Planned], server: str, *, processes: int = 1) -> Run:
    """Sends independent requests; what became of each, and what it was worth.

    Args:
        traffic: Their scenario: pictures, model, streams.
        requests: In order of sending.
        server: Its address.
        processes: How many senders share the requests.

    Raises:
        ScenarioError: A picture cannot be read.
        InterimError: No server answers, or it has no such model.
    """
    carried = material(traffic)
    model = asyncio.run(_model(server, traffic.model))
    dealt = tuple(_dealt(request, len(carried.pictures)) for request in requests)
    errand = Errand(
        server=server,
        requests=dealt,
        pictures=carried.pictures,
        model=traffic.model,
        streams=traffic.streams,
        newest_wins=traffic.newest_wins,
        keep_masks=bool(carried.labels),
    )
    with _progress(traffic.name, len(requests)) as ended:
        if processes == 1:
            sent, interrupted = send_here(errand, ended)
        else:
            sent, interrupted = send_side_by_side(shared_out(errand, processes), ended)
    outcomes, quality_from = _scored(sent, model, carried.labels)
    facts: dict[str, Any] = {
        "model": _described(model),
        "processes": processes,
        "interrupted": interrupted,
        "planned": len(requests),
    }
    return Run(name=traffic.name, outcomes=outcomes, quality_from=quality_from, facts=facts)


async def run_clip(clip: Clip, server: str) -> ClipReport:
    """Sends a clip on one session and scores what was delivered; until Ctrl-C, if that comes before the end.

    Raises:
        ScenarioError: a frame cannot be read.
        InterimError: no server answers.
    """
    frames = read_frames(clip)
    async with AsyncClient(server) as client:
        await client.model(clip.model)  # connects before the first send is due
        with _progress(clip.name, len(frames)) as ended:
            stop = stopped_by_a_key()
            async with client.session(newest_wins=clip.newest_wins) as session:
                run = await send_clip(
                    session,
                    [frame.image for frame in frames],
                    fps=clip.fps,
                    budget_ms=clip.budget_ms,
                    model=clip.model,
                    ended=ended,
                    stop=stop,
                )
    return report_clip(run, frames)


def _dealt(request: Planned, pictures: int) -> Planned:
    return replace(request, picture=request.dealt % pictures)


async def _model(server: str, name: str) -> Model:
    async with AsyncClient(server) as client:
        if name:
            return await client.model(name)
        models = await client.models()
        if not models:
            raise Unavailable(f"{server} has no model")
        return models[0]


def _scored(sent: Sent, model: Model, labels: dict[int, Labels]) -> tuple[tuple[Outcome, ...], str]:
    if labels:
        return by_labels(sent, labels, len(model.classes)), "labels"
    validated = [one.quality for one in model.exits if one.quality is not None]
    if len(validated) == len(model.exits):
        return by_exit(sent.outcomes, validated), "validated"
    return sent.outcomes, ""


def _described(model: Model) -> dict[str, Any]:
    exits = [{"name": one.name, "quality": one.quality, "cost_ms": one.cost_ms} for one in model.exits]
    return {"name": model.name, "exits": exits, "masking": model.masking}


@contextmanager
def _progress(name: str, requests: int) -> Iterator[Callable[[Outcome], None]]:
    """A live bar of the requests that have ended, with the mean exit and what was refused or late so far."""
    with tqdm(total=requests, desc=name, unit="request", mininterval=0.5, disable=None) as bar:
        depth, answered, late, refused = 0, 0, 0, 0

        def ended(outcome: Outcome) -> None:
            nonlocal depth, answered, late, refused
            if outcome.admitted:
                depth, answered, late = depth + outcome.exit, answered + 1, late + outcome.late
            refused += outcome.ending is Ending.REFUSED
            mean = f"{depth / answered:.2f}" if answered else "-"
            bar.set_postfix(exit=mean, late=late, refused=refused, refresh=False)
            bar.update()

        yield ended
