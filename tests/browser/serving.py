"""A real server for the guest's page in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.kiosk import Server

ROOT = Path(__file__).resolve().parents[2]
START_S = 60


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """``python server.py`` on a free port; it must end by itself, with status 0, on SIGTERM."""
    process = subprocess.Popen(
        [sys.executable, "server.py", "--port", "0", "--log-level", "warning", *arguments],
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


def _wait_for_url(process: subprocess.Popen[str]) -> str:
    """The address from the line with which the server announces itself."""
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            return line[line.index("http://") :].strip().rstrip("/")
    raise AssertionError(f"the server ended with status {process.wait()}")
