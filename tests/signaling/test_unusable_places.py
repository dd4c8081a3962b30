"""Where the server could not keep what its settings say, it does not start, and names the place."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from core.errors import SettingsError
from core.settings import load_settings
from server import make_app
from signaling.assignment import Post
from signaling.board import Board
from tests.conftest import Serve
from tests.fakes import FakeEngine
from tests.signaling.shipped import ROOT, launch
from tests.signaling.test_keeping import NEW, Kept, key_setting

PATIENCE_S = 120


def storing(folder: Path) -> list[str]:
    keys = ["--keeping.keys", key_setting(), "--keeping.json-hours", "1"]
    return ["--keeping.folder", str(folder), *keys]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file", "File exists"),
        ("file/kept", "Not a directory"),
        ("/proc/kept", "No such file or directory"),
    ],
)
async def test_a_folder_that_cannot_be_made_is_named_at_the_start(
    serve: Serve, tmp_path: Path, place: str, reason: str
) -> None:
    await asyncio.to_thread((tmp_path / "file").write_text, "no folder")
    told = re.escape(f"keeping.folder: {tmp_path / place} cannot be used ({reason}): it must be")
    with pytest.raises(SettingsError, match=told):
        await serve(None, *storing(tmp_path / place))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    kept = Kept(tmp_path / "kept")
    kept.folder.mkdir()

    def refused(**_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    told = re.escape(f"keeping.folder: {kept.folder} cannot be used ({os.strerror(number)})")
    with pytest.raises(SettingsError, match=told):
        kept.store(NEW).open()


def test_a_day_of_another_user_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path / "kept")
    (kept.folder / "2027-01-14").mkdir(parents=True)
    # Root, as whom the tests may run, is refused nowhere.
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "2027-01-14")
    with pytest.raises(SettingsError, match=r"kept/2027-01-14 cannot be used \(Permission denied"):
        kept.store(NEW).open()


def test_a_folder_is_made_for_this_user_alone_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "a" / "kept")
    kept.store(NEW).open()
    assert kept.folder.stat().st_mode & 0o777 == 0o700 and not list(kept.folder.iterdir())
    kept.store(NEW).open()


def test_a_full_disk_keeps_no_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_room(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    Kept(tmp_path / "kept").store(NEW).open()
    assert "a disk is full" in caplog.text


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file/audit.jsonl", "Not a directory"),
        ("missing/audit.jsonl", "No such file or directory"),
        ("folder", "Is a directory"),
        ("link", "Too many levels of symbolic links"),
        ("pipe", "No such device or address"),
    ],
)
async def test_an_audit_file_that_cannot_be_written_is_named_at_the_start(
    serve: Serve, tmp_path: Path, place: str, reason: str
) -> None:
    def prepare() -> None:
        (tmp_path / "file").write_text("no folder")
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("file")
        os.mkfifo(tmp_path / "pipe")

    await asyncio.to_thread(prepare)
    told = re.escape(f"access.audit-file: {tmp_path / place} cannot be written ({reason}): it must")
    with pytest.raises(SettingsError, match=told):
        await serve(None, "--access.audit", "file", "--access.audit-file", str(tmp_path / place))


async def test_an_audit_file_is_there_from_the_start(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    await serve(None, "--access.audit", "file", "--access.audit-file", str(path))
    assert await asyncio.to_thread(lambda: path.stat().st_mode & 0o777) == 0o600


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_without_room_for_the_folder_itself_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", full)
    Kept(tmp_path / "kept").store(NEW).open()
    assert "a disk is full" in caplog.text


async def test_a_worker_that_takes_another_s_place_serves_guests_all_the_same(
    tmp_path: Path,
) -> None:
    """The house is open; the disk may be writable again soon."""
    await asyncio.to_thread((tmp_path / "file").write_text, "no folder")
    settings = await asyncio.to_thread(
        load_settings, ["--port", "0", *storing(tmp_path / "file" / "kept")]
    )
    for again in (False, True):
        post = Post(0, Board(-1, 1), None, again=again)
        app = await asyncio.to_thread(make_app, settings, FakeEngine(), post)
        runner = web.AppRunner(app)
        if again:
            await runner.setup()
        else:
            with pytest.raises(SettingsError, match="cannot be used"):
                await runner.setup()
        await runner.cleanup()


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_with_such_a_place_ends_with_a_sentence(
    tmp_path: Path, workers: str
) -> None:
    await asyncio.to_thread((tmp_path / "file").write_text, "no folder")
    process = await launch(
        *("--port", "0", "--workers", workers, *storing(tmp_path / "file" / "kept")),
        folder=ROOT,
        TMPDIR=str(tmp_path),
    )
    async with asyncio.timeout(PATIENCE_S):
        said, complained = await process.communicate()
    assert process.returncode == 2 and not said
    told = f"lobbylens: cannot serve: keeping.folder: {tmp_path}/file/kept cannot be used"
    assert told in complained.decode()
