"""Webhooks on disk through a rotation of keys and through restarts: sealed anew, counted on."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import SettingsError, StoredFileError
from signaling import commands
from signaling.keeping import spool as spool_module
from signaling.keeping.envelope import KeyRing, Reencrypted, read_header, unseal
from signaling.keeping.files import UNFINISHED
from signaling.keeping.spool import Spooled, reencrypt_spool
from tests.signaling.shipped import launch
from tests.signaling.test_keeping import Clock
from tests.signaling.test_spool import (
    KEYS,
    NAME,
    PATIENCE_S,
    confirm,
    files_of,
    free_port,
    receiving,
    served,
    spool_folder,
    spooled,
    until_files,
    webhooks,
)
from tests.signaling.test_webhooks import SECRET, confirmed, count_of, finished

OLD, NEW = {"now": b"s" * 32}, {"next": b"n" * 32}
NEW_KEYS = "next:" + base64.b64encode(b"n" * 32).decode()
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def no_blocking_call() -> None:
    """Takes the place of the guard of that name: the loops that matter are other processes'."""


def kept(folder: Path, ring: dict[str, bytes]) -> list[Spooled]:
    """The events on disk, opened with these keys. Raises StoredFileError."""
    whole = [path for path in files_of(folder) if path.suffix != UNFINISHED]
    files = [path.read_bytes() for path in whole]
    return [Spooled.model_validate_json(unseal(KeyRing(ring), file)[1]) for file in files]


def leave(folder: Path, count: int = 3, **given: Any) -> None:
    before = spool_folder(folder, **given)
    before.open()
    assert all(before.put(spooled(number)) for number in range(count))
    before.close()


def test_a_start_with_a_new_key_seals_what_waits_anew(tmp_path: Path) -> None:
    clock = Clock()
    leave(tmp_path, clock=clock)
    times = [read_header(path.read_bytes())[0].expires_s for path in files_of(tmp_path)]
    both = spool_folder(tmp_path, ring=KeyRing(NEW | OLD), clock=clock)
    events = both.open().waiting
    assert [each.event_id for each in events] == [spooled(each).event_id for each in range(3)]
    both.close()
    # The older key is not needed any more, and nothing lives longer.
    assert kept(tmp_path, NEW) == list(events)
    assert times == [read_header(path.read_bytes())[0].expires_s for path in files_of(tmp_path)]
    alone = spool_folder(tmp_path, ring=KeyRing(NEW), clock=clock)
    assert alone.open().waiting == events
    alone.close()


def test_a_disk_without_room_keeps_no_server_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path)

    def no_room(target: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module, "write_file", no_room)
    both = spool_folder(tmp_path, ring=KeyRing(NEW | OLD))
    assert len(both.open().waiting) == 3 and both.holds(spooled(0).event_id)
    both.close()
    assert len(kept(tmp_path, OLD)) == 3


def test_every_workers_events_are_sealed_anew_and_the_rest_is_told(tmp_path: Path) -> None:
    for worker in range(2):
        leave(tmp_path, worker=worker, workers=2)
    changed = files_of(tmp_path)[0]
    sealed = changed.read_bytes()
    changed.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    ring = KeyRing(NEW | OLD)
    assert reencrypt_spool(tmp_path, ring) == Reencrypted(5, 1)
    assert reencrypt_spool(tmp_path, ring) == Reencrypted(0, 1)
    changed.unlink()
    assert len(kept(tmp_path, NEW)) == 5
    assert reencrypt_spool(tmp_path / "none", ring) == Reencrypted(0, 0)


def test_a_server_that_still_seals_with_the_older_key_is_named(tmp_path: Path) -> None:
    serving = spool_folder(tmp_path)
    serving.open()
    serving.put(spooled(1))
    with pytest.raises(SettingsError, match=r"webhooks\.spool: .* restart it"):
        reencrypt_spool(tmp_path, KeyRing(NEW | OLD))
    serving.close()
    # One that was started with the new key has done it itself.
    restarted = spool_folder(tmp_path, ring=KeyRing(NEW | OLD))
    restarted.open()
    assert reencrypt_spool(tmp_path, KeyRing(NEW | OLD)) == Reencrypted(0, 0)
    restarted.close()


