"""A real server, a real headless Chromium, and a camera that plays a specimen scene."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from models.training.specimen_scene import Phases, SpecimenScene, write_y4m
from tests.browser.kiosk import WEBCAM, Kiosk, OpenKiosk, Server
from tests.browser.serving import serving

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(autouse=True)
def no_blocking_call() -> None:
    """Takes the place of the guard of that name: our loop runs in the server's process here."""


@pytest.fixture(scope="session")
def desk_port() -> int:
    """A port for a front desk's page: its origin is the only one that may embed ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def server(desk_port: int) -> Iterator[Server]:
    """The server of all tests that want no other."""
    page = ("--page.specimen", "--page.frame-ancestors", f"http://127.0.0.1:{desk_port}")
    with serving(*page) as running:
        yield running


@pytest.fixture(scope="session")
def scene_y4m(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A TD3 specimen that enters, is held and leaves; 1280x720, 24 fps, played in a loop."""
    path = tmp_path_factory.mktemp("camera") / "scene.y4m"
    phases = Phases(empty=0.4, moving_in=0.9, held=3.2, leaving=0.5, empty_after=0.2)
    write_y4m(path, SpecimenScene(phases=phases))
    yield path
    path.unlink()


async def _new_kiosk(
    browser: Browser, server: Server, scripts: tuple[str, ...], patience_s: float
) -> Kiosk:
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB", accept_downloads=False
    )
    page = await context.new_page()
    page.set_default_timeout(patience_s * 1000)
    for script in (WEBCAM, *scripts):
        await page.add_init_script(script)
    kiosk = Kiosk(page, server.url)
    kiosk.watch()
    return kiosk


@pytest.fixture
async def kiosk(server: Server) -> AsyncIterator[OpenKiosk]:
    """``await kiosk(FAKE_CAMERA, ALLOWED, scripts=(…), path="/")`` opens the page, past its
    welcome: ``language=""`` stays there.

    Whatever the page complained of fails the test, except texts that hold one of ``expect``.
    """
    opened: list[tuple[Kiosk, tuple[str, ...]]] = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def start(
            *flags: str,
            scripts: tuple[str, ...] = (),
            path: str = "/",
            expect: tuple[str, ...] = (),
            language: str = "en",
            patience_s: float = 15,
        ) -> Kiosk:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET, *flags]
            )
            stack.push_async_callback(browser.close)
            kiosk = await _new_kiosk(browser, server, scripts, patience_s)
            opened.append((kiosk, expect))
            await kiosk.page.goto(server.url + path)
            await kiosk.screen("attract")
            if language:
                await kiosk.welcome(language)
            return kiosk

        yield start
        for each, _ in opened:
            await each.page.close(run_before_unload=False)
    for each, expect in opened:
        unexpected = [text for text in each.complaints if not any(part in text for part in expect)]
        assert not unexpected, "\n".join(unexpected)
