"""Every way a server may say no has its own name; and the answer at the deadline."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from interim.client import Client, errors
from interim.v1 import inference_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.conftest import ScriptedServer

TREE = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.InterimError)
]


def saying(code: grpc.StatusCode, *metadata: tuple[str, str]) -> Any:
    """A server's method that ends with a status."""

    def method(_: Any, context: Any) -> None:
        context.set_trailing_metadata(metadata)
        context.abort(code, "the server's own sentence")

    return method


@pytest.mark.parametrize(
    ("code", "metadata", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, (), errors.InvalidArgument),
        (grpc.StatusCode.NOT_FOUND, (), errors.UnknownModel),
        (grpc.StatusCode.UNAUTHENTICATED, (), errors.Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, (), errors.PermissionDenied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (), errors.Refused),
        (grpc.StatusCode.UNAVAILABLE, (("retry-after-ms", "12.5"),), errors.NoExit),
        (grpc.StatusCode.UNAVAILABLE, (), errors.Unavailable),
        (grpc.StatusCode.ABORTED, (), errors.SlowReader),
        (grpc.StatusCode.UNIMPLEMENTED, (), errors.ProtocolError),
        (grpc.StatusCode.INTERNAL, (), errors.ServerFailed),
        (grpc.StatusCode.UNKNOWN, (), errors.ServerFailed),
    ],
)
def test_each_status_has_its_leaf(  # noqa: PLR0917 - fixtures and one row of the table
    server: ScriptedServer,
    client: Client,
    image: Any,
    code: grpc.StatusCode,
    metadata: tuple[tuple[str, str], ...],
    kind: type[errors.InterimError],
) -> None:
    """A status becomes the narrowest name for it, with the server's own sentence."""
    server.infer_once = saying(code, *metadata)
    with pytest.raises(errors.InterimError, match="the server's own sentence") as caught:
        client.infer_once(image)
    assert type(caught.value) is kind


@pytest.mark.parametrize(("number", "retry_after_ms"), [("12.5", 12.5), ("soon", 0.0), ("-3", 0.0)])
def test_a_refusal_says_when_to_try_again(
    server: ScriptedServer, client: Client, image: Any, number: str, retry_after_ms: float
) -> None:
    """Cause and time come with the status; a number that is none counts as 0."""
    server.infer_once = saying(
        grpc.StatusCode.RESOURCE_EXHAUSTED, ("retry-after-ms", number), ("cause", "queue")
    )
    with pytest.raises(errors.Refused) as caught:
        client.infer_once(image)
    assert (caught.value.retry_after_ms, caught.value.cause) == (retry_after_ms, "queue")


def test_a_message_over_the_servers_limit_is_too_large(client: Client) -> None:
    """A limit on bytes is the request's fault, not the server's lack of room."""
    with pytest.raises(errors.TooLarge, match="size limit"):
        client.infer_once(bytes(5 << 20))
    with pytest.raises(errors.TooLarge, match="size limit"):
        list(client.infer(bytes(5 << 20)))


def test_a_message_over_the_clients_limit_is_too_large(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this side will not send it names the same way."""
    monkeypatch.setattr("interim.client.link.CHANNEL_OPTIONS", (("grpc.max_send_message_length", 1000),))
    with Client(server.address) as client:
        with pytest.raises(errors.TooLarge, match="size limit"):
            client.infer_once(bytes(1001))
        with pytest.raises(errors.TooLarge, match="size limit"):
            list(client.infer(bytes(1001)))


def test_the_answer_at_the_deadline(server: ScriptedServer, client: Client, image: Any) -> None:
    """`infer_once` gives one final refinement, with the server's id and the time seen here."""
    answer = client.infer_once(image, budget_ms=50)
    assert (answer.exit, answer.final, answer.request_id) == (4, True, "by-the-server")
    assert answer.mask is not None
    assert np.array_equal(answer.mask, server.mask_of(4))
    assert answer.seen_ms > 0
    assert server.heard.get(timeout=10).frame.budget_ms == 50.0


def test_an_answer_without_an_exit_is_no_exit(server: ScriptedServer, client: Client, image: Any) -> None:
    """A server that answers exit 0 where it should have failed is understood all the same."""
    nothing = pb.Refinement(exit=0, exits=4, final=True, reason=pb.DEADLINE, retry_after_ms=9, elapsed_ms=50)
    server.infer_once = lambda *_: nothing
    with pytest.raises(errors.NoExit, match="no exit was complete in 50 ms") as caught:
        client.infer_once(image)
    assert caught.value.retry_after_ms == 9.0


def test_an_answer_that_is_not_final_is_a_broken_promise(
    server: ScriptedServer, client: Client, image: Any
) -> None:
    """One call, one answer: it must be the last."""
    server.infer_once = lambda *_: server.refinement("1", 1).refinement
    with pytest.raises(errors.ProtocolError, match="not final"):
        client.infer_once(image)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("no/such.jpg", "cannot read no/such.jpg: No such file or directory"),
        (np.zeros((4, 4), np.uint8), "an array of 4x4 uint8"),
        (np.zeros((4, 4, 3), np.float32), "an array of 4x4x3 float32"),
        (np.zeros((4, 4, 4), np.uint8), "an array of 4x4x4 uint8"),
        (None, "the image is a NoneType"),
    ],
)
def test_an_image_that_is_none_is_found_here(client: Client, image: Any, sentence: str) -> None:
    """No such file, or the wrong kind of array: one sentence, before anything is sent."""
    with pytest.raises(errors.UnreadableImage, match=re.escape(sentence)):
        client.infer(image)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"encoding": "gif"}, "encoding='gif' is unknown; choose from rle, raw, png"),
        ({"resolution": "half"}, "resolution='half' is unknown; choose from full, quarter"),
        ({"grid": "hex"}, "grid='hex' is unknown; choose from input, working"),
        ({"max_exit": -1}, "a value that the request cannot carry"),
        ({"budget_ms": "soon"}, "a value that the request cannot carry"),
    ],
)
def test_a_value_the_wire_cannot_carry_is_found_here(
    client: Client, options: dict[str, Any], sentence: str
) -> None:
    """An unknown choice or an impossible number: one sentence, before anything is sent."""
    with pytest.raises(errors.InvalidArgument, match=re.escape(sentence)):
        client.infer(b"image", **options)


