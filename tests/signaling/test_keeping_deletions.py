"""A deletion is final for what was handed in before it, whichever worker holds that."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import aiohttp
import pytest

from core.errors import NotFound
from signaling.keeping.deletions import Deletions
from signaling.keeping.envelope import KeyRing
from signaling.keeping.keeper import KEEPER
from signaling.keeping.store import KINDS, Store
from tests.signaling.house import house
from tests.signaling.test_keeping import NEW, RECORD, SECRET, files_in, key_setting

OTHER = "cd" * 16


def store(folder: Path, deletions: Deletions) -> Store:
    return Store(folder, KeyRing(dict([NEW])), dict.fromkeys(KINDS, 1.0), deletions=deletions)


@pytest.mark.parametrize("stored", [True, False], ids=["in part", "not yet"])
def test_what_waits_when_its_record_is_deleted_is_not_stored(tmp_path: Path, stored: bool) -> None:
    deletions = Deletions()
    mine, other = store(tmp_path / "kept", deletions), store(tmp_path / "kept", deletions)
    if stored:
        mine.put(RECORD, "json", SECRET)
    handed_in = deletions.count
    if stored:
        assert other.delete(RECORD) == 1
    else:
        with pytest.raises(NotFound):
            other.delete(RECORD)
    assert not mine.put(RECORD, "pdf", SECRET, handed_in)
    assert mine.put(OTHER, "pdf", SECRET, handed_in)
    assert {told["record"] for told in mine.records()} == {OTHER}
    # Its guest goes on: what comes after is stored anew, and what came before does not replace it.
    assert mine.put(RECORD, "image", SECRET, deletions.count)
    assert not mine.replace(RECORD, "image", b"earlier", handed_in)
    assert mine.get(RECORD, "image") == SECRET


def test_of_more_deletions_than_are_known_any_may_have_been_this_one() -> None:
    deletions = Deletions(most=3)
    for number in range(5):
        deletions.note(f"{number:032x}")
    assert not deletions.since(2, OTHER) and deletions.since(1, OTHER)
    assert deletions.since(2, f"{2:032x}") and not deletions.since(3, f"{2:032x}")


def test_processes_know_of_each_others_deletions() -> None:
    deletions = Deletions.create()
    told = f"from signaling.keeping.deletions import Deletions; d = Deletions({deletions.fd})"
    noting = f"{told}; d.note({RECORD!r}); print(d.count, d.since(0, {OTHER!r}))"
    deletions.note(OTHER)
    said = subprocess.run(
        [sys.executable, "-c", noting],
        pass_fds=(deletions.fd,),
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    ).stdout
    assert said.split() == ["2", "True"]
    assert deletions.count == 2 and deletions.since(1, RECORD) and not deletions.since(1, OTHER)
    number = deletions.fd
    deletions.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


async def test_a_card_that_waits_in_one_worker_is_deleted_by_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--keeping.folder", str(tmp_path / "kept"), "--keeping.keys", key_setting()]
    for kind in ("json", "pdf"):
        arguments += [f"--keeping.{kind}-hours", "1"]
    free = threading.Event()
    async with house(*arguments) as found, aiohttp.ClientSession() as http:
        keeper = found.runners[0].app[KEEPER]
        assert keeper is not None
        waiting = asyncio.create_task(keeper.do(lambda store: free.wait(20)))
        one, other = (worker.url for worker in found.workers)
        body = {"guest_data": {"surname": "ERIKSEN"}}
        answer = await http.post(f"{one}/api/mrz/update", json=body)
        assert answer.status == 200, await answer.text()
        (confirmed,) = [
            json.loads(line)["record"]
            for line in capsys.readouterr().err.splitlines()
            if '"document.confirmed"' in line
        ]
        gone = await http.delete(f"{other}/api/stored/{confirmed}")
        assert gone.status == 404
        free.set()
        await waiting
        for worker in (one, other):
            told = await (await http.get(f"{worker}/api/stored")).json()
            assert told["records"] == []
    assert await asyncio.to_thread(files_in, tmp_path / "kept") == {}


def test_nobody_waits_for_one_who_holds_the_folder_and_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As for a command that was stopped by Ctrl-Z: the server did not even end any more."""
    monkeypatch.setattr("signaling.keeping.store._PATIENCE_S", 0.2)
    (tmp_path / "kept").mkdir()
    mine = store(tmp_path / "kept", Deletions())
    holder = os.open(tmp_path / "kept", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    for kind in KINDS:
        assert mine.put(RECORD, kind, SECRET)
    assert mine.delete(RECORD) == len(KINDS)
    assert len([each for each in caplog.records if "going on without" in each.message]) == 1
    os.close(holder)
    # Whoever holds it for as long as a file takes is waited for again.
    assert mine.put(RECORD, "json", SECRET)
    holder = os.open(tmp_path / "kept", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    threading.Timer(0.1, os.close, [holder]).start()
    assert mine.put(OTHER, "json", SECRET)
    assert len([each for each in caplog.records if "going on without" in each.message]) == 1
