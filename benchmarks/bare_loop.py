"""The bare loop: what a request costs without a server. Decode, preprocess, stages, exits, label maps.

A process of its own, with the threads, processors, niceness and number format of the server's engine; one
picture's path a line on the standard input, its milliseconds on the standard output. No transport, no
encoding, no deadlines.

    python -m benchmarks.bare_loop --model default --device cpu --masking on --threads 1
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from interim.model_zoo.anytime import finish
from interim.model_zoo.label_map import label_map
from interim.server.engine.loading import load
from interim.server.engine.messages import Start
from interim.server.engine.process import NICENESS
from interim.server.front.cores import usable

if TYPE_CHECKING:
    from interim.model_zoo.anytime import AnytimeModel


def main() -> None:
    """Answers every line until there are no more."""
    words = _words()
    cores = usable(words.threads)
    if cores.pinned:
        os.sched_setaffinity(0, cores.pinned)
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    torch.set_num_threads(words.threads)
    device = torch.device(words.device)
    start = Start(
        model=words.model, device=words.device, masking=words.masking == "on", threads=words.threads
    )
    loaded = load(start, device)
    print(f"{loaded.dtype} {loaded.execution}", flush=True)
    for line in sys.stdin:
        data = Path(line.rstrip("\n")).read_bytes()
        begun_s = time.perf_counter()
        whole_request(loaded.model, data, device)
        print(1e3 * (time.perf_counter() - begun_s), flush=True)


@torch.inference_mode()
def whole_request(
    model: AnytimeModel, data: bytes, device: torch.device
) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """One encoded picture's label maps, (height, width) uint8, one an exit."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    height, width = pixels.shape[:2]
    multiple = model.spec.multiple
    padding = ((0, -height % multiple), (0, -width % multiple), (0, 0))
    padded = torch.from_numpy(np.pad(pixels, padding, mode="edge")).to(device)
    state = model.start(padded.permute(2, 0, 1).unsqueeze(0))
    maps = []
    for exit_ in range(1, len(model.spec.exits) + 1):
        state = finish(model.stage(exit_, state))
        assert state.prediction is not None
        maps.append(
            label_map(state.prediction.logits, (height, width), stride=model.spec.stride)[0].cpu().numpy()
        )
    return maps


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.bare_loop", description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--masking", choices=("on", "off"), required=True)
    parser.add_argument("--threads", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