def test_what_no_message_can_carry_is_found_by_every_call(client: Client) -> None:
    """Numbers, names and paths that are none: one sentence, before anything is sent."""
    wrong: Any = "soon"
    no_name: Any = 3
    with client.infer(b"image") as stream:
        for call in (
            lambda: stream.revise(total_ms=wrong),
            lambda: client.set_budget_cap(wrong, ttl_s=1),
            lambda: client.model(no_name),
            lambda: client.clear_budget_cap(no_name),
            lambda: client.infer_once(b"image", deadline_ms=wrong),
            lambda: client.infer_once(b"image", deadline_ms=float("nan")),
            lambda: client.infer_once(b"image", model="\udcff"),
        ):
            with pytest.raises(errors.InvalidArgument):
                call()
    with pytest.raises(errors.UnreadableImage, match="null byte"):
        client.infer("a\0b.jpg")


@pytest.mark.parametrize("deadline_ms", [float("inf"), 1e13, 10**300])
def test_a_deadline_beyond_counting_is_none(client: Client, deadline_ms: float) -> None:
    """Whoever has all the time there is gets the answer."""
    assert client.infer_once(b"image", deadline_ms=deadline_ms).exit == 4


def test_a_value_the_server_may_judge_is_sent(server: ScriptedServer, client: Client) -> None:
    """Whether a budget makes sense is the server's word."""
    client.infer_once(b"image", budget_ms=-5)
    assert server.heard.get(timeout=10).frame.budget_ms == -5.0


def test_an_unknown_option_is_a_type_error(client: Client) -> None:
    """A misspelt option is found as any misspelt argument is."""
    with pytest.raises(TypeError, match="budget"):
        client.infer(b"image", budget=80)  # type: ignore[call-arg]  # the point of the test


def test_the_tree_is_drawn_as_it_is() -> None:
    """The picture in the docstring names every error below the parent it really has."""
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│├└─\s]*)(\w+)(\s{2,}|$)", line)
        if found:
            depth = len(found[1]) // 4
            path[depth:] = [found[2]]
            drawn[found[2]] = path[depth - 1] if depth else "Exception"
    assert drawn == {kind.__name__: kind.__mro__[1].__name__ for kind in TREE}


def test_every_leaf_bears_a_status() -> None:
    """Each leaf says its own gRPC status; only the root leaves it open."""
    for kind in TREE:
        assert (kind.status is grpc.StatusCode.UNKNOWN) == (kind is errors.InterimError)


def test_a_path_may_be_a_path(server: ScriptedServer, client: Client, tmp_path: Path) -> None:
    """A pathlib path is read as a string is."""
    (tmp_path / "a.png").write_bytes(b"png")
    client.infer_once(tmp_path / "a.png")
    assert server.heard.get(timeout=10).frame.image.encoded == b"png"


def test_models_and_status_are_values(client: Client) -> None:
    """What the server says of itself comes as frozen values, with None for what it did not measure."""
    (model,) = client.models()
    assert model == client.model() == client.model("scripted")
    assert [each.name for each in model.classes] == ["sky", "road", "car"]
    assert model.classes[1].rgb == (0x80, 0x40, 0x80)
    assert [each.cost_ms for each in model.exits] == [10.0, 20.0, 30.0, None]
    assert model.exits[0].miou is None
    status = client.status()
    assert (status.ready, status.in_flight, status.workers[0].size) == (True, 2, (360, 480))
    with pytest.raises(errors.UnknownModel, match="there is scripted"):
        client.model("no such")
