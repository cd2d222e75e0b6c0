"""Budgets over real gRPC: operators' caps, the windows of the clock, and what is said about them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiohttp
import grpc
import pytest

from interim.server.config import load
from interim.server.engine.messages import Ask, Forget, Freed, Move, Submit, Verdict
from interim.v1 import control_pb2, inference_pb2

TABLES = """
[budget.class.batch]
at_most_ms = 50_000
[budget.clock]
time_zone = "UTC"
[[budget.clock.window]]
name = "rush"
days = "mon-fri"
from = "08:00"
until = "09:00"
at_most_ms = 20_000
[budget.load]
above_ms = 1000
below_ms = 500
[budget.function]
call = "a.b:c"
dry_run = true
"""


def one_exit(engine: Any, message: Any) -> None:
    """A script: exit 1 comes at once, and then nothing."""
    match message:
        case Ask():
            engine.say(Verdict(id=message.id, ticket=0, admitted=True))
        case Move():
            engine.say(Verdict(id=message.id, ticket=message.ticket, admitted=True))
        case Submit():
            engine.begin(message.id)
            engine.publish(message.id, 1)
        case Forget():
            engine.say(Freed(id=message.id, wasted_s=0.0))


def infer(front: Any, **fields: Any) -> Any:
    image = inference_pb2.Image(raw=inference_pb2.RawImage(height=8, width=8, rgb=bytes(192)))
    return front.inference.Infer(inference_pb2.InferRequest(image=image, **fields))


def test_a_cap_over_grpc_ends_what_runs(over_loopback: Any) -> None:
    """Five streams with a minute each end within the cap; the answer says how many it moved and what holds."""

    async def scenario(front: Any) -> None:
        front.engine.script = one_exit
        calls = [infer(front, budget_ms=60_000) for _ in range(5)]
        firsts = [await call.read() for call in calls]
        assert {(each.exit, each.budget_policy) for each in firsts} == {(1, "request")}
        request = control_pb2.SetBudgetCapRequest(at_most_ms=50, ttl_s=60, why="drill")
        state = await front.control.SetBudgetCap(request)
        assert (state.moved, state.in_flight) == (5, 5)
        (cap,) = state.caps
        assert (cap.at_most_ms, cap.why, cap.request_class) == (50, "drill", "")
        assert 50 < cap.remaining_s <= 60
        assert "127.0.0.1" in cap.set_by
        finals = [await call.read() for call in calls]
        assert {(each.reason, each.budget_policy) for each in finals} == {
            (inference_pb2.BUDGET_CUT, "operator")
        }
        assert (await front.control.ClearBudgetCap(control_pb2.ClearBudgetCapRequest())).cleared == 1
        assert not (await front.control.GetBudget(control_pb2.GetBudgetRequest())).caps

    over_loopback(scenario, max_requests=8)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ttl_s": 5}, "at_most_ms is 0: it must be a number of milliseconds above 0"),
        ({"at_most_ms": 50}, "ttl_s is 0: it must be a number of seconds above 0 and at most 604800"),
        ({"at_most_ms": float("nan"), "ttl_s": 5}, "at_most_ms is nan"),
        ({"at_most_ms": 50, "ttl_s": 1e9}, "ttl_s is 1e+09"),
        ({"at_most_ms": 50, "ttl_s": 5, "why": "x" * 201}, "why must be at most 200 printable characters"),
        ({"at_most_ms": 50, "ttl_s": 5, "request_class": "a\n"}, "request_class must be at most 64"),
    ],
)
def test_a_cap_that_breaks_a_rule_is_refused(over_loopback: Any, fields: Any, words: Any) -> None:
    """INVALID_ARGUMENT with the value and the rule; nothing is capped."""

    async def scenario(front: Any) -> None:
        with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT") as error:
            await front.control.SetBudgetCap(control_pb2.SetBudgetCapRequest(**fields))
        assert words in error.value.details()
        assert not (await front.control.GetBudget(control_pb2.GetBudgetRequest())).caps

    over_loopback(scenario)


def test_caps_are_few(over_loopback: Any) -> None:
    """At most 64 classes: each is looked up for every request and is a line of /metrics; an old one can be set anew."""

    async def scenario(front: Any) -> None:
        caps = [
            control_pb2.SetBudgetCapRequest(at_most_ms=50, ttl_s=60, request_class=str(number))
            for number in range(65)
        ]
        for cap in caps[:64]:
            await front.control.SetBudgetCap(cap)
        with pytest.raises(grpc.aio.AioRpcError, match="64 classes have caps") as error:
            await front.control.SetBudgetCap(caps[64])
        assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert len((await front.control.SetBudgetCap(caps[0])).caps) == 64

    over_loopback(scenario)


def test_a_window_that_opens_moves_what_runs_and_closing_gives_it_back(
    over_loopback: Any, tmp_path: Any
) -> None:
    """The wall clock goes from 07:59 over 08:00 to 09:00, jumps included; the next message tells of it."""
    path = tmp_path / "interim.toml"
    path.write_text(TABLES)
    wall_s = datetime(2026, 6, 1, 7, 59, 59, 900_000, tzinfo=UTC).timestamp()

    async def scenario(front: Any) -> None:
        nonlocal wall_s
        front.engine.script = one_exit
        call = infer(front, budget_ms=60_000)
        assert (await call.read()).budget_policy == "request"
        names = {each.name: each.active for each in (await state(front)).policies}
        assert names == {"class:batch": True, "clock:rush": False, "load": False, "function": True}
        (id_,) = front.engine.asks
        for hour, exit_, policy, budget_ms in ((8, 2, "clock:rush", 20_000), (9, 3, "request", 60_000)):
            wall_s = datetime(2026, 6, 1, hour, tzinfo=UTC).timestamp()
            while front.requests._open[id_].truth.binding != policy:  # noqa: ASYNC110 -- it has no event
                await asyncio.sleep(0.005)
            front.engine.publish(id_, exit_)
            told = await call.read()
            assert (told.exit, told.budget_policy) == (exit_, policy)
            assert told.budget_ms == pytest.approx(budget_ms)
        call.cancel()

    over_loopback(scenario, wall=lambda: wall_s, budget=load(path, {}).budget)


def test_the_policies_are_told_in_words(over_loopback: Any, tmp_path: Any) -> None:
    """What `interim budget show` prints."""
    path = tmp_path / "interim.toml"
    path.write_text(TABLES)

    async def scenario(front: Any) -> None:
        found = await state(front)
        assert {each.name: each.says for each in found.policies} == {
            "class:batch": "at most 50000 ms",
            "clock:rush": "at most 20000 ms, mon,tue,wed,thu,fri 08:00:00 to 09:00:00 UTC",
            "load": "down to 30% of a budget while more than 1000 ms of work wait, up again below 500 ms",
            "function": "what a.b:c says within 5 ms",
        }
        assert [each.name for each in found.policies if each.dry_run] == ["function"]
        assert (found.default_ms, found.load_share, found.dry_run) == (1000, 1.0, False)

    over_loopback(scenario, budget=load(path, {}).budget)


def test_the_status_page_says_what_shortens_budgets(over_loopback: Any, tmp_path: Any) -> None:
    """A cap and an open window; nothing where nothing does."""
    path = tmp_path / "interim.toml"
    path.write_text(TABLES)

    async def page(front: Any) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"http://{front.http_address}/") as answer:
            return await answer.text()

    async def busy(front: Any) -> None:
        await front.control.SetBudgetCap(
            control_pb2.SetBudgetCapRequest(at_most_ms=75, ttl_s=600, request_class="<b>")
        )
        said = await page(front)
        assert "at most 75 ms for &lt;b&gt;, 9 min" in said
        assert "clock:rush" in said

    async def quiet(front: Any) -> None:
        assert "Budgets" not in await page(front)

    async def rehearsed(front: Any) -> None:
        await front.control.SetBudgetCap(control_pb2.SetBudgetCapRequest(at_most_ms=75, ttl_s=600))
        said = await page(front)
        assert "at most 75 ms for every request (dry run)" in said
        assert "clock:rush (dry run)" in said
        assert b"interim_budget_cap_seconds{" not in front.requests.means.metrics.text()

    rush_s = datetime(2026, 6, 1, 8, 30, tzinfo=UTC).timestamp()
    over_loopback(busy, wall=lambda: rush_s, budget=load(path, {}).budget)
    over_loopback(quiet)
    path.write_text("[budget]\ndry_run = true\n" + TABLES)
    over_loopback(rehearsed, wall=lambda: rush_s, budget=load(path, {}).budget)


async def state(front: Any) -> Any:
    return await front.control.GetBudget(control_pb2.GetBudgetRequest())
