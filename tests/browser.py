"""A real browser for tests of pages: Chromium without a window, over its DevTools protocol."""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-port=0",
)
PATIENCE_S = 30.0

_FAINT = Path(__file__).with_name("faint.js").read_text(encoding="utf-8")
_KEYS = {"Tab": 9, "Enter": 13}  # as Windows numbers them, which the protocol goes by


class Page:
    """One tab. `complaints` grows with what its console says and what it cannot load, `asked` with its requests."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._replies: dict[int, asyncio.Future[Any]] = {}
        self._session = ""
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.loaded = asyncio.Event()

    async def begin(self) -> None:
        """Open the tab, and listen to all it says."""
        target = await self._do("Target.createTarget", url="about:blank")
        self._session = (await self._do("Target.attachToTarget", flatten=True, **target))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self._do(f"{domain}.enable")

    async def open(self, url: str, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a page in a window of this size, by day or by night."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self._do("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": height, "deviceScaleFactor": 1}
        await self._do("Emulation.setDeviceMetricsOverride", **size, mobile=width < 600)
        self.loaded.clear()
        await self._do("Page.navigate", url=url)
        await self.reloaded()

    async def reloaded(self) -> None:
        """Wait until it has loaded (anew: clear `loaded` first)."""
        async with asyncio.timeout(PATIENCE_S):
            await self.loaded.wait()

    async def value(self, expression: str) -> Any:
        """What a line of JavaScript gives."""
        reply = await self._do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    async def text(self) -> str:
        """What a reader sees."""
        return str(await self.value("document.body.innerText"))

    async def sticks_out_px(self) -> int:
        """How far one would have to scroll sideways."""
        return int(await self.value("document.scrollingElement.scrollWidth - innerWidth"))

    async def faint(self) -> list[str]:
        """Words that are hard to read: less contrast than 4.5 (WCAG 2.2, 1.4.3)."""
        return list(await self.value(_FAINT))

    async def press(self, key: str) -> None:
        """A key, down and up."""
        facts = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        await self._do("Input.dispatchKeyEvent", type="keyDown", text="\r" if key == "Enter" else "", **facts)
        await self._do("Input.dispatchKeyEvent", type="keyUp", **facts)

    async def listen(self) -> None:
        """Take in what the browser says, as long as it speaks."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                reply = self._replies.pop(said["id"])
                assert "error" not in said, said
                reply.set_result(said["result"])
            else:
                self._hear(said["method"], said.get("params", {}))

    def _hear(self, event: str, facts: dict[str, Any]) -> None:
        match event:
            case "Page.loadEventFired":
                self.loaded.set()
            case "Network.requestWillBeSent":
                self.asked.append(facts["request"]["url"])
            case "Network.loadingFailed" if not facts.get("canceled"):
                self.complaints.append(facts["errorText"])
            case "Log.entryAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled":
                self.complaints.append(str(facts))

    async def _do(self, method: str, **facts: Any) -> Any:
        number = next(self._numbers)
        self._replies[number] = asyncio.get_running_loop().create_future()
        session = {"sessionId": self._session} if self._session else {}
        await self._socket.send_json({"id": number, "method": method, "params": facts} | session)
        async with asyncio.timeout(PATIENCE_S):
            return await self._replies[number]


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Page]:
    """A browser with one tab, as long as the context lasts; skips where there is no browser."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no browser on PATH: install chromium (or google-chrome) to test the pages in one")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = (*FLAGS, f"--user-data-dir={profile}")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(program, *flags, stderr=pipe, start_new_session=True)
        try:
            address = await _address(process)
            async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
                page = Page(socket)
                ears = asyncio.create_task(page.listen())
                await page.begin()
                yield page
                ears.cancel()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    """Where the browser listens; it says so as soon as it does."""
    assert process.stderr is not None
    said = []
    async with asyncio.timeout(PATIENCE_S):
        while line := (await process.stderr.readline()).decode():
            said.append(line)
            if line.startswith("DevTools listening on "):
                return line.rpartition(" ")[2].strip()
    raise AssertionError("".join(said))
