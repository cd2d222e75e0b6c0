"""The HTTP side: metrics, probes and the status page."""

from aiohttp import web

from interim.server.front.page import page
from interim.server.front.state import State
from interim.server.telemetry.metrics import CONTENT_TYPE, Metrics


def routes(state: State, metrics: Metrics, grpc_address: str) -> web.Application:
    """The application: `/`, `/metrics`, `/healthz` (200 while the process lives), `/readyz` (200 or 503)."""

    async def status_page(_: web.Request) -> web.Response:
        return web.Response(text=page(state, grpc_address), content_type="text/html")

    async def prometheus(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        why_not = state.why_not_ready
        return web.Response(text=f"{why_not or 'ready'}\n", status=503 if why_not else 200)

    async def nowhere(request: web.Request) -> web.Response:
        known = "there are /, /metrics, /healthz and /readyz"
        return web.Response(text=f"{request.path} is no page of this server: {known}\n", status=404)

    app = web.Application()
    app.add_routes(
        [
            web.get("/", status_page),
            web.get("/metrics", prometheus),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/{path:.*}", nowhere),
        ]
    )
    return app
