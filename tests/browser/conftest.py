"""A real server, a real headless Chromium, and a camera that plays a specimen scene."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, BrowserType, async_playwright

from models.training.specimen_scene import Phases, SpecimenScene, write_y4m
from tests.browser.kiosk import FILM, WEBCAM, Kiosk, OpenKiosk, Server
from tests.browser.serving import serving

FAILED = pytest.StashKey[bool]()
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


class Browsers:
    """Chromium as it was started with each set of flags; each page has a profile of its own.

    To start one takes a second, which most tests would pay for nothing. One that plays a film is
    its test's own: where the film begins is part of what is tested.
    """

    def __init__(self, chromium: BrowserType) -> None:
        self._chromium = chromium
        self._running: dict[tuple[str, ...], Browser] = {}

    async def get(self, flags: tuple[str, ...], own: AsyncExitStack) -> Browser:
        """One with these flags; what is not shared ends with ``own``."""
        if any(flag.startswith(FILM) for flag in flags):
            browser = await self._start(flags)
            own.push_async_callback(browser.close)
            return browser
        running = self._running.get(flags)
        if running is None or not running.is_connected():
            running = self._running[flags] = await self._start(flags)
        return running

    async def _start(self, flags: tuple[str, ...]) -> Browser:
        return await self._chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *flags])

    async def close(self) -> None:
        for browser in self._running.values():
            await browser.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser lives on one loop, with the driver between: all who use it live there too."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let fixtures know of a test that failed."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers() -> AsyncIterator[Browsers]:
    async with async_playwright() as playwright:
        running = Browsers(playwright.chromium)
        yield running
        await running.close()


async def _new_kiosk(
    context: BrowserContext, server: Server, scripts: tuple[str, ...], patience_s: float
) -> Kiosk:
    page = await context.new_page()
    page.set_default_timeout(patience_s * 1000)
    for script in (WEBCAM, *scripts):
        await page.add_init_script(script)
    kiosk = Kiosk(page, server.url)
    kiosk.watch()
    return kiosk


@pytest_asyncio.fixture(loop_scope="session")
async def kiosk(
    server: Server, browsers: Browsers, request: pytest.FixtureRequest
) -> AsyncIterator[OpenKiosk]:
    """``await kiosk(FAKE_CAMERA, ALLOWED, scripts=(…), path="/")`` opens the page, past its
    welcome: ``language=""`` stays there.

    Whatever the page complained of fails the test, except texts that hold one of ``expect``.
    """
    opened: list[tuple[Kiosk, tuple[str, ...]]] = []
    async with AsyncExitStack() as stack:

        async def start(
            *flags: str,
            scripts: tuple[str, ...] = (),
            path: str = "/",
            expect: tuple[str, ...] = (),
            language: str = "en",
            patience_s: float = 15,
        ) -> Kiosk:
            browser = await browsers.get(flags, stack)
            context = await browser.new_context(
                viewport={"width": 1280, "height": 800}, locale="en-GB", accept_downloads=False
            )
            stack.push_async_callback(context.close)
            kiosk = await _new_kiosk(context, server, scripts, patience_s)
            opened.append((kiosk, expect))
            await kiosk.page.goto(server.url + path)
            await kiosk.screen("attract")
            if language:
                await kiosk.welcome(language)
            return kiosk

        yield start
        for each, _ in opened if request.node.stash.get(FAILED, False) else ():
            print(f"{each.page.url}: {await each.condition()}")
        for each, _ in opened:
            await each.page.close(run_before_unload=False)
    for each, expect in opened:
        unexpected = [text for text in each.complaints if not any(part in text for part in expect)]
        assert not unexpected, "\n".join(unexpected)
