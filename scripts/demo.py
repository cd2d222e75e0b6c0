"""The demo: a server of its own, each image under a tight, a middle and a generous budget, pictures of it all."""

from __future__ import annotations

import argparse
import re
import signal
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from interim.client import Client, InterimError, Refinement, Refused
from interim.client.commands.output import HEADER, row
from interim.client.commands.places import output_folder
from interim.client.painter import painter_of
from interim.client.picture import read_pixels
from interim.client.sheet import contact_sheet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SAMPLE = Path(__file__).parents[1] / "docs/samples/street.jpg"
PATIENCE_MS = 30_000.0  # no machine needs that long for one image
STOP_S = 15.0
MORE_TRIES = 3


def main() -> int:
    """Run the demo; 0 when every image got its masks."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument(
        "images",
        nargs="*",
        type=picture,
        metavar="IMAGE",
        help="JPEG, PNG or WebP; default: a drawn street scene",
    )
    parser.add_argument(
        "--out",
        type=output_folder,
        default=Path("masks"),
        metavar="DIR",
        help="where pictures go (default: masks/)",
    )
    args = parser.parse_args()
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        with running_server() as address, Client(address) as client:
            for image in args.images or [SAMPLE]:
                show(client, image, args.out)
    except (InterimError, RuntimeError) as error:
        print(f"scripts/demo: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # a picture that cannot be written
        print(f"scripts/demo: {error.filename or args.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("scripts/demo: interrupted", file=sys.stderr)
        return 130  # as shells say it: 128 and the signal's number
    return 0


def picture(text: str) -> Path:
    """A picture that can be read; said before a server is started for it."""
    try:
        with Image.open(text) as image:
            image.load()
    except OSError as error:
        why = error.strerror or "it is no whole picture"
        raise argparse.ArgumentTypeError(
            f"{text!r} cannot be shown ({why}): name a JPEG, PNG or WebP"
        ) from None
    return Path(text)


@contextmanager
def running_server() -> Iterator[str]:
    """A server with the shipped model on free loopback ports; gives its gRPC address, stops it at the end."""
    command = [str(Path(sys.executable).with_name("interim-server"))]
    command += ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "warning"]
    print("starting interim-server ...", flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield _address(server)
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
    print("server stopped")


def _address(server: subprocess.Popen[str]) -> str:
    """Pass the server's first lines on until it has said where it listens and that it is ready."""
    assert server.stdout is not None
    address = ""
    for line in server.stdout:
        print(f"  {line.rstrip()}", flush=True)
        found = re.search(r"gRPC\s+(\S+)", line)
        address = found[1] if found else address
        if line.split()[:1] == ["try"]:
            return address
    raise RuntimeError("the server ended before it was ready; its last words are above")


def show(client: Client, image: Path, out: Path) -> None:
    """Stream one image under three budgets, then draw what came."""
    costs = _measured_ms(client, image)
    steps = ", ".join(f"{exit_} after {cost:.0f} ms" for exit_, cost in costs.items())
    print(f"\n{image.name}: on this machine exit {steps}")
    streams = {}
    for name, budget_ms in _budgets(costs).items():
        print(f"\n{name} budget, {budget_ms:.0f} ms\n{HEADER}")
        streams[name] = _streamed(client, image, budget_ms)
    _draw(client, image, streams, out)


def _measured_ms(client: Client, image: Path) -> dict[int, float]:
    """Median time to each exit; the first pass, which the server learns the size from, does not count."""
    times: dict[int, list[float]] = {}
    for counts in [False] + 7 * [True]:
        for each in client.infer(image, budget_ms=PATIENCE_MS):
            if (
                counts and each.exit
            ):  # where it was read late, an exit may be missing: the next took its place
                times.setdefault(each.exit, []).append(each.elapsed_ms)
    return {exit_: statistics.median(times[exit_]) for exit_ in sorted(times)}


def _budgets(costs: Mapping[int, float]) -> dict[str, float]:
    """Enough for exit 1 with some air; for about half of the exits; for all of them and more."""
    first, half, last = costs[min(costs)], [*costs.values()][len(costs) // 2], costs[max(costs)]
    return {
        "tight": 1.6 * first + 10,
        "middle": max(1.2 * half, 1.8 * first) + 10,
        "generous": 3 * last + 50,
    }


def _streamed(client: Client, image: Path, budget_ms: float) -> list[Refinement]:
    """One stream; where the server can promise nothing in this time, once more when it says, else with more time."""
    for _ in range(MORE_TRIES):
        try:
            return _stream(client, image, budget_ms)
        except Refused as refused:
            print(f"  refused, as nothing could be promised: {refused}")
            if refused.retry_after_ms:
                time.sleep(refused.retry_after_ms / 1e3)
                print("  so once more:")
            else:
                budget_ms *= 1.5
                print(f"  so now {budget_ms:.0f} ms:")
    return _stream(client, image, budget_ms)


def _stream(client: Client, image: Path, budget_ms: float) -> list[Refinement]:
    stream = []
    for refinement in client.infer(image, budget_ms=budget_ms):
        stream.append(refinement)
        print(row(refinement), flush=True)
    return stream


def _draw(client: Client, image: Path, streams: dict[str, list[Refinement]], out: Path) -> None:
    """An overlay for every refinement that brought a mask, and one sheet of all exits side by side."""
    painter = painter_of(client.model())
    pixels = read_pixels(image)
    for name, stream in streams.items():
        answers = {each.exit: each for each in stream if each.exit}
        for exit_, answer in answers.items():
            picture = Image.fromarray(painter.painted(pixels, answer))
            picture.save(out / f"{image.stem}-{name}-exit{exit_}.png")
    sheet = out / f"{image.stem}-sheet.png"
    contact_sheet(pixels, streams["generous"], painter, title=image.name).save(sheet)
    print(f"\nevery exit side by side: {sheet}; an overlay per refinement beside it")


if __name__ == "__main__":
    raise SystemExit(main())
