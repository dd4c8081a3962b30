"""The server as it is shipped, every file that it opens for writing told: none, unless asked.

Python tells what Python opens; what libraries below it write, the kernel counts.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.signaling.pictures import specimen_frames
from tests.signaling.test_keeping import files_in, key_setting
from tests.signaling.test_seed_clients import _TRACED, ROOT, _websocket_client


def disk_bytes(pid: int) -> int:
    """What the process has written to file systems of disks (proc(5), ``write_bytes``)."""
    told = Path(f"/proc/{pid}/io").read_text()
    return int(re.search(r"^write_bytes: (\d+)$", told, re.MULTILINE)[1])  # type: ignore[index]


def in_memory(folder: Path) -> bool:
    """Whether a folder is on no disk: what is written there is not counted."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True)
    return kind.stdout.strip() in ("tmpfs", "ramfs")


@contextmanager
def served(temporary: Path, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """Its address, and at the end its lines of standard error."""
    said: list[str] = []
    process = subprocess.Popen(
        [sys.executable, "-B", "-c", _TRACED, "--port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary), "HOME": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1].rstrip("/"), said
        said.append(f"DISK {disk_bytes(process.pid)}")
    finally:
        process.terminate()
        said += process.communicate(timeout=20)[1].splitlines()


def visit(url: str) -> None:
    """A document is captured, and its data confirmed by hand; one session is left open."""
    _, captured = asyncio.run(_websocket_client(url, specimen_frames(24)))
    assert captured["data"]["surname"] == "ERIKSSON"
    files = {"image": ("page.jpg", specimen_frames(1)[0])}
    assert requests.post(f"{url}/api/extract", files=files, timeout=60).ok
    body = {"guest_data": captured["data"]}
    assert requests.post(f"{url}/api/mrz/update", json=body, timeout=20).ok
    assert requests.post(f"{url}/api/stream/session", timeout=20).ok


def test_by_default_no_file_is_written(tmp_path: Path) -> None:
    with served(tmp_path) as (url, said):
        visit(url)
    assert not [line for line in said if "WROTE" in line] and not files_in(tmp_path)
    assert "DISK 0" in said
    assert any('"document.captured"' in line for line in said)
    assert not any("ERIKSSON" in line for line in said)


def test_asked_to_store_it_writes_sealed_files_into_its_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    (tmp_path / "home").mkdir()
    told = ["--keeping.folder", str(folder), "--keeping.keys", key_setting()]
    for kind in ("image", "json", "pdf"):
        told += [f"--keeping.{kind}-hours", "1"]
    with served(tmp_path / "home", *told) as (url, said):
        visit(url)
    wrote = [line for line in said if "WROTE" in line]
    assert wrote and all(str(folder) in line for line in wrote), wrote
    assert "DISK 0" not in said or in_memory(tmp_path)
    found = files_in(folder)
    kinds = sorted(name.rsplit(".")[-1] for name in found)
    assert kinds == ["image", "image", "json", "json", "json", "pdf"]
    for data in found.values():
        assert data.startswith(b"LLK1") and b"ERIKSSON" not in data and b"JFIF" not in data
    assert not files_in(tmp_path / "home")
