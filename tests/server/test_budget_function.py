"""A user's budget function, in a real process: whatever it does, the request keeps a budget."""

import asyncio
import subprocess
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from interim.scheduling.budgets.function import FunctionRule
from interim.server.budgets.facts import Facts
from interim.server.budgets.function import BudgetFunction
from interim.server.errors import StartError

HERE = "tests.server.budget_functions"


def facts(request_class: str) -> Facts:
    return Facts(request_class=request_class, height=8, width=12, budget_ms=80.0, in_flight=1, queue_ms=5.0)


async def until(condition: Any) -> None:
    """Wait for what another task or process brings about; the test's own time limit ends a wait in vain."""
    while not condition():  # noqa: ASYNC110 -- what is waited for has no event
        await asyncio.sleep(0.002)


class Caller:
    """Asks, and keeps what it heard."""

    def __init__(self, name: str, limit_s: float) -> None:
        self.fallen: list[tuple[str, str]] = []
        self.function = BudgetFunction(
            FunctionRule(call=f"{HERE}:{name}", limit_s=limit_s),
            lambda why, detail: self.fallen.append((why, detail)),
        )

    async def ask(self, request_class: str) -> Any:
        """What it says, or why it does not."""
        said: list[Any] = []
        fallen = len(self.fallen)
        self.function.ask(facts(request_class), said.append)
        await until(lambda: said or len(self.fallen) > fallen)
        return said[0] if said else self.fallen[-1]


def play(
    scenario: Callable[[Caller], Coroutine[Any, Any, None]], name: str = "by_class", limit_s: float = 5.0
) -> None:
    """A scenario with a function that is up; `limit_s` is generous where nothing hangs: the machine is shared."""

    async def main() -> None:
        caller = Caller(name, limit_s)
        await caller.function.start()
        try:
            await scenario(caller)
        finally:
            caller.function.stop()

    asyncio.run(main())


def test_a_function_says_what_a_request_gets() -> None:
    """Milliseconds in, seconds out; None is no say; what it prints disturbs nobody."""

    async def scenario(caller: Caller) -> None:
        assert await caller.ask("batch") == 0.15
        assert await caller.ask("") is None
        assert await caller.ask("print") == 0.04
        assert caller.fallen == []

    play(scenario)


def test_a_function_that_raises_or_talks_nonsense_is_said_so() -> None:
    """One sentence names what it did; its process lives on."""

    async def scenario(caller: Caller) -> None:
        assert await caller.ask("raise") == ("raised", "it raised RuntimeError: it says so")
        assert await caller.ask("nonsense") == (
            "nonsense",
            "it returned nan: a budget is above 0 and at most 3600000 ms",
        )
        why, words = await caller.ask("endless")
        assert (why, words[:19]) == ("nonsense", "it returned 1000000")
        assert await caller.ask("batch") == 0.15
        assert caller.function.starts == 1

    play(scenario)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "why", "limit_s"), [("hang", "hung", 0.005), ("die", "died", 5.0)])
def test_a_function_that_hangs_or_dies_is_started_again(command: str, why: str, limit_s: float) -> None:
    """Killed at its limit, everyone who waits keeps their budget, and a new process answers."""

    async def scenario(caller: Caller) -> None:
        said: list[Any] = []
        caller.function.ask(facts(command), said.append)
        caller.function.ask(facts("batch"), said.append)
        await until(lambda: len(caller.fallen) == 2)
        assert [each[0] for each in caller.fallen] == [why, why]
        assert said == []
        assert (await caller.ask("batch"))[0] == "starting"
        while not isinstance(await caller.ask("batch"), float):  # noqa: ASYNC110 -- it has no event
            await asyncio.sleep(0.05)
        assert caller.function.starts > 1

    play(scenario, limit_s=limit_s)


def test_a_process_that_the_system_refuses_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests keep their budgets meanwhile."""

    async def scenario(caller: Caller) -> None:
        refused = [True, False]
        real = subprocess.Popen

        def popen(*arguments: Any, **options: Any) -> Any:
            if refused.pop(0):
                raise BlockingIOError("Resource temporarily unavailable")
            return real(*arguments, **options)

        monkeypatch.setattr("interim.server.budgets.function.REST_S", (0.01,))
        monkeypatch.setattr(subprocess, "Popen", popen)
        assert (await caller.ask("die"))[0] == "died"
        await until(lambda: not refused)
        assert (await caller.ask(""))[0] == "starting"
        await until(lambda: caller.function._ready is not None and caller.function._ready.done())
        assert await caller.ask("batch") == 0.15

    play(scenario)


@pytest.mark.parametrize(
    ("name", "words"), [("missing", "AttributeError"), ("not_callable", "TypeError: not_callable cannot be")]
)
def test_a_function_that_is_not_there_stops_the_start(name: str, words: str) -> None:
    """One sentence with the value, why not, and what to give."""
    with pytest.raises(StartError, match=words) as error:
        play(lambda _: asyncio.sleep(0), name)
    assert f'call = "{HERE}:{name}" cannot be served' in str(error.value)
    assert str(error.value).endswith("give MODULE:NAME of a function")
