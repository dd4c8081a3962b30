"""Debian's own Firefox, by WebDriver BiDi (W3C): Playwright drives builds of its own only."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
START_S = 60
ANSWER_S = 30
PREFERENCES = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Otherwise two peers on a machine without a network do not meet.
    "media.peerconnection.ice.loopback": True,
    # Nothing is asked of the network, which tests have none of.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
}


class Firefox:
    """One page in a Firefox of its own; ``complaints``: what its console shows of errors."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._page = ""
        self.complaints: list[str] = []

    async def begin(self) -> None:
        await self._call("session.new", capabilities={})
        await self._call("session.subscribe", events=["log.entryAdded"])
        tree = await self._call("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]

    async def listen(self) -> None:
        """Until the connection ends."""
        async for message in self._socket:
            told = json.loads(message.data)
            if told.get("method") == "log.entryAdded" and told["params"]["level"] == "error":
                self.complaints.append(str(told["params"]["text"]))
            elif (waiting := self._answers.pop(told.get("id", 0), None)) is not None:
                waiting.set_result(told)

    async def _call(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        waiting = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(ANSWER_S):
            told = await waiting
        assert told["type"] == "success", told
        result: dict[str, Any] = told["result"]
        return result

    async def open(self, url: str) -> None:
        await self._call("browsingContext.navigate", context=self._page, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, as JSON has it."""
        told = await self._call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify((await ({expression})) ?? null))()",
            target={"context": self._page},
            awaitPromise=True,
            userActivation=True,
        )
        assert told["type"] == "success", told["exceptionDetails"]["text"]
        return json.loads(told["result"]["value"])

    async def until(self, expression: str, timeout_s: float = 30) -> None:
        """Wait until the expression is true."""
        async with asyncio.timeout(timeout_s):
            while not await self.evaluate(expression):
                await asyncio.sleep(0.1)

    async def screen(self, name: str) -> None:
        """Wait until this screen shows."""
        try:
            await self.until(f"document.body.dataset.screen === '{name}'")
        except TimeoutError:
            shows = await self.evaluate("document.body.dataset.screen")
            raise AssertionError(f"{shows} is shown in the place of {name}") from None

    async def click(self, selector: str) -> None:
        """Press the first visible element of these."""
        visible = f"[...document.querySelectorAll(`{selector}`)].find((e) => e.offsetParent)"
        await self.until(f"Boolean({visible})")
        await self.evaluate(f"{visible}.click()")

    async def close(self) -> None:
        await self._call("browser.close")


@asynccontextmanager
async def firefox() -> AsyncIterator[Firefox]:
    """A Firefox without a screen, with a profile that is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        chosen = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
        await asyncio.to_thread(Path(profile, "user.js").write_text, "\n".join(chosen))
        process = await asyncio.create_subprocess_exec(
            *(FIREFOX, "--headless", "--no-remote", "--remote-debugging-port", "0"),
            *("--profile", profile),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "HOME": profile},
            start_new_session=True,
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(START_S):
                address = await _address(process.stderr)
            draining = asyncio.create_task(process.stderr.read())
            async with (
                aiohttp.ClientSession() as http,
                http.ws_connect(f"{address}/session", max_msg_size=0) as socket,
            ):
                browser = Firefox(socket)
                listening = asyncio.create_task(browser.listen())
                await browser.begin()
                yield browser
                await browser.close()
                await process.wait()
                listening.cancel()
            await draining
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _address(lines: asyncio.StreamReader) -> str:
    """Where it listens, from the line that says so."""
    async for line in lines:
        if b"WebDriver BiDi listening on" in line:
            return line.decode().split()[-1]
    raise AssertionError("Firefox ended before it listened")
