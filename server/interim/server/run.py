"""Run one server in this process until it is told to stop."""

import asyncio

from interim.server.banner import banner
from interim.server.config import Config
from interim.server.front.app import App, serve
from interim.server.telemetry.log import configure


def run(config: Config) -> None:
    """Start, say so, serve, stop.

    Raises:
        StartError: it cannot start, in one sentence.
    """
    configure(config.log_level)
    asyncio.run(_run(config))


async def _run(config: Config) -> None:
    app = App(config)
    try:
        model = await app.start()
    except BaseException:
        await app.stop()
        raise
    print(banner(model, grpc=app.grpc_address, http=app.http_address), flush=True)
    await serve(app)
