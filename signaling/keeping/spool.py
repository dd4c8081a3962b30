"""Webhooks that wait, on disk for a restart: sealed as stored files are, bounded, wiped when told.

How often an event was sent in vain is kept with it, so that a restart does not begin to count anew.
What an older key holds is sealed with the present one when a folder is opened.

``FOLDER/WORKER/NUMBER-EVENT.hook``: numbers rise with time, so that names sort as the events came.
A worker's folder is locked for as long as it serves; of workers that are no more the first takes
over what they left.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, ValidationError

from core.errors import SettingsError, StoredFileError
from core.log import Log
from media.inbound import Inbound
from signaling.keeping.envelope import (
    LONGEST_HEAD,
    Header,
    KeyRing,
    Reencrypted,
    read_header,
    seal,
    unseal,
)
from signaling.keeping.files import UNFINISHED, remove_file, write_file

_log = Log("spool")
_KIND = "webhook"
_NAME = re.compile(r"\d{20}-(evt_[0-9a-f]{24})\.hook")
_LOCK = "lock"
_COUNT_BYTES = 2
"""What an event grows by when its attempts are counted."""


class Spooled(Inbound):
    """One event for one address. ``body``: as it is sent, base64; ``created_s``: Unix time;
    ``attempts``: those that failed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_id: str
    type: str
    record: str
    url: str
    body: str
    created_s: float
    attempts: int = 0

    @property
    def sent(self) -> bytes:
        return base64.b64decode(self.body)


@dataclass(frozen=True, slots=True)
class Found:
    """What a start finds. ``waiting``: as the events came; ``expired``: too old, and wiped now;
    ``unreadable``: changed, or their key is not there, and left for as long as they may."""

    waiting: tuple[Spooled, ...] = ()
    expired: int = 0
    unreadable: int = 0


