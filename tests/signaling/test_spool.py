"""Webhooks that outlive a restart: sealed, bounded, in order, wiped, and with the same id."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from core.auth import WebhookSettings
from core.errors import SettingsError
from core.metrics import Metrics
from core.settings import load_settings
from signaling.keeping.envelope import KeyRing, seal
from signaling.keeping.files import write_file
from signaling.keeping.spool import Spool, Spooled, SpoolFolder
from signaling.webhooks import Webhooks
from tests.signaling.shipped import ROOT, launch
from tests.signaling.test_keeping import Clock
from tests.signaling.test_webhooks import SECRET, confirmed, count_of, finished

NAME, NUMBER = "MUSTERFRAU", "X1234567Z"
KEYS = "now:" + base64.b64encode(b"s" * 32).decode()
PATIENCE_S = 120
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def no_blocking_call() -> None:
    """Takes the place of the guard of that name: the loops that matter are other processes'."""


def spooled(number: int, created_s: float = 1_800_000_000.0, size: int = 10) -> Spooled:
    return Spooled(
        event_id=f"evt_{number:024x}",
        type="document.confirmed",
        record="ab" * 16,
        url="http://127.0.0.1:9/hook",
        body=base64.b64encode(NAME.encode() * size).decode(),
        created_s=created_s,
    )


def spool_folder(folder: Path, **given: Any) -> SpoolFolder:
    told = {"hours": 1.0, "max_bytes": 100_000, "clock": Clock(), **given}
    return SpoolFolder(folder, told.pop("ring", KeyRing({"now": b"s" * 32})), **told)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")


def test_events_come_back_as_they_came_and_are_wiped(tmp_path: Path) -> None:
    folder = spool_folder(tmp_path / "spool")
    assert folder.open().waiting == ()
    events = [spooled(number) for number in (3, 1, 2)]
    assert all(folder.put(event) for event in events)
    for path in files_of(tmp_path):
        assert NAME.encode() not in path.read_bytes() and b"127.0.0.1" not in path.read_bytes()
        assert base64.b64encode(NAME.encode()) not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    folder.remove(events[1].event_id)
    folder.close()
    again = spool_folder(tmp_path / "spool")
    assert again.open().waiting == (events[0], events[2])
    # What comes now stands behind what was there.
    assert again.put(spooled(0))
    for event in (events[0], events[2]):
        again.remove(event.event_id)
    again.close()
    last = spool_folder(tmp_path / "spool")
    assert last.open().waiting == (spooled(0),)
    last.remove(spooled(0).event_id)
    assert not files_of(tmp_path) and last.bytes_held == 0
    last.close()


def test_bytes_and_age_are_bounded(tmp_path: Path) -> None:
    clock = Clock()
    folder = spool_folder(tmp_path, clock=clock, max_bytes=2500)
    folder.open()
    taken = [folder.put(spooled(number, size=40)) for number in range(5)]
    assert taken == [True, True, False, False, False] and folder.bytes_held <= 2500
    folder.remove(spooled(0).event_id)
    assert folder.put(spooled(5, created_s=clock.now_s + 1800, size=40))
    folder.close()
    clock.now_s += 3601
    later = spool_folder(tmp_path, clock=clock)
    found = later.open()
    assert (found.expired, [each.event_id for each in found.waiting]) == (
        1,
        [spooled(5).event_id],
    )
    assert len(files_of(tmp_path)) == 1
    later.close()


def test_what_was_changed_or_has_no_key_is_not_sent_and_ends_with_its_time(tmp_path: Path) -> None:
    clock = Clock()
    folder = spool_folder(tmp_path, clock=clock)
    folder.open()
    for number in range(3):
        folder.put(spooled(number))
    folder.close()
    changed, renamed, _ = files_of(tmp_path)
    sealed = changed.read_bytes()
    changed.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    renamed.rename(renamed.with_name(renamed.name.replace("01.hook", "99.hook")))
    # A stored document's file is none of an event's, though the key is the same.
    times_s = clock.now_s, clock.now_s + 9e9
    text = spooled(7).model_dump_json().encode()
    ring = KeyRing({"now": b"s" * 32})
    posed = tmp_path / "0" / f"{7:020}-{spooled(7).event_id}.hook"
    write_file(posed, seal(ring, spooled(7).event_id, "json", times_s, text))
    again = spool_folder(tmp_path, clock=clock)
    found = again.open()
    assert [each.event_id for each in found.waiting] == [spooled(2).event_id]
    assert found.unreadable == 3
    again.close()
    without = spool_folder(tmp_path, ring=KeyRing({"next": b"n" * 32}), clock=clock)
    assert (without.open().waiting, len(files_of(tmp_path))) == ((), 4)
    without.close()
    rotated = spool_folder(
        tmp_path, ring=KeyRing({"next": b"n" * 32, "now": b"s" * 32}), clock=clock
    )
    assert len(rotated.open().waiting) == 1
    rotated.close()
    clock.now_s += 3601
    last = spool_folder(tmp_path, ring=KeyRing({"next": b"n" * 32}), clock=clock)
    assert last.open().expired == 4 and not files_of(tmp_path)
    last.close()


