"""One visit on a machine without any network; run in a network namespace of its own.

``unshare -rn python -m tests.browser.offline_visit`` prints what the review form holds.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import struct
import sys

from playwright.async_api import async_playwright

from examples.demo import start_server
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.kiosk import Kiosk

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def loopback_up() -> None:
    """A new namespace has ``lo`` only, and that is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


async def visit(flags: list[str]) -> dict[str, str]:
    process, url = await start_server()
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*QUIET, *flags]
            )
            page = await browser.new_page()
            await page.goto(url)
            kiosk = Kiosk(page, url.rstrip("/"))
            await kiosk.welcome()
            await kiosk.do("begin")
            await kiosk.screen("review", timeout_s=40)
            values = await kiosk.values()
            await browser.close()
            return values
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    loopback_up()
    print(json.dumps(asyncio.run(visit(sys.argv[1:]))))
