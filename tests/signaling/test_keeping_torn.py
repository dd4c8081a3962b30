"""What a crash or a disk that fails leaves behind of what is kept: what is told, no more."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import pytest

from core.errors import NotFound
from signaling.keeping import files
from signaling.keeping import store as store_module
from tests.signaling.test_keeping import NEW, OLD, RECORD, SECRET, Kept
from tests.signaling.test_spool import files_of, spool_folder, spooled


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept")


def test_what_a_crash_at_midnight_left_twice_is_deleted_from_both_days(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept.store(json=100.0)

    def cut_off(path: Path) -> None:
        raise OSError(errno.EIO, "the power went")

    for data in (b"as read", b"confirmed"):
        with monkeypatch.context() as patch, contextlib.suppress(OSError):
            patch.setattr(store_module, "remove_file", cut_off)
            store.put(RECORD, "json", data)
        kept.clock.now_s += 86_400
    assert len(kept.files()) == 2 and store.get(RECORD, "json") == b"confirmed"
    assert store.delete(RECORD) == 2 and not kept.files()
    with pytest.raises(NotFound):
        store.get(RECORD, "json")


def test_a_later_file_takes_the_place_of_all_earlier_ones(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept.store(json=100.0, pdf=100.0)
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "remove_file", lambda path: None)
        for _ in range(3):
            store.put(RECORD, "json", b"as read")
            kept.clock.now_s += 86_400
    store.put("cd" * 16, "json", SECRET)
    store.put(RECORD, "pdf", SECRET)
    assert len(kept.files()) == 5
    store.put(RECORD, "json", b"confirmed")
    assert len(kept.files()) == 3 and store.get(RECORD, "json") == b"confirmed"


def failing_folders(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Folders cannot be flushed, for this reason; files can."""
    flush = os.fsync

    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, os.strerror(number))
        flush(file)

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_name_that_may_not_last_is_taken_back(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = kept.store(json=100.0)
    store.put(RECORD, "json", b"first")
    kept.clock.now_s += 86_400
    failing_folders(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        store.put(RECORD, "json", b"second")
    assert len(kept.files()) == 1 and store.get(RECORD, "json") == b"first"


def test_what_stood_in_its_place_is_not_lost_with_it(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.store(OLD).put(RECORD, "json", SECRET)
    failing_folders(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        kept.store(NEW, OLD).reencrypt()
    assert kept.store(NEW, OLD).get(RECORD, "json") == SECRET


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_where_no_folder_can_be_flushed_files_are_stored_and_deleted(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    failing_folders(monkeypatch, number)
    files._warn_once.cache_clear()
    store = kept.store()
    store.put(RECORD, "json", SECRET)
    store.put(RECORD, "pdf", SECRET)
    assert store.get(RECORD, "json") == SECRET
    assert store.delete(RECORD) == 2 and not kept.files()
    assert caplog.text.count("folders cannot be flushed here") == 1


def test_an_event_that_is_said_not_to_be_on_disk_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spool_folder(tmp_path)
    folder.open()
    with monkeypatch.context() as patch:
        failing_folders(patch, errno.EIO)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            folder.put(spooled(1))
    assert not folder.holds(spooled(1).event_id) and folder.bytes_held == 0
    folder.close()
    again = spool_folder(tmp_path)
    # It is sent from memory, and would be sent once more.
    assert again.open().waiting == ()
    again.close()


def test_an_event_is_kept_where_no_folder_can_be_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_folders(monkeypatch, errno.EINVAL)
    folder = spool_folder(tmp_path)
    folder.open()
    assert folder.put(spooled(1)) and folder.holds(spooled(1).event_id)
    folder.count(spooled(1).event_id, 3)
    folder.close()
    again = spool_folder(tmp_path)
    assert [each.attempts for each in again.open().waiting] == [3]
    again.remove(spooled(1).event_id)
    assert not files_of(tmp_path) and again.bytes_held == 0
    again.close()


def test_an_attempt_that_may_not_be_counted_costs_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = spool_folder(tmp_path)
    folder.open()
    folder.put(spooled(1))
    with monkeypatch.context() as patch:
        failing_folders(patch, errno.EIO)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            folder.count(spooled(1).event_id, 3)
    folder.close()
    again = spool_folder(tmp_path)
    assert [each.event_id for each in again.open().waiting] == [spooled(1).event_id]
    again.close()
