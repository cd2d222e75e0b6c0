"""Part of a section as one thing to start: a CUDA graph where there is CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from interim.model_zoo.gpu.tape import lanes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from interim.model_zoo.gpu.tape import Launch, Placed

LANES = 4
"""As many as there are branches."""


class Segment:
    """Launches that run together.

    The first time they run one by one, which compiles what is new; on CUDA the second run captures them
    as a graph, which is replayed from then on.

    Args:
        launches: In an order in which they may run.
        device: Where.
    """

    def __init__(self, launches: Sequence[Launch], device: torch.device) -> None:
        self._launches = launches
        self._device = device
        self._runs = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def run(self) -> None:
        """Queue all of it on the current stream."""
        self._runs += 1
        if self._device.type == "cuda" and self._runs > 1:
            if self._graph is None:
                self._graph = _captured(lanes(self._launches, LANES), self._device)
            self._graph.replay()
            return
        for launch in self._launches:
            launch.run()


def _captured(placed: Sequence[Placed], device: torch.device) -> torch.cuda.CUDAGraph:
    """Launches on their lanes as one graph; other threads may use CUDA meanwhile."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(device), torch.cuda.graph(graph, capture_error_mode="thread_local"):
        run_on_lanes(placed, device)
    return graph


def run_on_lanes(placed: Sequence[Placed], device: torch.device) -> None:
    """Queue launches, lane 0 on the current stream, the others beside it; the current stream waits for all."""
    main = torch.cuda.current_stream(device)
    begun = main.record_event()
    streams = {0: main}
    done: dict[int, torch.cuda.Event] = {}
    awaited = {number for each in placed for number in each.waits}
    for number, each in enumerate(placed):
        if each.lane not in streams:
            streams[each.lane] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            streams[each.lane].wait_event(begun)
        stream = streams[each.lane]
        for before in each.waits:
            stream.wait_event(done[before])
        with torch.cuda.stream(stream):
            each.launch.run()
        if number in awaited:
            done[number] = stream.record_event()
    for lane, stream in streams.items():
        if lane:
            main.wait_event(stream.record_event())
