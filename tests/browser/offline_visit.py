"""One visit on a machine without any network; run in a network namespace of its own.

``unshare -rn python -m tests.browser.offline_visit`` prints what the review form holds.
"""

from __future__ import annotations

import sys

from tests.browser.alone import first_page, tell


async def visit(flags: list[str]) -> dict[str, str]:
    async with first_page(flags) as (kiosk, _):
        await kiosk.welcome()
        await kiosk.do("begin")
        await kiosk.screen("review", timeout_s=40)
        return await kiosk.values()


if __name__ == "__main__":
    tell(visit(sys.argv[1:]))
