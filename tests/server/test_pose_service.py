"""A pose model over real gRPC, its engine played: joints stream as masks do, and what it has not is refused."""

import dataclasses
from typing import Any

import aiohttp
import grpc
import numpy as np
import pytest
from tests.server.conftest import EXITS, READY, admit_and_free

from interim.server.engine.arena import Pose
from interim.server.engine.messages import Published, Submit
from interim.v1 import control_pb2
from interim.v1 import inference_pb2 as pb

JOINTS = ("head", "foot")
SPEC = READY.spec | {
    "task": "pose",
    "classes": [{"name": name, "color": (1, 2, 3)} for name in JOINTS],
    "bones": [[0, 1]],
}


def person(engine: Any, message: Any) -> None:
    """A script: at exit k the head is k pixels from the left, the foot nowhere sure."""
    admit_and_free(engine, message)
    if not isinstance(message, Submit):
        return
    engine.begin(message.id)
    cells = np.zeros((4, 4), np.uint8)
    for exit_ in range(1, EXITS + 1):
        joints = np.array([[exit_, 2, 0.5], [3, 30, 0.0]], np.float32)
        slot = engine.slots[message.id]
        engine.arena.write(slot, exit_, Pose(joints, cells, cells))
        engine.say(
            Published(
                id=message.id,
                generation=slot.generation,
                exit=exit_,
                active_share=1 - exit_ / EXITS,
                done_s=0.0,
                last=exit_ == EXITS,
            )
        )


def serve_pose(front: Any) -> None:
    front.requests.on(dataclasses.replace(READY, spec=SPEC))
    front.engine.script = person


def request(**fields: Any) -> pb.InferRequest:
    """An image twice as large as the model computes."""
    raw = pb.RawImage(height=128, width=64, rgb=bytes(128 * 64 * 3))
    return pb.InferRequest(image=pb.Image(raw=raw), budget_ms=5000, **fields)


def test_joints_stream_exit_after_exit(over_loopback: Any) -> None:
    """Names, places in the image as sent, how sure; a client that names the usual mask is no harm."""

    async def scenario(front: Any) -> None:
        serve_pose(front)
        usual = pb.MaskFormat(encoding=pb.RLE_ZSTD, resolution=pb.FULL, grid=pb.INPUT)
        said = [each async for each in front.inference.Infer(request(mask=usual))]
        assert (said[-1].exit, said[-1].reason, said[-1].active_share) == (4, pb.FINAL_EXIT, 0.0)
        for each in said:
            assert not each.HasField("mask")
            if each.HasField("pose"):
                head, foot = each.pose.joints
                assert (head.name, head.x, head.y, head.confidence) == ("head", 2 * each.exit + 0.5, 4.5, 0.5)
                assert (foot.name, foot.x, foot.y, foot.confidence) == ("foot", 6.5, 60.5, 0.0)
        once = await front.inference.InferOnce(request(want_active=True))
        assert (once.exit, len(once.pose.joints), once.active.height) == (4, 2, 4)

    over_loopback(scenario)


@pytest.mark.parametrize(
    ("mask", "named"),
    [
        (pb.MaskFormat(encoding=pb.PNG), "mask.encoding is PNG"),
        (pb.MaskFormat(resolution=pb.QUARTER), "mask.resolution is QUARTER"),
        (pb.MaskFormat(grid=pb.WORKING), "mask.grid is WORKING"),
        (pb.MaskFormat(grid=9), "mask.grid 9 is unknown"),  # type: ignore[arg-type]  # on purpose
    ],
)
def test_a_mask_cannot_be_had(over_loopback: Any, mask: pb.MaskFormat, named: str) -> None:
    """One sentence says what was asked, why there is none, and the way out."""

    async def scenario(front: Any) -> None:
        serve_pose(front)
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await front.inference.InferOnce(request(mask=mask))
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert named in error.value.details()
        assert "unknown" in named or "gives joints and no mask: leave mask out" in error.value.details()

    over_loopback(scenario)


def test_who_asks_is_told_that_it_is_a_pose_model(over_loopback: Any) -> None:
    """The model, the status and the page name the task and the joints; the page has a command that works."""

    async def scenario(front: Any) -> None:
        serve_pose(front)
        model = await front.inference.GetModel(pb.GetModelRequest())
        assert (model.task, [each.name for each in model.classes]) == ("pose", [*JOINTS])
        assert [(each.first, each.second) for each in model.bones] == [(0, 1)]
        (worker,) = (await front.control.Status(control_pb2.StatusRequest())).workers
        assert (worker.task, [*worker.classes]) == ("pose", [*JOINTS])
        async with aiohttp.ClientSession() as web, web.get(f"http://{front.http_address}/") as answer:
            text = await answer.text()
        assert "pose: head, foot" in text
        assert "<span>interim pose person.jpg</span>" in text

    over_loopback(scenario)