def test_a_folder_serves_one_and_the_first_worker_takes_over_from_those_gone(
    tmp_path: Path,
) -> None:
    workers = [spool_folder(tmp_path, worker=each, workers=3) for each in range(3)]
    for number, worker in enumerate(workers):
        worker.open()
        worker.put(spooled(number))
    (tmp_path / "1" / "00.hook.part").write_bytes(b"cut off")
    with pytest.raises(SettingsError, match=r"webhooks\.spool: another server uses"):
        spool_folder(tmp_path).open()
    for worker in workers[:2]:
        worker.close()
    one = spool_folder(tmp_path)
    # The third's is still in use.
    assert {each.event_id for each in one.open().waiting} == {
        spooled(0).event_id, spooled(1).event_id
    }  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2"]
    one.close()
    workers[2].close()


def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(SettingsError, match=r"webhooks\.spool: the folder cannot be used \(Not a"):
        spool_folder(tmp_path / "file" / "spool").open()
    with pytest.raises(SettingsError, match=r"webhooks\.spool needs keeping\.keys"):
        load_settings(["--webhooks.spool", str(tmp_path)])


def webhooks(folder: SpoolFolder, url: str, **given: Any) -> Webhooks:
    told = {"urls": [url], "secrets": SECRET, "first_wait_s": 0.01, "spool_hours": 1, **given}
    return Webhooks(WebhookSettings(**told), Metrics(), Spool(folder))


async def test_a_full_spool_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(free_port()) as receiver:
        hooks = webhooks(spool_folder(tmp_path, max_bytes=100), receiver.url)
        await hooks.start()
        hooks.listen(confirmed())
        await finished(hooks, "delivered")
        await hooks.close()
    assert len(receiver.came) == 1 and not files_of(tmp_path)
    assert "in memory only: the spool is full" in caplog.text


async def test_addresses_are_told_one_after_another_and_each_file_goes_at_once(
    tmp_path: Path,
) -> None:
    async with receiving(free_port()) as receiver:
        receiver.answers = [503, 503, 503]
        hooks = webhooks(spool_folder(tmp_path, clock=time.time), receiver.url)
        await hooks.start()
        for _ in range(4):
            hooks.listen(confirmed())
        await finished(hooks, "delivered", 4)
        ids = [event_id for event_id, _ in receiver.came]
        # The first is sent until it is taken, and none of the others before it.
        assert ids[:4] == [ids[0]] * 4 and len(set(ids)) == 4 and len(ids) == 7
        await until_files(tmp_path, 0)
        await hooks.close()


async def test_what_is_too_old_or_of_no_address_is_wiped_and_what_is_too_much_waits(
    tmp_path: Path,
) -> None:
    before = spool_folder(tmp_path, clock=time.time)
    before.open()
    now_s = time.time()
    for number, age_s in enumerate([3590, 60, 60, 60]):
        before.put(spooled(number, created_s=now_s - age_s))
    before.close()
    assert len(files_of(tmp_path)) == 4
    # An hour is over for the first while it waits for its address.
    async with receiving(free_port()) as receiver:
        folder = spool_folder(tmp_path, clock=lambda: now_s)
        hooks = webhooks(folder, spooled(0).url, spool_hours=0.9, max_pending=3, attempts=1)
        await hooks.start()
        await finished(hooks, "expired")
        await finished(hooks, "given_up", 2)
        await until_files(tmp_path, 1)
        assert count_of(hooks, "left_out") == 1
        await hooks.close()
        elsewhere = webhooks(spool_folder(tmp_path, clock=time.time), receiver.url)
        await elsewhere.start()
        assert count_of(elsewhere, "left_out") == 1
        await elsewhere.close()
    assert not receiver.came and not files_of(tmp_path)