def test_the_command_says_what_it_could_not_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SettingsError, match=r"neither keeping\.folder nor webhooks\.spool"):
        commands.run(["store", "reencrypt"])
    leave(tmp_path)
    monkeypatch.setenv("LOBBYLENS_WEBHOOKS__SPOOL", str(tmp_path))
    monkeypatch.setenv("LOBBYLENS_KEEPING__KEYS", NEW_KEYS)
    assert commands.main(["store", "reencrypt"]) == 2
    assert "3 files that none of keeping.keys opens" in capsys.readouterr().err
    monkeypatch.setenv("LOBBYLENS_KEEPING__KEYS", f"{NEW_KEYS},{KEYS}")
    assert json.loads(commands.run(["store", "reencrypt"])) == {"reencrypted": 0, "webhooks": 3}


def test_what_was_changed_is_not_counted_on(tmp_path: Path) -> None:
    folder = spool_folder(tmp_path)
    folder.open()
    folder.put(spooled(1))
    held = folder.bytes_held
    folder.count(spooled(1).event_id, 19)
    (file,) = files_of(tmp_path)
    # What is reckoned with is never less than what is there.
    assert file.stat().st_size <= held == folder.bytes_held
    assert kept(tmp_path, OLD) == [spooled(1).model_copy(update={"attempts": 19})]
    folder.count("evt_unknown", 1)
    sealed = file.read_bytes()
    file.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(StoredFileError):
        folder.count(spooled(1).event_id, 2)
    folder.close()


async def test_attempts_are_counted_on_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The longest wait there may be: one of a second or two would end before the server has.
    monkeypatch.setattr("signaling.webhooks.random.uniform", lambda low, high: high)
    async with receiving(free_port()) as receiver:
        receiver.answers = [503] * 9
        url = receiver.url
        first = webhooks(
            spool_folder(tmp_path, clock=time.time), url, attempts=5, first_wait_s=60, max_wait_s=60
        )
        await first.start()
        first.listen(confirmed())
        async with asyncio.timeout(PATIENCE_S):
            while [each.attempts for each in kept(tmp_path, OLD)] != [1]:
                await asyncio.sleep(0.02)
        await first.close()
        assert len(receiver.came) == 1
        second = webhooks(spool_folder(tmp_path, clock=time.time), url, attempts=5)
        await second.start()
        await finished(second, "given_up")
        assert len(receiver.came) == 5, "four of five were left"
        assert {event_id for event_id, _ in receiver.came} == {receiver.came[0][0]}
        await until_files(tmp_path, 0)
        await second.close()
        # Whoever allows fewer attempts than were made ends it without another.
        before = spool_folder(tmp_path, clock=time.time)
        before.open()
        before.put(spooled(1).model_copy(update={"attempts": 5, "url": url}))
        before.close()
        third = webhooks(spool_folder(tmp_path, clock=time.time), url, attempts=2, spool_hours=720)
        await third.start()
        await finished(third, "given_up")
        assert count_of(third, "given_up") == 1 and len(receiver.came) == 5
        await third.close()


async def test_keys_are_rotated_with_a_server_that_is_stopped(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "spool"
    arguments = (
        *("--webhooks.urls", f"http://127.0.0.1:{port}/hook", "--webhooks.secrets", SECRET),
        *("--webhooks.payload", "fields", "--webhooks.spool", str(folder)),
        *("--webhooks.attempts", "20", "--webhooks.max-wait-s", "2"),
    )
    async with served(tmp_path, *arguments) as (url, pid):
        for room in ("1", "2"):
            await confirm(url, room)
        written = await until_files(folder, 2)
        async with asyncio.timeout(PATIENCE_S):
            # Nobody answers, and that is counted; only the first is on its way.
            while kept(folder, OLD)[0].attempts < 2:
                await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
    counted = kept(folder, OLD)[0].attempts
    process = await launch(
        *("store", "reencrypt"),
        folder=tmp_path,
        LOBBYLENS_KEEPING__KEYS=f"{NEW_KEYS},{KEYS}",
        LOBBYLENS_WEBHOOKS__SPOOL=str(folder),
    )
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await process.communicate()
    assert json.loads(said) == {"reencrypted": 0, "webhooks": 2}
    assert files_of(folder) == written
    with pytest.raises(StoredFileError):
        kept(folder, OLD)
    assert [each.attempts for each in kept(folder, NEW)] == [counted, 0]
    # The older key is dropped, and both are told.
    async with receiving(port) as receiver, served(tmp_path, *arguments, keys=NEW_KEYS):
        await until_files(folder, 0)
    assert [event_id for event_id, _ in receiver.came] == [path.stem[21:] for path in written]
    fields = [json.loads(body)["data"]["fields"] for _, body in receiver.came]
    assert [(each["surname"], each["room"]) for each in fields] == [(NAME, "1"), (NAME, "2")]
