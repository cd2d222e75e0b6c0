"""What a stream's messages mean, without a stream."""

from typing import Any

import grpc
import numpy as np
import pytest
import zstandard

from interim.client import errors
from interim.client.joint import Joint
from interim.client.outbox import Outbox
from interim.client.refinement import Reason, Refinement
from interim.client.transcript import Rejection, Revision, Transcript
from interim.v1 import inference_pb2 as pb

MASK = pb.LabelMap(encoding=pb.RAW, height=1, width=2, data=b"\x01\x02")
POSE = pb.Pose(joints=[pb.Joint(name="head", x=1.5, y=2.0, confidence=0.25)])


def said(exit_: int, *, mask: pb.LabelMap | None = MASK, **fields: Any) -> pb.SessionResponse:
    """An answer to frame "1" of a model with three exits."""
    return pb.SessionResponse(
        refinement=pb.Refinement(**{"request_id": "1", "exit": exit_, "exits": 3, "mask": mask, **fields})
    )


def last(exit_: int, **fields: Any) -> pb.SessionResponse:
    """A final answer without a mask."""
    return said(exit_, mask=None, final=True, **{"reason": pb.DEADLINE, **fields})


def opened() -> Transcript:
    """A transcript with frame "1" in flight since 10 s."""
    transcript = Transcript()
    transcript.opened(transcript.new_id(), 10.0)
    return transcript


def heard(transcript: Transcript, response: pb.SessionResponse) -> Refinement:
    answer = transcript.heard(response, 10.25)
    assert isinstance(answer, Refinement)
    return answer


def test_an_answer_says_everything_the_message_says() -> None:
    """Each field of the message is a field of the refinement, in the same unit."""
    byte_map = pb.ByteMap(height=1, width=2, zstd=zstandard.compress(b"\x00\xff"))
    fields: dict[str, Any] = {
        "model": "default",
        "active_share": 0.5,
        "elapsed_ms": 20.5,
        "remaining_ms": -1.5,
        "budget_ms": 19.0,
        "budget_policy": "request",
        "late": True,
        "final": True,
        "detail": "a sentence",
        "retry_after_ms": 3.0,
    }
    maps: dict[str, Any] = {"confidence": byte_map, "active": byte_map}
    answer = heard(opened(), said(2, reason=pb.FAILED, **maps, **fields))
    assert {name: getattr(answer, name) for name in fields} == fields
    assert (answer.request_id, answer.exit, answer.exits, answer.reason) == ("1", 2, 3, Reason.FAILED)
    assert answer.mask is not None
    assert answer.mask.tolist() == [[1, 2]]
    assert answer.confidence is not None
    assert answer.confidence.tolist() == [[0, 255]]
    assert answer.active is not None
    assert answer.active.tolist() == [[False, True]]
    assert not answer.active.flags.writeable
    assert answer.seen_ms == 250.0


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.OTHER])
def test_our_reasons_are_those_of_the_wire(reason: Reason) -> None:
    """Every reason of the protocol has its own here, and prints as its name."""
    answer = heard(opened(), last(0, reason=pb.Reason.Value(reason.name)))
    assert answer.reason is reason
    assert str(answer.reason) == reason.name


def test_no_reason_of_the_wire_is_missing_here() -> None:
    """A reason added to the protocol has to be added to the enum."""
    assert {*pb.Reason.keys()} == {reason.name for reason in Reason} - {"OTHER"} | {"REASON_UNSPECIFIED"}


def test_a_reason_from_a_newer_server_is_other() -> None:
    """An unknown reason is no error: the answer counts."""
    assert heard(opened(), last(0, reason=99)).reason is Reason.OTHER


def test_only_a_final_answer_has_a_reason() -> None:
    """The reason of an answer that is not final is None."""
    assert heard(opened(), said(1)).reason is None


