"""What a crash or a disk that fails leaves behind of stored files: nothing that is told gone."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path

import pytest

from core.errors import NotFound
from signaling.keeping import store as store_module
from tests.signaling.test_keeping import RECORD, SECRET, Kept


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
