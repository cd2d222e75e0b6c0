"""Run one server in this process until it is told to stop."""

import asyncio
import gc
import sys

from interim.server.banner import banner
from interim.server.config import Config
from interim.server.front.app import App, stop_signal
from interim.server.front.cores import keep_to
from interim.server.telemetry.log import configure
from interim.server.urgency import go_before

SWITCH_S = 0.0005
"""How soon a decoding or encoding thread gives the interpreter back to the event loop (default 5 ms)."""


def run(config: Config) -> None:
    """Start, say so, serve, stop.

    Raises:
        StartError: it cannot start, in one sentence.
    """
    configure(config.log_level)
    sys.setswitchinterval(SWITCH_S)
    asyncio.run(_run(config))


async def _run(config: Config) -> None:
    app = App(config)
    try:
        model = await app.start()
    except BaseException:
        await app.stop()
        raise
    if model.ready.device == "cpu":  # a device of its own leaves all processors to the front
        keep_to(app.worker.cores.others)
    if config.urgency == "auto":
        go_before()
    gc.collect()
    gc.freeze()  # what lives as long as the server need not be looked through while requests wait
    asked = stop_signal()  # before the banner: who reads it may stop the server at once
    print(banner(model, grpc=app.grpc_address, http=app.http_address), flush=True)
    await asked.wait()
    await app.stop()
