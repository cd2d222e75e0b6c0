"""The status page in a real browser: true, up to date, readable, and alone with its server."""

import dataclasses
from typing import Any

import pytest
from tests.browser import browsing

from interim.v1 import inference_pb2 as pb

pytestmark = pytest.mark.slow

LONG = "models/" + "a-name-without-an-end-" * 4


def request(**fields: Any) -> pb.InferRequest:
    return pb.InferRequest(image=pb.Image(raw=pb.RawImage(height=8, width=8, rgb=bytes(192))), **fields)


def test_the_page_shows_the_server_and_follows_it(over_loopback: Any) -> None:
    """Model, device, exits and what was counted; without a key pressed it tells what has changed since."""

    async def scenario(front: Any) -> None:
        async with browsing() as page:
            await page.open(f"http://{front.http_address}/")
            text = await page.text()
            for words in ("ready", "0 in flight", "Model fake", "cpu", "float32", "0 requests answered"):
                assert words in text
            assert [row.split() for row in text.splitlines() if row.startswith("e2")] == [
                ["e2", "10.0", "20.0", "20.0", "0"]
            ]
            page.loaded.clear()
            await front.inference.InferOnce(request())
            with pytest.raises(Exception, match="no model"):
                await front.inference.InferOnce(request(model="nobody's"))
            front.engine.up = False
            await page.reloaded()
            text = await page.text()
            for words in ("not ready: the engine is being started again", "(down)", "1 request answered"):
                assert words in text
            assert "1 refused" in text
            assert [row.split()[-1] for row in text.splitlines() if row.startswith("e4")] == ["1"]
            assert page.complaints == []

    over_loopback(scenario)


def test_the_page_is_for_phones_and_for_the_night_too(over_loopback: Any) -> None:
    """Nothing to scroll sideways at 360 pixels, long names included; every word stands out; nobody else is asked."""

    async def scenario(front: Any) -> None:
        model = front.requests.model
        for name in ("fake", LONG):
            front.requests.model = dataclasses.replace(model, name=name)
            front.requests.means.metrics.exit_reached.expect(name, model.exits)
            async with browsing() as page:
                inks = set()
                for width, dark in ((1280, False), (360, False), (360, True)):
                    await page.open(f"http://{front.http_address}/", width=width, dark=dark)
                    assert name in await page.text()
                    assert await page.sticks_out_px() <= 0
                    assert await page.faint() == []
                    inks.add(await page.value("getComputedStyle(document.body).color"))
                assert len(inks) == 2
                assert page.complaints == []
                assert all(url.startswith(f"http://{front.http_address}/") for url in page.asked)

    over_loopback(scenario)


def test_the_page_can_be_left_by_keyboard(over_loopback: Any) -> None:
    """The first stop is the metrics, and they open."""

    async def scenario(front: Any) -> None:
        async with browsing() as page:
            await page.open(f"http://{front.http_address}/")
            await page.press("Tab")
            assert await page.value("document.activeElement.innerText") == "metrics"
            page.loaded.clear()
            await page.press("Enter")
            await page.reloaded()
            assert "interim_exit_reached" in await page.text()
            assert page.complaints == []

    over_loopback(scenario)
