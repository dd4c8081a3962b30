"""Stored files: sealed, whole, for a time, and provably gone."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from PIL import Image

from core.errors import NotFound, StoredFileError
from pipeline.types import Document, ImageU8
from signaling.keeping import store as store_module
from signaling.keeping.envelope import KeyRing, Reencrypted, read_header, seal, unseal
from signaling.keeping.store import KINDS, Store
from tests.conftest import Serve
from tests.fakes import FakeEngine, specimen_document

RECORD = "ab" * 16
OLD, NEW = ("old", b"o" * 32), ("new", b"n" * 32)
SECRET = b"ERIKSSON L898902C3"


@dataclass
class Clock:
    now_s: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Kept:
    folder: Path
    clock: Clock = field(default_factory=Clock)

    def store(self, *keys: tuple[str, bytes], **hours: float) -> Store:
        return Store(
            self.folder,
            KeyRing(dict(keys or (NEW,))),
            hours or dict.fromkeys(KINDS, 1.0),
            self.clock,
        )

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept")


def test_what_is_stored_cannot_be_read_without_the_key(kept: Kept) -> None:
    store = kept.store()
    store.put(RECORD, "json", SECRET)
    (path,) = kept.files()
    assert path.relative_to(kept.folder).as_posix() == f"2027-01-15/{RECORD}.json"
    assert SECRET not in path.read_bytes() and b"ERIKSSON" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert store.get(RECORD, "json") == SECRET
    with pytest.raises(StoredFileError, match="key new"):
        kept.store(OLD).get(RECORD, "json")
    with pytest.raises(StoredFileError, match="its key is another"):
        kept.store(("new", b"x" * 32)).get(RECORD, "json")


def test_the_same_data_are_never_sealed_alike() -> None:
    ring = KeyRing(dict([NEW]))
    sealed = {seal(ring, RECORD, "pdf", (0.0, 1.0), SECRET) for _ in range(4)}
    assert len(sealed) == 4


def test_no_bit_of_a_stored_file_can_be_changed() -> None:
    ring = KeyRing(dict([NEW]))
    sealed = seal(ring, RECORD, "json", (0.0, 1.0), SECRET)
    assert unseal(ring, sealed)[1] == SECRET
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(StoredFileError):
            unseal(ring, bytes(changed))
    for end in range(len(sealed)):
        with pytest.raises(StoredFileError):
            unseal(ring, sealed[:end])


def test_a_file_under_anothers_name_is_refused(kept: Kept) -> None:
    store, other = kept.store(), "cd" * 16
    store.put(RECORD, "json", SECRET)
    kept.files()[0].rename(kept.files()[0].with_name(f"{other}.json"))
    with pytest.raises(StoredFileError, match="another's name"):
        store.get(other, "json")


def test_keys_are_rotated(kept: Kept) -> None:
    kept.store(OLD).put(RECORD, "json", SECRET)
    kept.store(OLD).put(RECORD, "pdf", SECRET)
    both = kept.store(NEW, OLD)
    both.put("cd" * 16, "pdf", b"new")
    assert both.get(RECORD, "json") == SECRET
    before = {path: read_header(path.read_bytes())[0] for path in kept.files()}
    assert both.reencrypt() == Reencrypted(2, 0) and both.reencrypt() == Reencrypted(0, 0)
    after = {path: read_header(path.read_bytes())[0] for path in kept.files()}
    assert {header.kid for header in after.values()} == {"new"}
    # Re-encrypting prolongs nothing.
    assert all(after[path].expires_s == header.expires_s for path, header in before.items())
    assert kept.store(NEW).get(RECORD, "json") == SECRET


def test_a_file_that_no_key_opens_holds_no_rotation_up(kept: Kept) -> None:
    for record in ("0" * 32, "5" * 32, "a" * 32):
        kept.store(OLD).put(record, "json", SECRET)
    changed = kept.files()[1]
    sealed = changed.read_bytes()
    changed.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
    both = kept.store(NEW, OLD)
    assert both.reencrypt() == Reencrypted(2, 1)
    for record in ("0" * 32, "a" * 32):
        assert kept.store(NEW).get(record, "json") == SECRET


def test_each_kind_has_its_time_and_the_sweep_proves_what_is_gone(kept: Kept) -> None:
    store = kept.store(**{kind: float(hours) for hours, kind in enumerate(KINDS, 1)})
    for kind in KINDS:
        store.put(RECORD, kind, SECRET)
    assert sum(store.sweep().deleted.values()) == 0
    for count, kind in enumerate(KINDS, 1):
        kept.clock.now_s += 3600
        # What is over is not given out, even before the sweep.
        with pytest.raises(NotFound):
            store.get(RECORD, kind)
        done = store.sweep()
        assert done.deleted == {each: int(each == kind) for each in KINDS}
        assert (done.looked, done.left, done.failed) == (5 - count, 4 - count, 0)
        assert not [path for path in kept.files() if path.suffix == f".{kind}"]
    # The days' folders go too, but today's.
    kept.clock.now_s += 86_400
    store.sweep()
    assert not list(kept.folder.iterdir())


def test_a_sweep_needs_no_key_and_a_shorter_time_holds_for_old_files(kept: Kept) -> None:
    kept.store(image=100).put(RECORD, "image", SECRET)
    kept.clock.now_s += 2 * 3600
    without = Store(kept.folder, KeyRing({}), {"image": 1.0}, kept.clock)
    assert without.sweep().deleted["image"] == 1 and not kept.files()


def test_a_file_that_stays_is_not_called_deleted(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept.store()
    store.put(RECORD, "pdf", SECRET)
    (kept.folder / "2027-01-15" / f"{'cd' * 16}.pdf").write_bytes(b"no stored file")
    kept.clock.now_s += 7200
    monkeypatch.setattr(store_module, "remove_file", lambda path: None)
    done = store.sweep()
    assert (done.deleted["pdf"], done.failed, done.left) == (0, 2, 2)


def test_a_write_that_fails_leaves_what_was_there(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept.store()
    store.put(RECORD, "json", b"first")

    def no_room(number: int) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        with pytest.raises(OSError, match="no space"):
            store.put(RECORD, "json", b"second")
    assert len(kept.files()) == 1 and store.get(RECORD, "json") == b"first"


def test_what_a_crash_left_unfinished_is_swept(kept: Kept) -> None:
    store = kept.store()
    store.put(RECORD, "json", SECRET)
    part = kept.files()[0].with_name(f"{'cd' * 16}.pdf.part")
    part.write_bytes(b"half")
    kept.clock.now_s = part.stat().st_mtime + 5
    assert store.sweep().unfinished == 0
    kept.clock.now_s += 3600
    assert store.sweep().unfinished == 1 and not part.exists()


@pytest.mark.parametrize("record", ["../../etc/passwd", "..", "", "AB" * 16, "a" * 31, "x/y"])
def test_an_id_is_never_a_path(kept: Kept, record: str) -> None:
    kept.store().put(RECORD, "json", SECRET)
    for call in (lambda: kept.store().get(record, "json"), lambda: kept.store().delete(record)):
        with pytest.raises(NotFound):
            call()
    with pytest.raises(NotFound):
        kept.store().get(RECORD, "../json")


def test_what_is_confirmed_while_it_is_re_encrypted_is_not_written_over(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.store(OLD).put(RECORD, "json", b"as read")
    mine, other = kept.store(NEW, OLD), kept.store(NEW, OLD)
    confirming = threading.Thread(target=other.put, args=(RECORD, "json", b"confirmed"))

    def slow(*arguments: Any) -> bytes:
        monkeypatch.setattr(store_module, "seal", seal)
        confirming.start()
        confirming.join(0.3)
        return seal(*arguments)

    monkeypatch.setattr(store_module, "seal", slow)
    assert mine.reencrypt() == Reencrypted(1, 0)
    confirming.join(5)
    assert mine.get(RECORD, "json") == b"confirmed"


@pytest.mark.parametrize("way", ["replace", "reencrypt"])
def test_what_another_process_deletes_meanwhile_stays_deleted(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    kept.store(OLD).put(RECORD, "image", b"first")
    mine, other = kept.store(NEW, OLD), kept.store(NEW, OLD)
    deleting = threading.Thread(target=other.delete, args=(RECORD,))

    def slow(*arguments: Any) -> bytes:
        deleting.start()
        deleting.join(0.3)
        return seal(*arguments)

    monkeypatch.setattr(store_module, "seal", slow)
    if way == "replace":
        assert mine.replace(RECORD, "image", b"better")
    else:
        assert mine.reencrypt() == Reencrypted(1, 0)
    deleting.join(5)
    assert kept.files() == []
    assert not mine.replace(RECORD, "image", b"better") and kept.files() == []


def test_all_of_a_record_is_deleted(kept: Kept) -> None:
    store = kept.store()
    store.put(RECORD, "json", SECRET)
    store.put(RECORD, "pdf", SECRET)
    store.put("cd" * 16, "pdf", SECRET)
    assert store.delete(RECORD) == 2 and len(kept.files()) == 1
    assert [told["record"] for told in store.records()] == ["cd" * 16]


def key_setting(name: str = "k1") -> str:
    return f"{name}:{base64.b64encode(b'k' * 32).decode()}"


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*.*")}


class PictureEngine(FakeEngine):
    """Reads the specimen from a picture, and shows what it was given."""

    def read_image(self, bgr: ImageU8, filters: Any = None) -> Document:
        return specimen_document("u1")


def picture_with_place() -> bytes:
    """A JPEG that tells where and by what it was taken."""
    exif = Image.Exif()
    exif[0x010F] = "SPYCAM"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    file = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    Image.fromarray(noise).save(file, "JPEG", exif=exif, comment=b"GUEST-COMMENT")
    assert b"SPYCAM" in file.getvalue()
    return file.getvalue()


@pytest.fixture
def storing(tmp_path: Path) -> Iterator[tuple[list[str], Path]]:
    folder = tmp_path / "kept"
    arguments = ["--keeping.folder", str(folder), "--keeping.keys", key_setting()]
    for kind in ("image", "json", "pdf"):
        arguments += [f"--keeping.{kind}-hours", "1"]
    yield arguments, folder


async def test_what_is_stored_of_a_visit_and_that_places_never_are(
    serve: Serve, storing: tuple[list[str], Path]
) -> None:
    arguments, folder = storing
    server = await serve(PictureEngine(), *arguments)
    async with aiohttp.ClientSession() as http:
        told = await http.post(
            f"{server.url}/api/extract",
            data=picture_with_place(),
            headers={"Content-Type": "image/jpeg"},
        )
        assert told.status == 200, await told.text()
        body = {"guest_data": {"surname": "ERIKSEN", "room": "12"}}
        told = await http.post(f"{server.url}/api/mrz/update", json=body)
        assert told.status == 200, await told.text()
        records = (await (await http.get(f"{server.url}/api/stored")).json())["records"]
        by_kinds = {tuple(sorted(each["expires_s"])): each["record"] for each in records}
        assert set(by_kinds) == {("image", "json"), ("json", "pdf")}
        uploaded = by_kinds["image", "json"]
        answer = await http.get(f"{server.url}/api/stored/{uploaded}/image")
        picture = await answer.read()
        assert answer.content_type == "image/jpeg"
        with Image.open(io.BytesIO(picture)) as image:
            assert image.size == (320, 240) and not image.getexif()
            assert not {"exif", "comment", "xmp", "photoshop"} & set(image.info)
        assert b"SPYCAM" not in picture and b"GUEST-COMMENT" not in picture
        read = await (await http.get(f"{server.url}/api/stored/{uploaded}/json")).text()
        assert "ERIKSSON" in read and "SPYCAM" not in read
        confirmed = by_kinds["json", "pdf"]
        data = json.loads(
            await (await http.get(f"{server.url}/api/stored/{confirmed}/json")).text()
        )
        assert data["confirmed"]["fields"]["primary_identifier"] == "ERIKSEN"
        card = await (await http.get(f"{server.url}/api/stored/{confirmed}/pdf")).read()
        assert card.startswith(b"%PDF")
        gone = await http.delete(f"{server.url}/api/stored/{confirmed}")
        assert (await gone.json())["deleted"] == 2
        missing = await http.get(f"{server.url}/api/stored/{confirmed}/pdf")
        assert (missing.status, (await missing.json())["error_code"]) == (404, "NOT_FOUND")
        swept = await (await http.post(f"{server.url}/api/stored/sweep")).json()
        assert (swept["looked"], swept["left"], swept["failed"]) == (2, 2, 0)
    found = await asyncio.to_thread(files_in, folder)
    assert len(found) == 2 and not any(b"ERIKS" in data for data in found.values())


async def test_only_sweeps_that_did_something_are_in_the_audit_log(
    serve: Serve, storing: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, folder = storing
    kept = Kept(folder, Clock(time.time() - 7200))
    await asyncio.to_thread(kept.store(("k1", b"k" * 32)).put, RECORD, "json", SECRET)
    server = await serve(None, *arguments)
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            # After the one at the start, which deletes.
            swept = await (await http.post(f"{server.url}/api/stored/sweep")).json()
            assert (swept["looked"], swept["failed"], swept["unfinished"]) == (0, 0, 0)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"sweep"' in line]
    assert [(line["who"], line["deleted"]["json"]) for line in lines] == [("retention", 1)]


async def test_only_the_kinds_asked_for_are_stored(serve: Serve, tmp_path: Path) -> None:
    arguments = ["--keeping.folder", str(tmp_path), "--keeping.keys", key_setting()]
    server = await serve(PictureEngine(), *arguments, "--keeping.pdf-hours", "1")
    async with aiohttp.ClientSession() as http:
        headers = {"Content-Type": "image/jpeg"}
        data = picture_with_place()
        await http.post(f"{server.url}/api/extract", data=data, headers=headers)
        await http.post(f"{server.url}/api/mrz/update", json={"guest_data": {"room": "1"}})
        await http.get(f"{server.url}/api/stored")
    found = await asyncio.to_thread(files_in, tmp_path)
    assert [name.rsplit(".")[-1] for name in found] == ["pdf"]


async def test_a_server_that_stores_nothing_says_so(serve: Serve) -> None:
    server = await serve()
    async with aiohttp.ClientSession() as http:
        answer = await http.get(f"{server.url}/api/stored")
        assert (answer.status, (await answer.json())["error_code"]) == (404, "NOT_FOUND")


async def test_a_full_disk_keeps_no_guest_waiting(
    serve: Serve,
    storing: tuple[list[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    arguments, _ = storing

    def no_room(*given: object) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(store_module, "write_file", no_room)
    server = await serve(PictureEngine(), *arguments)
    async with aiohttp.ClientSession() as http:
        body = {"guest_data": {"surname": "ERIKSEN"}}
        told = await http.post(f"{server.url}/api/mrz/update", json=body)
        assert told.status == 200
        assert (await (await http.get(f"{server.url}/api/stored")).json())["records"] == []
    assert "not stored" in caplog.text and "ERIKSEN" not in caplog.text