def test_a_final_without_a_mask_repeats_the_last_one() -> None:
    """The mask and the maps of the newest exit stand when the final brings none."""
    transcript = opened()
    byte_map = pb.ByteMap(height=1, width=2, zstd=zstandard.compress(b"\x00\xff"))
    first = heard(transcript, said(1, confidence=byte_map, active=byte_map))
    final = heard(transcript, last(1))
    assert final.mask is first.mask
    assert final.confidence is first.confidence
    assert final.active is first.active
    assert final.final


def test_joints_are_read_and_repeated_likewise() -> None:
    """A pose model's answer has joints in place of a mask."""
    transcript = opened()
    first = heard(transcript, said(1, mask=None, pose=POSE))
    assert first.mask is None
    assert first.joints == (Joint(name="head", x=1.5, y=2.0, confidence=0.25),)
    assert heard(transcript, last(1)).joints is first.joints


def test_no_exit_is_no_mask() -> None:
    """At exit 0 there is no mask, and no error."""
    answer = heard(opened(), last(0, retry_after_ms=40.0))
    assert (answer.exit, answer.mask, answer.joints, answer.retry_after_ms) == (0, None, (), 40.0)


@pytest.mark.parametrize(
    ("before", "response", "rule"),
    [
        pytest.param([], pb.SessionResponse(), "empty message", id="empty"),
        pytest.param([], said(4), "exit 4 of 3", id="past the last exit"),
        pytest.param([said(2)], said(1), "exit 1 after exit 2", id="backwards"),
        pytest.param([said(1)], said(1), "exit 1 twice", id="twice"),
        pytest.param([], said(0, final=True, reason=pb.DEADLINE), "a mask at exit 0", id="mask at 0"),
        pytest.param([], last(1), "no mask at exit 1", id="final without the mask it needs"),
        pytest.param([said(1)], last(2), "no mask at exit 2", id="final newer than its mask"),
        pytest.param([], said(1, mask=None), "no mask at exit 1", id="no mask"),
        pytest.param([], said(1, pose=POSE), "a mask and joints in one answer", id="both"),
        pytest.param([], last(0, pose=POSE), "a mask at exit 0", id="joints at 0"),
        pytest.param(
            [],
            said(1, mask=None, pose=pb.Pose(joints=[pb.Joint(confidence=1.5)])),
            "a joint with a confidence of 1.5",
            id="too sure",
        ),
        pytest.param([], last(0, reason=pb.REASON_UNSPECIFIED), "without a reason", id="no reason"),
        pytest.param([], said(1, active_share=1.5), "active share of 1.5", id="share over 1"),
        pytest.param([], said(1, active_share=float("nan")), "active share of nan", id="share not a number"),
        pytest.param([], said(1, request_id="7"), "'7', which is not in flight", id="unknown frame"),
        pytest.param([last(0)], said(1), "'1', which is not in flight", id="after the final"),
    ],
)
def test_a_server_that_contradicts_itself_is_found_out(
    before: list[pb.SessionResponse], response: pb.SessionResponse, rule: str
) -> None:
    """What interim.v1 does not allow is a ProtocolError that says what it was."""
    transcript = opened()
    for each in before:
        transcript.heard(each, 11.0)
    with pytest.raises(errors.ProtocolError, match=rule):
        transcript.heard(response, 12.0)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, errors.InvalidArgument),
        (grpc.StatusCode.NOT_FOUND, errors.UnknownModel),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, errors.Refused),
        (grpc.StatusCode.UNAVAILABLE, errors.Unavailable),
        (grpc.StatusCode.INTERNAL, errors.ServerFailed),
    ],
)
def test_a_rejection_is_the_error_that_infer_would_raise(
    status: grpc.StatusCode, kind: type[errors.InterimError]
) -> None:
    """A frame rejected in band ends with the leaf of its status, and the server's sentence."""
    transcript = opened()
    message = pb.Rejection(request_id="1", status=status.value[0], detail="a sentence", retry_after_ms=70)
    answer = transcript.heard(pb.SessionResponse(rejection=message), 10.25)
    assert isinstance(answer, Rejection)
    assert type(answer.error) is kind
    assert answer.error.status is status
    assert "a sentence" in str(answer.error)
    assert getattr(answer.error, "retry_after_ms", 70.0) == 70.0
    assert answer.seen_ms == 250.0
    assert transcript.live == 0


