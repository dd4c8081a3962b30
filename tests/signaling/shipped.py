"""The server's program in a process of its own, as an operator starts it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


async def launch(*arguments: str, folder: Path, **also: str) -> asyncio.subprocess.Process:
    """``server.py`` with both of its outputs in pipes. ``folder``: the current one; ``also``:
    variables beside those of the environment."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "server.py"),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env={**os.environ, **also},
    )
