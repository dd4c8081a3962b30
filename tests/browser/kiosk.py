"""The guest's page as the browser tests see it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import ConsoleMessage, Error, Page, Request

FAKE_CAMERA = "--use-fake-device-for-media-stream"
ALLOWED = "--use-fake-ui-for-media-stream"
DENIED = "--use-fake-ui-for-media-stream=deny"

# Chromium's fake camera gives four thousand pixels where it is asked, drawn without a GPU: no
# more than most webcams have is asked of the machine that runs the tests.
WEBCAM = """
const everything = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
if (everything) navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (wanted.video.height?.exact > 1080) throw new OverconstrainedError("height", "");
  return everything(wanted);
};
"""

# What a page waits for ten seconds and longer comes sooner, where nobody asks after how long.
HASTE = """
const patient = window.setTimeout;
window.setTimeout = (then, ms, ...rest) => patient(then, ms >= 10_000 ? ms / 8 : ms, ...rest);
"""

# Whether the page is alive: a click waits for ever where the browser draws no frames.
CONDITION = """async () => {
  const screen = document.body.dataset.screen, visibility = document.visibilityState;
  let frames = 0, counting = true;
  const count = () => counting && ++frames && requestAnimationFrame(count);
  requestAnimationFrame(count);
  await new Promise((done) => setTimeout(done, 1000));
  counting = false;
  const size = [innerWidth, innerHeight], animations = document.getAnimations().length;
  return JSON.stringify({ screen, visibility, frames, animations, size });
}"""

# Kept here, not in the page: the page shows nothing of its inside to whoever embeds it.
WATCH_PEERS = """
window.peers = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...values) { super(...values); window.peers.push(this); }
};
"""


def count_sent(kind: str) -> str:
    """A script that counts in ``window.sent`` what the page sends of this type."""
    return """
window.sent = 0;
const send = RTCDataChannel.prototype.send;
RTCDataChannel.prototype.send = function (data) {
  send.call(this, data);
  window.sent += data.includes('"type":"KIND"');
};
""".replace("KIND", kind)


@dataclass(frozen=True, slots=True)
class Server:
    """A server process; ``url`` ends without a slash."""

    url: str

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/health", timeout=5) as answer:  # noqa: S310
            health: dict[str, Any] = json.load(answer)
            return health


@dataclass  # no slots: Playwright hangs a wrapper on whoever listens
class Kiosk:
    """The guest's page in a browser, and everything that it should not have done."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Collect console errors, exceptions, CSP violations and requests to elsewhere."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        # Besides the server: the page's own blobs, and the browser's own PDF viewer.
        inside = (f"{self.origin}/", f"blob:{self.origin}/", "chrome")
        if not request.url.startswith(inside):
            self.complaints.append(f"request to {request.url}")

    async def stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = await self.page.evaluate("window.lobbylens.stats")
        return stats

    async def condition(self) -> str:
        """What the page is doing, for whoever reads of a test that failed."""
        try:
            async with asyncio.timeout(5):
                return str(await self.page.evaluate(CONDITION))
        except (TimeoutError, Error) as error:
            return f"does not answer: {type(error).__name__}"

    async def screen(self, name: str, timeout_s: float = 15) -> None:
        """Wait until this screen shows."""
        await self.page.wait_for_selector(f"body[data-screen={name}]", timeout=timeout_s * 1000)

    async def welcome(self, language: str = "en") -> None:
        """From the screen that greets whoever passes by to the start, in this language."""
        await self.do("touch")
        await self.screen("language")
        await self.page.click(f"#language-buttons [lang={language}]")
        await self.screen("start")

    async def do(self, action: str) -> None:
        """Press the visible button of this action."""
        await self.page.click(f"[data-action={action}]:visible")

    async def problem(self, kind: str) -> None:
        """Wait for the screen of this problem, in words of its own."""
        await self.screen("problem")
        section = self.page.locator('.screen[data-screen="problem"]')
        assert await section.get_attribute("data-problem") == kind
        assert len(await section.locator("h1").inner_text()) > 8

    async def type_document(self, **changes: str) -> None:
        """Fill what the card needs into the form; ``changes`` by field name."""
        needed = {
            "primary_identifier": "Eriksson",
            "document_number": "L898902C3",
            "nationality": "UTO",
            "date_of_birth": "1974-08-12",
        }
        for name, value in {**needed, **changes}.items():
            await self.page.fill(f"#field-{name}", value)

    async def values(self) -> dict[str, str]:
        """What the review form holds, by field name."""
        values: dict[str, str] = await self.page.evaluate(
            "Object.fromEntries([...document.querySelectorAll('#review-form .control')]"
            ".map((entry) => [entry.name, entry.value]))"
        )
        return values


OpenKiosk = Callable[..., Awaitable[Kiosk]]


FILM = "--use-file-for-fake-video-capture="


def play_file(path: Path) -> str:
    """The flag that makes the fake camera play this file."""
    return f"{FILM}{path}"


async def desk_door(guest: Kiosk) -> str:
    """The front desk's door to the youngest session."""
    desk, ask = f"{guest.origin}/api/staff/sessions", guest.page.request
    label = (await (await ask.get(desk)).json())["sessions"][-1]["label"]
    return f"{desk}/{label}"
