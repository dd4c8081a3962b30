"""A crash writes nothing of what is in memory to a disk."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CRASH = """
import os, resource
from media.memory import leave_no_core
from pipeline.foreign_child import _bind
{before}
{call}
print(*resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.abort()
"""
MOST = "resource.setrlimit(resource.RLIMIT_CORE, 2 * resource.getrlimit(resource.RLIMIT_CORE)[1:])"
NONE = "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"


def crash(folder: Path, before: str, call: str) -> tuple[list[str], list[Path]]:
    """The limits that a process died with, and what it left."""
    command = [sys.executable, "-c", CRASH.format(before=before, call=call)]
    place = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    died = subprocess.run(
        command, cwd=folder, env=place, capture_output=True, text=True, timeout=30, check=False
    )
    assert died.returncode == -6, died.stderr
    return died.stdout.split(), list(folder.iterdir())


@pytest.mark.parametrize("call", ["leave_no_core()", "_bind(5)"])
def test_a_crash_leaves_no_file(tmp_path: Path, call: str) -> None:
    # At one byte no program gets it through a pipe either; none for good cannot be raised to that.
    limit = "1" if resource.getrlimit(resource.RLIMIT_CORE)[1] else "0"
    assert crash(tmp_path, MOST, call) == ([limit, limit], [])


def test_a_limit_of_none_is_left_alone(tmp_path: Path) -> None:
    assert crash(tmp_path, NONE, "leave_no_core()") == (["0", "0"], [])