class SpoolFolder:
    """One worker's events on disk, ``max_bytes`` at most, ``hours`` at most. Its calls block.

    ``clock`` gives Unix time.
    """

    def __init__(
        self,
        folder: Path,
        ring: KeyRing,
        *,
        hours: float,
        max_bytes: int,
        worker: int = 0,
        workers: int = 1,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._own = folder / str(worker)
        self._first_gone = workers if worker == 0 else None
        self._ring = ring
        self._hours = hours
        self._max_bytes = max_bytes
        self._clock = clock
        self._held: dict[str, tuple[Path, int]] = {}
        self._number = 0
        self._lock = -1

    @property
    def bytes_held(self) -> int:
        return sum(size for _, size in self._held.values())

    def holds(self, event_id: str) -> bool:
        """Whether an event is on disk."""
        return event_id in self._held

    def open(self) -> Found:
        """Lock the folder, wipe what is too old, give the rest. Raises SettingsError."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own.mkdir(mode=0o700, exist_ok=True)
            self._lock = _locked(self._own)
            self._take_over()
            for unfinished in self._own.glob(f"*{UNFINISHED}"):
                remove_file(unfinished)
            return self._found()
        except BlockingIOError:
            self.close()
            raise SettingsError("webhooks.spool: another server uses this folder") from None
        except OSError as error:
            self.close()
            raise SettingsError(
                f"webhooks.spool: the folder cannot be used ({error.strerror}): it must be one "
                "that the server may make, read and write"
            ) from None

    def _take_over(self) -> None:
        if self._first_gone is None:
            return
        numbers = [int(path.name) for path in self._folder.iterdir() if path.name.isdecimal()]
        for left in [self._folder / str(each) for each in numbers if each >= self._first_gone]:
            # A lock that is held is that of a server which still uses it.
            with contextlib.suppress(FileNotFoundError, BlockingIOError):
                lock = _locked(left)
                try:
                    for path in _files(left):
                        path.rename(self._own / path.name)
                    for unfinished in left.glob(f"*{UNFINISHED}"):
                        remove_file(unfinished)
                    (left / _LOCK).unlink()
                    with contextlib.suppress(OSError):
                        left.rmdir()
                finally:
                    os.close(lock)

    def _found(self) -> Found:
        waiting: list[Spooled] = []
        expired = unreadable = 0
        for path in sorted(_files(self._own)):
            self._number = max(self._number, int(path.name[:20]))
            event_id = path.stem[21:]
            try:
                with path.open("rb") as file:
                    header, _ = read_header(file.read(LONGEST_HEAD))
                over_s = min(header.expires_s, header.created_s + self._hours * 3600)
                if self._clock() >= over_s:
                    remove_file(path)
                    expired += 1
                    continue
                self._held[event_id] = path, path.stat().st_size
                header, data = unseal(self._ring, path.read_bytes())
                spooled = Spooled.model_validate_json(data)
                if (header.kind, header.record, spooled.event_id) != (_KIND, event_id, event_id):
                    raise StoredFileError("a stored file lies under another's name")
                if header.kid != self._ring.current:
                    # A disk without room keeps no server from starting: the older file stays.
                    with contextlib.suppress(OSError):
                        self._held[event_id] = path, _rewrite(path, self._ring, header, data)
            except (StoredFileError, ValidationError):
                unreadable += 1
                continue
            waiting.append(spooled)
        return Found(tuple(waiting), expired, unreadable)

    def put(self, spooled: Spooled) -> bool:
        """Write an event; False where there is no room for it. Raises OSError."""
        times_s = spooled.created_s, spooled.created_s + self._hours * 3600
        data = spooled.model_dump_json().encode()
        sealed = seal(self._ring, spooled.event_id, _KIND, times_s, data)
        if self.bytes_held + len(sealed) + _COUNT_BYTES > self._max_bytes:
            return False
        # Rises even where the clock was set back.
        self._number = max(self._number + 1, time.time_ns())
        path = self._own / f"{self._number:020}-{spooled.event_id}.hook"
        write_file(path, sealed)
        self._held[spooled.event_id] = path, len(sealed) + _COUNT_BYTES
        return True

    def count(self, event_id: str, attempts: int) -> None:
        """Keep how often an event was sent in vain. Raises OSError, StoredFileError."""
        held = self._held.get(event_id)
        if held is None:
            return
        header, data = unseal(self._ring, held[0].read_bytes())
        kept = Spooled.model_validate_json(data).model_copy(update={"attempts": attempts})
        _rewrite(held[0], self._ring, header, kept.model_dump_json().encode())

    def remove(self, event_id: str) -> None:
        """Wipe an event that was told, or never will be. Raises OSError."""
        held = self._held.get(event_id)
        if held is not None:
            remove_file(held[0])
            del self._held[event_id]

    def close(self) -> None:
        """Let another server use the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _rewrite(path: Path, ring: KeyRing, header: Header, data: bytes) -> int:
    """Seal a file anew with the first key, its times as they were; its bytes. Raises OSError."""
    times_s = header.created_s, header.expires_s
    sealed = seal(ring, header.record, header.kind, times_s, data)
    write_file(path, sealed)
    return len(sealed)


def reencrypt_spool(folder: Path, ring: KeyRing) -> Reencrypted:
    """Seal with the first key what waits under older ones, of every worker.

    Files of a server that runs are not touched: it has done that itself when it started with the
    new key. Raises SettingsError where one runs that was started before, OSError.
    """
    done = unreadable = 0
    numbers = (
        [path for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
    )
    for own in numbers:
        try:
            lock = _locked(own)
        except BlockingIOError:
            if _held_by_older(own, ring):
                raise SettingsError(
                    "webhooks.spool: a server uses it that was started before the first of "
                    "keeping.keys was set: restart it, which re-encrypts what waits"
                ) from None
            continue
        try:
            for path in _files(own):
                try:
                    header, data = unseal(ring, path.read_bytes())
                except StoredFileError:
                    unreadable += 1
                    continue
                if header.kid != ring.current:
                    _rewrite(path, ring, header, data)
                    done += 1
        finally:
            os.close(lock)
    return Reencrypted(done, unreadable)


def _held_by_older(own: Path, ring: KeyRing) -> bool:
    for path in _files(own):
        # What was told in the meantime is gone.
        with contextlib.suppress(FileNotFoundError, StoredFileError), path.open("rb") as file:
            kid = read_header(file.read(LONGEST_HEAD))[0].kid
            if kid in ring.keys and kid != ring.current:
                return True
    return False


def _locked(folder: Path) -> int:
    """The lock's file descriptor; the kernel frees it when its holder dies. Raises OSError."""
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    number = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        raise
    return number


class Spool:
    """The folder, on a thread of its own: what is asked for is done in that order."""

    def __init__(self, folder: SpoolFolder) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "spool")

    async def open(self) -> Found:
        """What waits from before. Raises SettingsError."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._folder.open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    def put(self, spooled: Spooled) -> asyncio.Future[None]:
        """Done once the event is on disk, or the log says why it is not. Never fails."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._put, spooled)

    def _put(self, spooled: Spooled) -> None:
        try:
            if not self._folder.put(spooled):
                _log.error("webhook in memory only: the spool is full", webhook=spooled.event_id)
        except OSError as error:
            _log.error(
                "webhook in memory only: it cannot be written",
                webhook=spooled.event_id,
                errno=error.errno,
            )

    def count(self, event_id: str, attempts: int) -> None:
        """Keep how often an event was sent in vain, soon."""
        self._thread.submit(self._count, event_id, attempts)

    def _count(self, event_id: str, attempts: int) -> None:
        try:
            self._folder.count(event_id, attempts)
        except (OSError, StoredFileError):
            # It is sent more often than it should be, which harms nobody.
            _log.error("a spooled webhook's attempts are not kept", webhook=event_id)

    def remove(self, event_id: str) -> None:
        """Wipe an event, soon."""
        self._thread.submit(self._remove, event_id)

    def _remove(self, event_id: str) -> None:
        try:
            self._folder.remove(event_id)
        except OSError as error:
            _log.error("a spooled webhook is still there", webhook=event_id, errno=error.errno)

    async def close(self) -> None:
        """Do what was asked for, and let go of the folder."""
        await asyncio.to_thread(self._thread.shutdown)
        self._folder.close()

    def holds(self, event_id: str) -> bool:
        """Whether an event is on disk; after `close`, whether it stays there."""
        return self._folder.holds(event_id)
