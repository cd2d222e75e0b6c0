"""What machines and people ask a running server: health, reflection, status, metrics, the page."""

import asyncio
from typing import Any

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from prometheus_client.parser import text_string_to_metric_families

from interim.server.config import Config
from interim.server.errors import StartError
from interim.server.front.http import routes
from interim.server.front.listening import grpc_server, http_site
from interim.v1 import control_pb2, control_pb2_grpc
from interim.v1 import inference_pb2 as pb

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def image() -> Any:
    return pb.Image(raw=pb.RawImage(height=8, width=8, rgb=bytes(192)))


def test_a_stock_health_client_checks(over_loopback: Any) -> None:
    """The server and each service; an unknown one is NOT_FOUND."""

    async def scenario(front: Any) -> None:
        stub = health_pb2_grpc.HealthStub(front.channel)
        for service in ("", "interim.v1.Inference", "interim.v1.Control"):
            assert (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await stub.Check(health_pb2.HealthCheckRequest(service="ghost"))
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        front.health.set(serving=False)
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING

    over_loopback(scenario)


def test_a_stock_health_client_watches(over_loopback: Any) -> None:
    """Every change is told to every watcher, also after another watcher has left."""

    async def scenario(front: Any) -> None:
        stub = health_pb2_grpc.HealthStub(front.channel)
        leaving, staying = (stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(2))
        assert (await leaving.read()).status == (await staying.read()).status == SERVING
        leaving.cancel()
        for serving in (False, True):
            front.health.set(serving=serving)
            assert (await staying.read()).status == (SERVING if serving else NOT_SERVING)
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="ghost"))
        assert (await unknown.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        staying.cancel()
        unknown.cancel()

    over_loopback(scenario)


def test_a_stock_reflection_client_lists_the_services(over_loopback: Any) -> None:
    """And can read the messages of ours."""

    def ask(address: Any) -> Any:
        with grpc.insecure_channel(address) as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            file = database.FindFileContainingSymbol("interim.v1.Inference")
            return set(database.get_services()), {message.name for message in file.message_type}

    async def scenario(front: Any) -> None:
        services, messages = await asyncio.to_thread(ask, front.grpc_address)
        assert {"interim.v1.Inference", "interim.v1.Control", "grpc.health.v1.Health"} <= services
        assert "InferRequest" in messages

    over_loopback(scenario)


def test_status_tells_what_the_worker_is(over_loopback: Any) -> None:
    """Device, costs, restarts, and whether requests are welcome."""

    async def scenario(front: Any) -> None:
        stub: Any = control_pb2_grpc.ControlStub(front.channel)  # type: ignore[no-untyped-call]
        status = await stub.Status(control_pb2.StatusRequest())
        (worker,) = status.workers
        assert status.ready
        assert (worker.model, worker.device, worker.dtype, worker.up) == ("fake", "cpu", "float32", True)
        assert [stage.exit for stage in worker.stages] == ["e1", "e2", "e3", "e4"]
        assert worker.stages[0].mean_ms == pytest.approx(10)
        front.engine.up = False
        status = await stub.Status(control_pb2.StatusRequest())
        assert (status.ready, status.workers[0].up) == (False, False)

    over_loopback(scenario)


async def get(front: Any, path: Any) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{front.http_address}{path}") as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


def test_prometheus_text_parses_with_the_official_parser(over_loopback: Any) -> None:
    """Every metric of the design is there, exit_reached first, with one bucket per exit."""

    async def scenario(front: Any) -> None:
        await front.inference.InferOnce(pb.InferRequest(image=image(), budget_ms=5000))
        status, kind, text = await get(front, "/metrics")
        assert (status, kind) == (200, "text/plain")
        families = {each.name: each for each in text_string_to_metric_families(text)}
        assert next(iter(families)) == "interim_exit_reached"
        reached = families["interim_exit_reached"]
        assert reached.type == "histogram"
        buckets = {each.labels["le"]: each.value for each in reached.samples if each.name.endswith("_bucket")}
        assert buckets == {"0.0": 0, "1.0": 0, "2.0": 0, "3.0": 0, "4.0": 1, "+Inf": 1}
        counters = {"requests", "late", "refused", "wasted_seconds", "worker_restarts"}
        histograms = {
            *(
                "first_refinement_seconds",
                "refinement_interval_seconds",
                "request_seconds",
                "queue_seconds",
                "stop_seconds",
                "verdict_seconds",
            ),
            *("deadline_slack_seconds", "budget_seconds", "stage_seconds", "batch_size", "active_share"),
        }
        for names, type_ in (
            (counters, "counter"),
            (histograms, "histogram"),
            ({"in_flight", "worker_up", "native"}, "gauge"),
        ):
            for name in names:
                assert families[f"interim_{name}"].type == type_, name
        assert families["interim_request_seconds"].samples

    over_loopback(scenario)


def test_readyz_tells_the_truth_and_healthz_only_lives(over_loopback: Any) -> None:
    """503 with the reason while the engine is away or the server stops."""

    async def scenario(front: Any) -> None:
        assert await get(front, "/readyz") == (200, "text/plain", "ready\n")
        front.engine.up = False
        status, _, text = await get(front, "/readyz")
        assert (status, text) == (503, "the engine is being started again\n")
        front.engine.up, front.requests.closing = True, True
        assert (await get(front, "/readyz"))[::2] == (503, "the server is stopping\n")
        front.requests.closing, front.requests.model = False, None
        assert (await get(front, "/readyz"))[::2] == (503, "the model is still being loaded\n")
        assert (await get(front, "/healthz"))[0] == 200
        assert (await get(front, "/"))[0] == 200

    over_loopback(scenario)


def test_the_page_says_what_a_person_wants_to_know(over_loopback: Any) -> None:
    """Model, exits and their costs, what is in flight, where to go on; nothing of it unescaped."""

    async def scenario(front: Any) -> None:
        status, kind, text = await get(front, "/")
        assert (status, kind) == (200, "text/html")
        for words in (
            "fake",
            "ready",
            "0 in flight",
            "40.0",
            'href="/metrics"',
            front.grpc_address,
            "interim segment",
        ):
            assert words in text

    over_loopback(scenario)


def test_a_page_that_is_not_there_names_those_that_are(over_loopback: Any) -> None:
    """404, with the way out."""

    async def scenario(front: Any) -> None:
        status, _, text = await get(front, "/metric")
        assert (status, text) == (
            404,
            "/metric is no page of this server: there are /, /metrics, /healthz and /readyz\n",
        )

    over_loopback(scenario)


def test_a_port_in_use_is_one_sentence(over_loopback: Any) -> None:
    """For both ports, with the option that chooses another."""

    async def scenario(front: Any) -> None:
        taken = Config(grpc=front.grpc_address, http=front.http_address)
        with pytest.raises(StartError, match="another program has the port; choose another with --grpc"):
            grpc_server(taken, None, None, front.health)  # type: ignore[arg-type]
        with pytest.raises(StartError, match="another program has the port; choose another with --http"):
            await http_site(taken, routes(None, None, ""))  # type: ignore[arg-type]
        with pytest.raises(StartError, match="this machine has no such address"):  # TEST-NET-1, RFC 5737
            grpc_server(Config(grpc="192.0.2.1:8500"), None, None, front.health)  # type: ignore[arg-type]

    over_loopback(scenario)
