"""The folder of stored files: ``FOLDER/YYYY-MM-DD/RECORD.KIND``, day in UTC, see the envelope.

Its calls block and run on a thread. A file is there whole or not at all: it is written beside its
place, flushed to the disk and renamed. Folders are 0700 and files 0600.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from core.errors import NotFound, SettingsError, StoredFileError
from core.log import Log
from signaling.keeping.deletions import Deletions
from signaling.keeping.envelope import (
    LONGEST_HEAD,
    Header,
    KeyRing,
    Reencrypted,
    read_header,
    seal,
    unseal,
)
from signaling.keeping.files import FULL, UNFINISHED, remove_file, try_writing, write_file

KINDS = ("image", "other", "json", "pdf")
"""``other``: the picture of a card's other side, where both were taken."""
_RECORD = re.compile(r"[0-9a-f]{32}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNFINISHED_S = 600
_MOST_LISTED = 1000
_PATIENCE_S = 5.0
_TRY_AGAIN_S = 0.02
_log = Log("store")


@dataclass(slots=True)
class Swept:
    """What a sweep did. ``deleted``: files that were there and are proved gone, by kind;
    ``failed``: files whose time is over and that are still there, or that cannot be told."""

    looked: int = 0
    deleted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    unfinished: int = 0
    failed: int = 0
    left: int = 0


class Store:
    """``hours``: retention by kind. ``clock`` gives Unix time. ``deletions``: those of everybody
    who stores in this folder."""

    def __init__(
        self,
        folder: Path,
        ring: KeyRing,
        hours: Mapping[str, float],
        clock: Callable[[], float] = time.time,
        deletions: Deletions | None = None,
    ) -> None:
        self._folder = folder
        self._ring = ring
        self._hours = hours
        self._clock = clock
        self.deletions = deletions or Deletions()
        self._patience_s = _PATIENCE_S

    def open(self) -> None:
        """Make the folder, and see whether files can be stored in it, found and deleted: the first
        guest is too late for that. Raises SettingsError."""
        place = self._folder.absolute()
        try:
            self._make()
            try_writing(self._folder)
            for day in self._days():
                place = day.absolute()
                if not os.access(day, os.R_OK | os.W_OK | os.X_OK):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            if error.errno in FULL:
                _log.error("x a disk is full", errno=error.errno)
                return
            raise SettingsError(
                f"keeping.folder: {place} cannot be used ({error.strerror}): it must be a folder "
                "that the server's user may make, read and write, with all in it"
            ) from None

    def _make(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, record: str, kind: str, data: bytes, handed_in: int | None = None) -> bool:
        """Store one file, in place of the record's earlier ones of this kind.

        ``handed_in``: how many deletions there had been when the data came; None: they come now.
        Whether it is stored: not where its record was deleted since then. Raises OSError.
        """
        with self._alone():
            return self._put(record, kind, data, handed_in)

    def _put(self, record: str, kind: str, data: bytes, handed_in: int | None) -> bool:
        if handed_in is not None and self.deletions.since(handed_in, record):
            return False
        now_s = self._clock()
        expires_s = now_s + self._hours[kind] * 3600
        sealed = seal(self._ring, record, kind, (now_s, expires_s), data)
        target = self._folder / self._day(now_s) / f"{record}.{kind}"
        target.parent.mkdir(mode=0o700, exist_ok=True)
        write_file(target, sealed)
        for earlier in self._found(record, kind):
            if earlier != target:
                remove_file(earlier)
        return True

    def replace(self, record: str, kind: str, data: bytes, handed_in: int | None = None) -> bool:
        """As `put`, where the record has a file of this kind, and only there. Whether it is
        stored. Raises OSError."""
        if next(self._found(record, kind), None) is None:
            return False
        with self._alone():
            known = next(self._found(record, kind), None) is not None
            return known and self._put(record, kind, data, handed_in)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process stores meanwhile, deletes or re-encrypts. Where a file system has no
        locks, or another process holds this one and stands still, several workers may get in each
        other's way. Raises OSError."""
        self._make()
        number = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            with contextlib.suppress(OSError):
                self._lock(number)
            yield
        finally:
            os.close(number)

    def _lock(self, number: int) -> None:
        """Wait for the lock as long as anybody may need it, and once only for one who stands still:
        what a guest is owed, and the server's own end, do not wait for a stopped command."""
        until_s = time.monotonic() + self._patience_s
        while True:
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < until_s:
                    time.sleep(_TRY_AGAIN_S)
                    continue
                if self._patience_s:
                    _log.error("x another process holds the folder, going on without it")
                self._patience_s = 0.0
            else:
                self._patience_s = _PATIENCE_S
            return

    def get(self, record: str, kind: str) -> bytes:
        """The data. Raises NotFound, also when its time is over, and StoredFileError."""
        path = next(self._found(record, kind), None)
        if path is None:
            raise NotFound("nothing of this kind is stored for this record")
        header, data = unseal(self._ring, path.read_bytes())
        if (header.record, header.kind) != (record, kind):
            raise StoredFileError("a stored file lies under another's name")
        if self._over(header):
            raise NotFound("nothing of this kind is stored for this record")
        return data

    def delete(self, record: str) -> int:
        """Delete all that is stored of a record, and all that was handed in before and waits, in
        whichever worker; how many files are gone. Raises NotFound where none was there, and
        OSError."""
        found: list[Path] = []
        if _RECORD.fullmatch(record):
            with self._alone():
                self.deletions.note(record)
                found = [path for kind in KINDS for path in self._found(record, kind)]
                # Oldest first: a deletion that is cut off brings no earlier file back.
                for path in sorted(found):
                    remove_file(path)
        if not found:
            raise NotFound("nothing is stored for this record")
        return len(found)

    def records(self) -> list[dict[str, object]]:
        """Records with their kinds and times, newest first, MOST_LISTED at most."""
        by_record: dict[str, dict[str, object]] = {}
        kinds: dict[str, dict[str, float]] = {}
        for path in sorted(self._files(), reverse=True):
            header = _header(path)
            if header is None or self._over(header):
                continue
            if header.record not in by_record and len(by_record) == _MOST_LISTED:
                break
            kinds.setdefault(header.record, {})[header.kind] = header.expires_s
            by_record[header.record] = {
                "record": header.record,
                "created_s": header.created_s,
                "expires_s": kinds[header.record],
            }
        return sorted(by_record.values(), key=lambda told: -float(str(told["created_s"])))

    def sweep(self) -> Swept:
        """Delete what is over, and prove it by looking again."""
        done = Swept()
        over: list[tuple[Path, str]] = []
        unreadable: list[Path] = []
        for path in self._unfinished():
            # Several workers may sweep one folder: what another took is gone.
            with contextlib.suppress(FileNotFoundError):
                if self._clock() - path.stat().st_mtime > _UNFINISHED_S:
                    remove_file(path)
                    done.unfinished += 1
        for path in list(self._files()):
            done.looked += 1
            header = _header(path)
            if header is None:
                unreadable.append(path)
            elif self._over(header):
                # Whether it is gone is told by looking, not by the call.
                with contextlib.suppress(OSError):
                    remove_file(path)
                over.append((path, header.kind))
        there = set(self._files())
        done.failed = sum(path in there for path in unreadable)
        for path, kind in over:
            if path in there:
                done.failed += 1
            else:
                done.deleted[kind] += 1
        done.left = len(there)
        self._remove_empty_days()
        return done

    def reencrypt(self) -> Reencrypted:
        """Give every file that an older key holds to the present one. Times stay as they are."""
        done = unreadable = 0
        for path in list(self._files()):
            try:
                with self._alone():
                    done += self._reencrypt(path)
            except FileNotFoundError:
                continue  # a sweep was here
            except StoredFileError:
                unreadable += 1
        return Reencrypted(done, unreadable)

    def _reencrypt(self, path: Path) -> bool:
        file = path.read_bytes()
        if read_header(file)[0].kid == self._ring.current:
            return False
        header, data = unseal(self._ring, file)
        times_s = (header.created_s, header.expires_s)
        write_file(path, seal(self._ring, header.record, header.kind, times_s, data))
        return True

    def _over(self, header: Header) -> bool:
        """A retention time that was shortened holds for files stored before, too."""
        hours = self._hours.get(header.kind)
        expires_s = header.expires_s
        if hours is not None:
            expires_s = min(expires_s, header.created_s + hours * 3600)
        return self._clock() >= expires_s

    def _found(self, record: str, kind: str) -> Iterator[Path]:
        """Newest first. One is all there is, unless a `put` over midnight was cut off between the
        new file and the earlier one."""
        if _RECORD.fullmatch(record) and kind in KINDS:
            for day in self._days():
                path = day / f"{record}.{kind}"
                if path.is_file():
                    yield path

    def _days(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        days = [path for path in self._folder.iterdir() if _DAY.fullmatch(path.name)]
        return sorted(days, reverse=True)

    def _files(self) -> Iterator[Path]:
        for day in self._days():
            for path in day.iterdir():
                if path.suffix[1:] in KINDS and _RECORD.fullmatch(path.stem):
                    yield path

    def _unfinished(self) -> list[Path]:
        return [path for day in self._days() for path in day.glob(f"*{UNFINISHED}")]

    def _remove_empty_days(self) -> None:
        today = self._day(self._clock())
        for day in self._days():
            # Today's may be about to be written into.
            if day.name != today and not any(day.iterdir()):
                with contextlib.suppress(OSError):
                    day.rmdir()

    @staticmethod
    def _day(now_s: float) -> str:
        return datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d")


def _header(path: Path) -> Header | None:
    try:
        with path.open("rb") as file:
            return read_header(file.read(LONGEST_HEAD))[0]
    except (OSError, StoredFileError):
        return None
