"""A real server, a real headless Chromium, and a camera that plays a specimen scene."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from models.training.specimen_scene import Phases, SpecimenScene, write_y4m
from tests.browser.kiosk import WEBCAM, Kiosk, OpenKiosk, Server

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
START_S = 60
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


def _wait_for_url(process: subprocess.Popen[str]) -> str:
    """The address from the line with which the server announces itself."""
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            return line[line.index("http://") :].strip().rstrip("/")
    raise AssertionError(f"the server ended with status {process.wait()}")


@pytest.fixture(scope="session")
def desk_port() -> int:
    """A port for a front desk's page: its origin is the only one that may embed ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def server(desk_port: int) -> Iterator[Server]:
    """``python server.py`` on a free port; it must end by itself, with status 0, on SIGTERM."""
    page = ("--page.specimen", "--page.frame-ancestors", f"http://127.0.0.1:{desk_port}")
    process = subprocess.Popen(
        [sys.executable, "server.py", "--port", "0", "--log-level", "warning", *page],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        running = Server(_wait_for_url(process))
        deadline_s = time.monotonic() + START_S
        while running.health()["status"] != "ok":
            assert time.monotonic() < deadline_s, "the server does not get healthy"
            time.sleep(0.1)
        yield running
        process.terminate()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def scene_y4m(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A TD3 specimen that enters, is held and leaves; 1280x720, 24 fps, played in a loop."""
    path = tmp_path_factory.mktemp("camera") / "scene.y4m"
    phases = Phases(empty=0.4, moving_in=0.9, held=3.2, leaving=0.5, empty_after=0.2)
    write_y4m(path, SpecimenScene(phases=phases))
    yield path
    path.unlink()


async def _new_kiosk(browser: Browser, server: Server, scripts: tuple[str, ...]) -> Kiosk:
    context = await browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB", accept_downloads=False
    )
    page = await context.new_page()
    page.set_default_timeout(15_000)
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
        ) -> Kiosk:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET, *flags]
            )
            stack.push_async_callback(browser.close)
            kiosk = await _new_kiosk(browser, server, scripts)
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
