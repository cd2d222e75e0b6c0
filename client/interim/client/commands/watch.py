"""`interim watch`: the frames of a video at its pace; the newest wins."""

import argparse
import dataclasses
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from PIL import Image

from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_options, add_server, options_of, positive
from interim.client.commands.output import HEADER, fields_of, row, text_stream, write_json
from interim.client.commands.places import named
from interim.client.errors import InterimError, InvalidArgument, UnreadableImage
from interim.client.frames import Frame, frames_of, paced, rate_of
from interim.client.painter import Painter, painter_of
from interim.client.picture import read_pixels
from interim.client.refinement import Refinement
from interim.client.session import Session
from interim.client.tally import Tally
from interim.client.transcript import Rejection, Revision

_UNDRAWN: Final = 32  # frames that may wait to be drawn; then answers are read more slowly
_FPS: Final = 15.0

_EXAMPLES: Final = """\
examples:
  interim watch frames/ --fps 15 --budget-ms 60
  interim watch drive.mp4 --budget-ms 60 --out masks/      (video files: pip install "interim[video]")

Ctrl-C ends it; what was answered until then is counted.
exit status: 0 frames got answers; 1 none did, or no server answers; 2 wrong use
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "watch",
        help="send the frames of a video or folder at their pace; the newest wins",
        description="Send the frames of a video or folder at their pace; a newer frame takes the place of\n"
        "one that still waits.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source", type=Path, metavar="VIDEO|DIR", help="a video file, or a folder of pictures"
    )
    parser.add_argument(
        "--fps",
        type=positive,
        metavar="N",
        help=f"frames a second (default: the video's own, {_FPS:g} for a folder)",
    )
    add_options(parser)
    add_server(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Sends and prints until the frames end, or Ctrl-C; 1 where no frame got an answer."""
    if args.out and args.out.resolve() == args.source.resolve():
        raise InvalidArgument(f"--out {args.out} would draw over the frames themselves: name another folder")
    frames = frames_of(args.source)
    with Client(args.server) as client, ThreadPoolExecutor(1) as pen:
        painter = painter_of(client.model(args.model))
        with client.session(newest_wins=True) as session:
            watch = _Watch(args, session, _Easel(args.out, painter, pen) if args.out else None)
            try:
                watch.run(frames)
            except KeyboardInterrupt:
                print(file=watch.stream)
            finally:
                watch.over.set()
                watch.report(args)
    return 0 if watch.tally.answered else 1


class _Easel:
    """Draws overlays beside the reading of answers."""

    def __init__(self, folder: Path, painter: Painter, pen: ThreadPoolExecutor) -> None:
        self._folder, self._painter, self._pen = folder, painter, pen
        self._waiting: deque[Future[None]] = deque()
        folder.mkdir(parents=True, exist_ok=True)

    def draw(self, frame: Frame, answer: Refinement) -> None:
        """Queues one; waits where too many are queued, and raises what the drawing of one raised."""
        self._waiting.append(self._pen.submit(self._drawn, frame, answer))
        while len(self._waiting) > _UNDRAWN:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Waits for all of them."""
        while self._waiting:
            self._waiting.popleft().result()

    def _drawn(self, frame: Frame, answer: Refinement) -> None:
        picture = Image.fromarray(self._painter.painted(read_pixels(frame.image), answer))
        file = self._folder / f"{frame.name}.png"
        with named(file):
            picture.save(file)


class _Watch:
    """One thread sends at the frames' pace, this one reads and prints."""

    def __init__(self, args: argparse.Namespace, session: Session, easel: _Easel | None) -> None:
        self.stream = text_stream(args)
        self.tally = Tally()
        self.ended: list[dict[str, Any]] = []
        self.over = threading.Event()
        self._fps: float = args.fps or rate_of(args.source) or _FPS
        self._options = options_of(args)
        self._session = session
        self._easel = easel
        self._in_flight: dict[str, Frame] = {}
        self._sending = threading.Lock()  # an answer may come before its frame is noted

    def run(self, frames: Iterator[Frame]) -> None:
        """Until every frame is answered."""
        print(f"{'frame':<24}{HEADER}", file=self.stream, flush=True)
        with ThreadPoolExecutor(1) as sender:
            sent = sender.submit(self._send, frames)
            try:
                self._read()
            finally:
                self.over.set()  # whatever ended the reading ends the sending
            sent.result()
        if self._easel:
            self._easel.finish()

    def report(self, args: argparse.Namespace) -> None:
        """What was seen, however it ended."""
        tally = self.tally
        facts = {**dataclasses.asdict(tally), "mean_exit": tally.mean_exit, "frames": self.ended}
        write_json(args, facts)
        print(tally, file=self.stream)

    def _send(self, frames: Iterator[Frame]) -> None:
        try:
            for frame in paced(frames, self._fps, now=time.monotonic, wait_s=self.over.wait):
                with self._sending:
                    self.tally.sent += 1
                    try:
                        self._in_flight[self._session.send(frame.image, **self._options)] = frame
                    except UnreadableImage as error:  # this frame's own trouble
                        self._rejected(frame, error)
        finally:
            self._session.finish()

    def _read(self) -> None:
        for answer in self._session:
            if isinstance(answer, Revision) or not (isinstance(answer, Rejection) or answer.final):
                continue
            with self._sending:
                frame = self._in_flight.pop(answer.request_id)
            if isinstance(answer, Rejection):
                self._rejected(frame, answer.error)
                continue
            self.tally.ended(answer)
            self.ended.append({"frame": frame.name, **fields_of(answer)})
            print(f"{frame.name:<24}{row(answer)}", file=self.stream, flush=True)
            if self._easel and answer.exit:
                self._easel.draw(frame, answer)

    def _rejected(self, frame: Frame, error: InterimError) -> None:
        self.tally.rejected += 1
        self.ended.append({"frame": frame.name, "error": str(error)})
        print(f"{frame.name:<24}  {error}", file=self.stream, flush=True)