def test_a_refusal_says_when_to_try_again_and_why() -> None:
    """Cause and time to retry of a rejection are those of the error."""
    message = pb.Rejection(request_id="1", status=8, detail="full", cause="queue", retry_after_ms=70.0)
    answer = opened().heard(pb.SessionResponse(rejection=message), 11.0)
    assert isinstance(answer, Rejection)
    assert isinstance(answer.error, errors.Refused)
    assert (answer.error.cause, answer.error.retry_after_ms) == ("queue", 70.0)


def test_what_a_cancelled_frame_is_still_told_is_dropped() -> None:
    """Answers already on their way when a frame is cancelled are no error and no answer."""
    transcript = opened()
    assert transcript.cancelled("1")
    assert transcript.heard(said(1), 11.0) is None
    assert transcript.heard(last(0), 11.0) is None
    assert not transcript.cancelled("1")


def test_a_verdict_on_a_revision_may_come_after_the_final() -> None:
    """A revision that crossed the final answer on the wire is answered, and nobody minds."""
    transcript = opened()
    transcript.heard(last(0), 11.0)
    revised = pb.Revised(request_id="1", accepted=False, budget_ms=80.0, detail="it has ended")
    assert transcript.heard(pb.SessionResponse(revised=revised), 12.0) == Revision(
        request_id="1", accepted=False, budget_ms=80.0, detail="it has ended"
    )


def frame(request_id: str) -> pb.SessionRequest:
    return pb.SessionRequest(frame=pb.InferRequest(request_id=request_id))


def stop(request_id: str) -> pb.SessionRequest:
    return pb.SessionRequest(revise=pb.Revise(request_id=request_id, stop=True))


@pytest.mark.parametrize(
    ("newest_wins", "taken"),
    [(False, ["1", "stop 1", "2", "3"]), (True, ["stop 1", "3"])],
)
def test_only_the_newest_unsent_frame_waits(newest_wins: bool, taken: list[str]) -> None:
    """Where the newest wins, an unsent frame makes room for the next one; orders keep their place."""
    outbox = Outbox(newest_wins=newest_wins)
    replaced = [outbox.put(each) for each in (frame("1"), stop("1"), frame("2"), frame("3"))]
    outbox.close()
    assert replaced == ([None, None, "1", "2"] if newest_wins else [None] * 4)
    assert [
        each.frame.request_id if each.HasField("frame") else f"stop {each.revise.request_id}"
        for each in outbox
    ] == taken


def test_nothing_is_put_after_the_close() -> None:
    """What comes after the close is void, and the reader ends."""
    outbox = Outbox()
    outbox.close()
    outbox.put(frame("1"))
    assert list(outbox) == []


def test_a_frame_replaced_before_it_was_sent_is_superseded() -> None:
    """It gets its one final answer from this side: exit 0, SUPERSEDED."""
    transcript = opened()
    transcript.replaced("1", 10.5)
    answer = transcript.next_unsent()
    assert answer is not None
    assert (answer.request_id, answer.exit, answer.final, answer.reason) == ("1", 0, True, Reason.SUPERSEDED)
    assert answer.seen_ms == 500.0
    assert transcript.next_unsent() is None
    assert transcript.live == 0


def test_a_refinement_compares_by_identity() -> None:
    """Two answers are never compared pixel by pixel by accident, and print without their pixels."""
    one, other = (Refinement(request_id="1", exit=1, exits=1, mask=np.zeros((2, 2), np.uint8)) for _ in "ab")
    assert one != other
    assert "mask" not in repr(one)