@dataclass
class Receiver:
    """Answers as it is told, then 204; keeps each event's id and body."""

    url: str
    answers: list[int] = field(default_factory=list)
    came: list[tuple[str, bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((request.headers["Webhook-Id"], await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 204)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def receiving(port: int) -> AsyncIterator[Receiver]:
    receiver = Receiver(f"http://127.0.0.1:{port}/hook")
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield receiver
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def served(folder: Path, *arguments: str, keys: str = KEYS) -> AsyncIterator[tuple[str, int]]:
    """A server as it is shipped, its address and process; it is ended by SIGTERM."""
    process = await launch(
        *("--port", "0", "--pipeline.models", str(ROOT / "models")),
        *("--pipeline.templates", str(ROOT / "templates"), *arguments),
        folder=folder,
        LOBBYLENS_KEEPING__KEYS=keys,
    )
    assert process.stdout is not None and process.stderr is not None
    said = asyncio.create_task(process.stderr.read())
    try:
        async with asyncio.timeout(PATIENCE_S):
            line = (await process.stdout.readline()).decode()
        yield line.split()[-1].rstrip("/"), process.pid
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
        # What it says tells nobody who was a guest.
        text = (await said).decode()
        assert NAME not in text and NUMBER not in text, text


async def confirm(url: str, room: str) -> None:
    data = {"surname": NAME, "document_number": NUMBER, "room": room}
    data |= {"nationality": "UTO", "date_of_birth": "1990-01-02"}
    body = {"guest_data": data}
    async with aiohttp.ClientSession() as http, http.post(
        f"{url}/api/mrz/update", json=body
    ) as answer:  # fmt: skip
        assert answer.status == 200, await answer.text()


async def until_files(folder: Path, count: int) -> list[Path]:
    async with asyncio.timeout(PATIENCE_S):
        # A name that still ends in .part is that of a file which is being written.
        while len(found := files_of(folder)) != count or any(
            path.suffix == ".part" for path in found
        ):
            await asyncio.sleep(0.05)
    return found


def assert_nothing_plain(folder: Path) -> None:
    """Neither guest data nor an address stands in any file or name below the folder."""
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        for told in (NAME, NUMBER, "127.0.0.1"):
            assert told.encode() not in data and told not in path.name
            assert base64.b64encode(told.encode())[:-4] not in data


@pytest.mark.parametrize(
    "end", [pytest.param(signal.SIGTERM, marks=pytest.mark.thorough), signal.SIGKILL]
)
async def test_a_restart_goes_on_where_the_server_was(tmp_path: Path, end: signal.Signals) -> None:
    port, folder = free_port(), tmp_path / "spool"
    arguments = (
        *("--webhooks.urls", f"http://127.0.0.1:{port}/hook", "--webhooks.secrets", SECRET),
        *("--webhooks.payload", "fields", "--webhooks.spool", str(folder)),
        *("--webhooks.attempts", "20", "--webhooks.max-wait-s", "2"),
    )
    async with served(tmp_path, *arguments) as (url, pid):
        for room in ("1", "2", "3"):
            await confirm(url, room)
        written = await until_files(folder, 3)
        os.kill(pid, end)
    assert files_of(folder) == written
    assert_nothing_plain(tmp_path)
    async with served(tmp_path, *arguments):
        # Nobody is there yet, and so nothing is lost.
        await asyncio.sleep(0.5)
        assert files_of(folder) == written
        async with receiving(port) as receiver:
            await until_files(folder, 0)
    ids = [event_id for event_id, _ in receiver.came]
    assert ids == [path.stem[21:] for path in written]
    told = [json.loads(body)["data"]["fields"] for _, body in receiver.came]
    assert [each["room"] for each in told] == ["1", "2", "3"]
    assert {(each["surname"], each["document_number"]) for each in told} == {(NAME, NUMBER)}
    # Told once: a third start finds nothing.
    async with receiving(port) as later, served(tmp_path, *arguments):
        await asyncio.sleep(0.5)
    assert not later.came and [path.name for path in (folder / "0").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("keys", "place", "told"),
    [
        ("", "spool", "settings: webhooks.spool needs keeping.keys"),
        (KEYS, "file/spool", "webhooks.spool: the folder cannot be used (Not a directory)"),
    ],
)
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_server_that_could_not_keep_its_word_does_not_start(
    tmp_path: Path, keys: str, place: str, told: str, workers: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "server.py"),
        *("--port", "0", "--workers", workers),
        *("--webhooks.urls", "http://127.0.0.1:9/hook", "--webhooks.secrets", SECRET),
        *("--webhooks.spool", str(tmp_path / place)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "LOBBYLENS_KEEPING__KEYS": keys, "TMPDIR": str(tmp_path)},
    )
    async with asyncio.timeout(PATIENCE_S):
        said, complained = await process.communicate()
    assert process.returncode == 2 and not said
    assert f"lobbylens: {told}" in complained.decode().replace("cannot serve: ", "")
