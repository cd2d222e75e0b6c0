"""The two ports: gRPC with all its services, and HTTP."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from typing import Any

import grpc
from aiohttp import web
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from interim.server.config import MIB, Config
from interim.server.errors import StartError
from interim.server.front.control_service import ControlService
from interim.server.front.health import Health
from interim.server.front.inference_service import InferenceService
from interim.v1 import control_pb2, control_pb2_grpc, inference_pb2, inference_pb2_grpc

INFERENCE = inference_pb2.DESCRIPTOR.services_by_name["Inference"].full_name
CONTROL = control_pb2.DESCRIPTOR.services_by_name["Control"].full_name
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_WHY = {
    errno.EADDRINUSE: "another program has the port",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "ports below 1024 are not for every user",
    socket.EAI_NONAME: "there is no host of that name",
}


KEEPALIVE_S, KEEPALIVE_WAIT_S = 30.0, 10.0
"""A connection that says nothing is asked after the first, and closed when no answer came within the second: of a
client that vanished gRPC itself would hold streams for two hours."""


def grpc_server(
    config: Config, inference: InferenceService, control: ControlService, health: Health
) -> tuple[Any, str]:
    """A gRPC server that is bound but not started, and the address it got.

    Raises:
        StartError: the address cannot be had.
    """
    most = config.max_message_mib * MIB
    server = grpc.aio.server(
        options=(
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", most),
            ("grpc.keepalive_time_ms", int(KEEPALIVE_S * 1e3)),
            ("grpc.keepalive_timeout_ms", int(KEEPALIVE_WAIT_S * 1e3)),
            ("grpc.so_reuseport", 0),  # else a second server would share the port in silence
            # None: the limit holds before anything is inflated.
            ("grpc.compression_enabled_algorithms_bitset", 1),
        )
    )
    with _taken("gRPC", config.grpc):
        _try(config.grpc)  # gRPC would say no more than that it failed, and log lines of its own
        port = server.add_insecure_port(config.grpc)
    add: Any  # generated code bears no types
    for add, service in (
        (inference_pb2_grpc.add_InferenceServicer_to_server, inference),
        (control_pb2_grpc.add_ControlServicer_to_server, control),
        (health_pb2_grpc.add_HealthServicer_to_server, health),
    ):
        add(service, server)
    reflection.enable_server_reflection((INFERENCE, CONTROL, HEALTH, reflection.SERVICE_NAME), server)
    return server, f"{config.grpc.rpartition(':')[0]}:{port}"


async def http_site(config: Config, app: web.Application) -> tuple[web.AppRunner, str]:
    """A running HTTP server and the address it got.

    Raises:
        StartError: the address cannot be had.
    """
    host, _, port = config.http.rpartition(":")
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        with _taken("HTTP", config.http):
            await web.TCPSite(runner, host.strip("[]"), int(port), reuse_port=False).start()
    except StartError:
        await runner.cleanup()
        raise
    return runner, f"{host}:{runner.addresses[0][1]}"


@contextlib.contextmanager
def _taken(what: str, address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        why = _WHY.get(getattr(error, "errno", None) or 0, "it is not to be had")
        raise StartError(
            f"{what} cannot listen on {address}: {why}; choose another with --{what.lower()} HOST:PORT "
            "(port 0: any free one)"
        ) from None


def _try(address: str) -> None:
    """Bind and let go.

    Raises:
        OSError: the address cannot be had, and why.
    """
    host, _, port = address.rpartition(":")
    where = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, found = where[0]
    socket.create_server(found[:2], family=family).close()
