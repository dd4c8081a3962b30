"""A visit whose server and browser have a network namespace to themselves, without any network.

A test calls ``told_by`` with the module of the visit; that module, run in the namespace, calls
``tell``, and opens its page with ``first_page``.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from examples.demo import start_server
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, Kiosk, play_file
from tests.browser.serving import ROOT

# Where only root may make a network namespace (Ubuntu), the suite must run as root for these tests.
_ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
# Chromium must be told to use 127.0.0.1; the server offers it by itself.
_LOOPBACK = "--allow-loopback-in-peer-connection"
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def told_by(module: str, scene: Path, *arguments: str, timeout_s: float) -> Any:
    """What that module printed, run where there is no network, before a camera that plays
    ``scene``; its own ``arguments`` come before the browser's flags."""
    flags = (_LOOPBACK, FAKE_CAMERA, ALLOWED, play_file(scene))
    visit = subprocess.run(
        [*_ALONE, sys.executable, "-m", module, *arguments, *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert visit.returncode == 0, visit.stderr[-2000:]
    return json.loads(visit.stdout.splitlines()[-1])


def tell(visit: Coroutine[Any, Any, Any]) -> None:
    """Print as JSON what the visit returns. A new namespace has ``lo`` only, and that is down."""
    set_loopback(up=True)
    print(json.dumps(asyncio.run(visit)))


def set_loopback(*, up: bool) -> None:
    """Bring the only interface up, or take it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        wanted = struct.pack("16sh14x", b"lo", _IFF_UP if up else 0)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, wanted)


@asynccontextmanager
async def first_page(
    flags: Sequence[str], scripts: Sequence[str] = ()
) -> AsyncIterator[tuple[Kiosk, asyncio.subprocess.Process]]:
    """The guest's page as it was loaded, and the process that serves it; both end with it."""
    process, url = await start_server()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET, *flags]
            )
            page = await browser.new_page()
            page.set_default_timeout(30_000)
            for script in scripts:
                await page.add_init_script(script)
            await page.goto(url)
            yield Kiosk(page, url.rstrip("/")), process
            await browser.close()
    finally:
        process.terminate()
        await process.wait()
