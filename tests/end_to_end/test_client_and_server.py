"""Our client against our server: what comes out is, to the pixel, what the model said of that very image."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.server.scripted import CLASSES, EXITS, RAISE, picture

from interim.client import Client, Reason, Refused, UnknownModel

pytestmark = pytest.mark.slow

BUDGET_MS = 20_000


@pytest.fixture
def client(quick_server: Any) -> Any:
    with Client(quick_server.grpc) as client:
        yield client


def said_class(mask: Any) -> Any:
    """The one class that a scripted mask shows."""
    assert (mask == mask.flat[0]).all()
    return int(mask.flat[0])


@pytest.mark.parametrize("encoding", ["rle", "raw", "png"])
@pytest.mark.parametrize(("resolution", "shape"), [("full", (61, 90)), ("quarter", (16, 23))])
def test_every_encoding_and_resolution_brings_the_models_classes(
    client: Any, encoding: Any, resolution: Any, shape: Any
) -> None:
    """Sizes that are no multiple of anything included."""
    seen = list(
        client.infer(
            picture(61, 90, first_class=3), budget_ms=BUDGET_MS, encoding=encoding, resolution=resolution
        )
    )
    assert [each.exit for each in seen] == sorted({each.exit for each in seen})
    for each in seen:
        assert each.mask.shape == shape
        assert said_class(each.mask) == (3 + each.exit - 1) % CLASSES
    assert (seen[-1].exit, seen[-1].final, seen[-1].reason) == (EXITS, True, Reason.FINAL_EXIT)


def test_the_extras_are_those_of_the_same_exit(client: Any) -> None:
    """Confidence and what is still refined, at a quarter of the working size."""
    for each in client.infer(picture(), budget_ms=BUDGET_MS, confidence=True, active=True):
        assert each.confidence.shape == each.active.shape == (16, 24)
        assert each.confidence[0, 0] == pytest.approx(255 * each.exit / EXITS, abs=1)
        assert each.active.mean() == pytest.approx(each.active_share)


def test_many_clients_at_once_are_not_mixed_up(quick_server: Any) -> None:
    """Each gets the masks of its own image, whatever slots and threads they went through."""

    def ask(number: Any) -> Any:
        with Client(quick_server.grpc) as client:
            for turn in range(6):
                first = (number + turn) % CLASSES
                image = picture(40 + number, 60 + turn, first_class=first)
                for each in client.infer(image, budget_ms=BUDGET_MS):
                    assert each.mask is not None
                    assert each.mask.shape == image.shape[:2]
                    assert said_class(each.mask) == (first + each.exit - 1) % CLASSES
                answer = client.infer_once(image, budget_ms=BUDGET_MS)
                assert said_class(answer.mask) == (first + EXITS - 1) % CLASSES
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


def test_the_answer_can_be_had_earlier_than_the_deadline(client: Any) -> None:
    """An exit is enough, or the client has seen enough: from another thread as well."""
    *_, last = client.infer(picture(), budget_ms=BUDGET_MS, max_exit=2)
    assert (last.exit, last.reason) == (2, Reason.FINAL_EXIT)
    *_, last = client.infer(picture(), budget_ms=BUDGET_MS, stop_below=0.5)
    assert (last.exit, last.reason) == (2, Reason.CONFIDENT)
    stream = client.infer(picture(), budget_ms=BUDGET_MS)
    next(stream)
    stopper = threading.Thread(target=stream.stop)
    stopper.start()
    *_, last = stream
    stopper.join()
    assert last.final
    assert last.reason in (Reason.CLIENT_STOP, Reason.FINAL_EXIT)


def test_a_model_that_raises_ends_one_request_with_its_words(client: Any) -> None:
    """What was complete before is kept."""
    *_, last = client.infer(picture(command=RAISE, at=2), budget_ms=BUDGET_MS)
    assert (last.exit, last.reason) == (1, Reason.FAILED)


def test_a_budget_that_cannot_be_met_is_refused_with_a_reason(client: Any) -> None:
    """The client's exception says why, and an unknown model is another one."""
    with pytest.raises(Refused) as refusal:
        list(client.infer(picture(), budget_ms=0.5))
    assert refusal.value.cause == "deadline"
    with pytest.raises(UnknownModel):
        list(client.infer(picture(), model="other"))


def test_frames_of_a_session_give_way_to_newer_ones(client: Any) -> None:
    """Every frame ends; the last one is not overtaken by any."""
    with client.session(newest_wins=True) as session:
        names = [session.send(picture(first_class=n % CLASSES), budget_ms=BUDGET_MS) for n in range(12)]
        session.finish()
        ends = {}
        for answer in session:
            if getattr(answer, "final", True):
                ends[answer.request_id] = answer
    assert set(ends) == set(names)
    assert ends[names[-1]].reason is Reason.FINAL_EXIT


def test_models_and_status_are_those_of_the_server(client: Any) -> None:
    """What an operator and a program want to know."""
    (model,) = client.models()
    assert len(model.exits) == EXITS
    status = client.status()
    assert status.ready
    assert status.workers[0].model == model.name
