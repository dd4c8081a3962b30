"""Who did what and when: one JSON object a line, and never the data.

A secret address (a session's, a card's) is told by a short digest, which opens nothing, and an
address of the network by a digest whose key lives until the next start, of which the log has the
first digits.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from core.auth import AccessSettings
from core.errors import SettingsError
from core.log import Log
from signaling.keeping.files import FULL

_MOST_WAITING = 10_000
_log = Log("audit")


def label(secret: str) -> str:
    """Tells one secret from another, and opens nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


class Audit:
    """Lines go to standard error or to a file that is opened anew for each batch of lines, so
    that whoever rotates it may move it away."""

    def __init__(self, settings: AccessSettings, clock: Callable[[], float] = time.time) -> None:
        self._mode = settings.audit
        self._file = settings.audit_file if settings.audit == "file" else None
        self._clock = clock
        self._lines: deque[str] = deque()
        self._more = asyncio.Event()
        self._lost = 0

    async def open(self) -> None:
        """Make the file, if there is to be one. Raises SettingsError where that cannot be."""
        if self._file is None:
            return
        try:
            await asyncio.to_thread(_try, self._file)
        except OSError as error:
            if error.errno not in FULL:
                raise SettingsError(
                    f"access.audit-file: {self._file.absolute()} cannot be written "
                    f"({error.strerror}): it must be a file, and no link, in a folder that is "
                    "there and that the server's user may write"
                ) from None

    def note(self, who: str, what: str, **values: object) -> None:
        """Note an action. ``values`` are states, codes, labels and figures."""
        if self._mode == "off":
            return
        told = {"audit": what, "at": round(self._clock(), 3), "who": who, **values}
        line = json.dumps(told, default=str) + "\n"
        if self._mode == "stderr":
            sys.stderr.write(line)
        elif len(self._lines) < _MOST_WAITING:
            self._lines.append(line)
            self._more.set()
        else:
            self._lost += 1

    async def run(self) -> None:
        """Write to the file until cancelled; what waits then is written by `close`."""
        while True:
            await self._more.wait()
            self._more.clear()
            await self.close()
            # Lines that could not be written wait for a moment, not for the next.
            await asyncio.sleep(1 if self._lines else 0)
            if self._lines:
                self._more.set()

    async def close(self) -> None:
        """Write what waits."""
        if self._file is None or not self._lines:
            return
        lines, self._lines = self._lines, deque()
        if self._lost:
            lines.append(json.dumps({"audit": "lost", "lines": self._lost}) + "\n")
        try:
            await asyncio.to_thread(_append, self._file, "".join(lines))
            self._lost = 0
        except OSError as error:
            _log.error("the audit log cannot be written", errno=error.errno)
            lines.extend(self._lines)
            self._lines = lines


_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW


def _try(path: Path) -> None:
    # A pipe that nobody reads would hold the start up without a word.
    os.close(os.open(path, _FLAGS | os.O_NONBLOCK, 0o600))


def _append(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, _FLAGS, 0o600), "a", encoding="utf-8") as file:
        file.write(text)


AUDIT = web.AppKey("audit", Audit)
