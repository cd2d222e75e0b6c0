"""Bad input over the wire: one clear sentence and the right status, and the request beside it is unharmed."""

import io
import socket
import struct
import zlib
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from interim.v1 import inference_pb2 as pb
from interim.v1 import inference_pb2_grpc

pytestmark = pytest.mark.slow  # a real server starts; the requests themselves take milliseconds

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
TOO_MUCH = grpc.StatusCode.RESOURCE_EXHAUSTED


def raw(height: Any = 64, width: Any = 96, rgb: Any = None) -> Any:
    return pb.Image(raw=pb.RawImage(height=height, width=width, rgb=rgb or bytes(height * width * 3)))


def picture(kind: Any, size: Any = (96, 64)) -> Any:
    out = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(out, kind)
    return out.getvalue()


def encoded(data: Any) -> Any:
    return pb.Image(encoded=data)


def bomb(height: Any, width: Any) -> Any:
    """A valid PNG header over next to nothing."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (head, body)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def request(image: Any = None, **fields: Any) -> Any:
    return pb.InferRequest(image=image or raw(), **fields)


BAD = {
    "no image": (pb.InferRequest(), INVALID, "no image"),
    "not an image": (request(encoded(b"GIF89a, or anything")), INVALID, "not a JPEG, PNG or WebP"),
    "no bytes": (request(encoded(b"")), INVALID, "empty"),
    "truncated JPEG": (request(encoded(picture("JPEG")[:-400])), INVALID, "truncated or damaged"),
    "truncated PNG": (request(encoded(picture("PNG")[:-400])), INVALID, "truncated or damaged"),
    "truncated WebP": (request(encoded(picture("WEBP")[:-400])), INVALID, "truncated or damaged"),
    "only a header": (request(encoded(picture("JPEG")[:20])), INVALID, "ends before its size"),
    "decompression bomb": (request(encoded(bomb(16000, 16000))), INVALID, "limit of 50000000"),
    "0 pixels": (request(pb.Image(raw=pb.RawImage())), INVALID, "0 pixels"),
    "20000 px wide": (request(encoded(bomb(100, 20000))), INVALID, "longer than 16384"),
    "wrong raw size": (request(raw(rgb=b"12345")), INVALID, "holds 5 bytes"),
    "unknown model": (request(model="resnet"), NOT_FOUND, 'no model "resnet"'),
    "negative budget": (request(budget_ms=-5), INVALID, "budget_ms is -5"),
    "no budget at all": (request(budget_ms=0), INVALID, "above 0"),
    "absurd budget": (request(budget_ms=1e15), INVALID, "at most 3600000"),
    "budget that is no number": (request(budget_ms=float("nan")), INVALID, "budget_ms is nan"),
    "unknown encoding": (request(mask=pb.MaskFormat(encoding=77)), INVALID, "mask.encoding 77"),  # type: ignore[arg-type]
    "unknown resolution": (request(mask=pb.MaskFormat(resolution=9)), INVALID, "mask.resolution 9"),  # type: ignore[arg-type]
    "exit beyond the last": (request(max_exit=9), INVALID, "exits 1 to 4"),
    "exits turned round": (request(min_exit=3, max_exit=2), INVALID, "above max_exit"),
    "share above 1": (request(stop_below=1.5), INVALID, "stop_below is 1.5"),
    "endless class": (request(request_class="x" * 5000), INVALID, "request_class"),
    "message over the limit": (request(raw(1000, 1000)), TOO_MUCH, "larger than max"),
}


@pytest.fixture
def stub(quick_server: Any) -> Any:
    with grpc.insecure_channel(quick_server.grpc) as channel:
        yield inference_pb2_grpc.InferenceStub(channel)  # type: ignore[no-untyped-call]


def assert_whole(answers: Any) -> None:
    """A request that was served as if it were alone."""
    assert [each.exit for each in answers][-1] == 4
    assert (answers[-1].final, answers[-1].reason, answers[-1].late) == (True, pb.FINAL_EXIT, False)


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("call", ["Infer", "InferOnce"])
def test_bad_input_is_one_sentence_and_harms_nobody(stub: Any, name: Any, call: Any) -> None:
    """The status says whose fault it is, the sentence says which rule; the neighbour is served."""
    bad, status, words = BAD[name]
    neighbour = stub.Infer(request(budget_ms=10_000))
    with pytest.raises(grpc.RpcError) as error:
        list(stub.Infer(bad)) if call == "Infer" else stub.InferOnce(bad)
    assert error.value.code() == status
    assert words in error.value.details()
    assert "\n" not in error.value.details()
    assert "Traceback" not in error.value.details()
    assert_whole(list(neighbour))


@pytest.mark.parametrize("name", [name for name in BAD if "message" not in name])
def test_in_a_session_bad_input_ends_one_frame(stub: Any, name: Any) -> None:
    """The frame is rejected in band with the same status and sentence; the session goes on."""
    bad, status, words = BAD[name]
    frames = [request(request_id="before", budget_ms=10_000), pb.InferRequest(), request(request_id="after")]
    frames[1].CopyFrom(bad)
    frames[1].request_id = "bad"
    said = list(stub.Session(iter([pb.SessionRequest(frame=each) for each in frames])))
    (rejection,) = [each.rejection for each in said if each.HasField("rejection")]
    assert (rejection.request_id, rejection.status) == ("bad", status.value[0])
    assert words in rejection.detail
    for good in ("before", "after"):
        assert_whole(
            [e.refinement for e in said if e.HasField("refinement") and e.refinement.request_id == good]
        )


def test_a_client_that_vanishes_half_way_harms_nobody(quick_server: Any, stub: Any) -> None:
    """Bytes that are no gRPC, and streams cut off in the middle of a message."""
    host, port = quick_server.grpc.split(":")
    neighbour = stub.Infer(request(budget_ms=10_000))
    for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(range(200))):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(garbage)
    frame = pb.SessionRequest(frame=request(request_id="a", budget_ms=60_000))
    session = stub.Session(iter([frame]))
    next(session)
    session.cancel()
    assert_whole(list(neighbour))
    idle = '\ninterim_in_flight{model="tests.server.scripted:quick"} 0.0'
    quick_server.until(lambda: idle in quick_server.get("/metrics")[1])


def test_a_half_closed_session_answers_what_it_was_asked(stub: Any) -> None:
    """A client that has nothing more to send still hears the rest."""
    said = list(stub.Session(iter([pb.SessionRequest(frame=request(request_id="only", budget_ms=10_000))])))
    assert_whole([each.refinement for each in said])


def test_all_of_it_left_the_server_calm(quick_server: Any, stub: Any) -> None:
    """After everything above: ready, no engine lost, no error in the log."""
    assert_whole(list(stub.Infer(request(budget_ms=10_000))))
    assert quick_server.ready()
    assert "worker_restarts_total{" not in quick_server.get("/metrics")[1]
    assert "Traceback" not in quick_server.said
    assert "ERROR" not in quick_server.said


def test_labels_come_back_in_the_grid_of_the_input(stub: Any) -> None:
    """A picture larger than the model takes is scaled for it, and its mask scaled back."""
    big = request(
        encoded(picture("JPEG", (1500, 300))), mask=pb.MaskFormat(encoding=pb.RAW), budget_ms=10_000
    )
    answer = stub.InferOnce(big)
    assert np.frombuffer(answer.mask.data, np.uint8).reshape(300, 1500).max() < 5
