"""What the workers of one server know of each other: a few figures in shared memory.

Every worker writes its own row and reads all. The one decision that must not be made twice, who
gets the last place, is made under a file lock, which the kernel frees when its holder dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace

_ROW = struct.Struct("=qq?xxxxxxxqddq")
_ROW_BYTES = 64
_HEARD_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One worker: ``pid`` 0 for none; ``sessions`` open; ``accepting``: it serves and is not
    draining; ``level`` of load; ``cores`` in use; ``beat_s``: when it last wrote, of the
    monotonic clock; ``restarts`` so far."""

    pid: int = 0
    sessions: int = 0
    accepting: bool = False
    level: int = 0
    cores: float = 0.0
    beat_s: float = 0.0
    restarts: int = 0


class Board:
    """The rows of ``workers`` workers; the same memory in every process that holds ``fd``.

    ``fd`` -1: this process's own memory, for a server of one process, which needs no file.
    """

    def __init__(self, fd: int, workers: int) -> None:
        self.fd = fd
        self.workers = workers
        self._memory = mmap.mmap(fd, workers * _ROW_BYTES)

    @classmethod
    def create(cls, workers: int) -> Board:
        """A new board, all zero, in memory: no loop that writes its row must wait for a disk."""
        fd = os.memfd_create("board")
        os.ftruncate(fd, workers * _ROW_BYTES)
        return cls(fd, workers)

    def row(self, worker: int) -> Row:
        return Row(*_ROW.unpack_from(self._memory, worker * _ROW_BYTES))

    def rows(self) -> list[Row]:
        return [self.row(worker) for worker in range(self.workers)]

    def write(self, worker: int, row: Row) -> None:
        # At once: whoever reads it meanwhile must see no row that is half zero.
        first = worker * _ROW_BYTES
        self._memory[first : first + _ROW.size] = _ROW.pack(*astuple(row))

    def beat(self, worker: int, *, accepting: bool, level: int, cores: float) -> None:
        """A worker tells that it lives and how busy it is."""
        with self._alone():
            row = replace(self.row(worker), accepting=accepting, level=level, cores=cores)
            self.write(worker, replace(row, pid=os.getpid(), beat_s=time.monotonic()))

    def take_place(self, worker: int, most: int) -> bool:
        """Count one session more for ``worker``, unless all together have ``most``."""
        with self._alone():
            if self.sessions >= most:
                return False
            row = self.row(worker)
            self.write(worker, replace(row, sessions=row.sessions + 1))
            return True

    def give_place(self, worker: int) -> None:
        with self._alone():
            row = self.row(worker)
            self.write(worker, replace(row, sessions=max(0, row.sessions - 1)))

    def clear(self, worker: int, restarts: int) -> None:
        """The worker is gone, and its sessions with it."""
        with self._alone():
            self.write(worker, Row(restarts=restarts))

    @property
    def sessions(self) -> int:
        """Open in all workers."""
        return sum(row.sessions for row in self.rows())

    def cores_beside(self, worker: int) -> float:
        """Processors that the other workers use."""
        heard_s = time.monotonic() - _HEARD_WITHIN_S
        return sum(
            row.cores
            for number, row in enumerate(self.rows())
            if number != worker and row.beat_s > heard_s
        )

    def by_load(self) -> list[int]:
        """Workers that take sessions, the least busy first."""
        heard_s = time.monotonic() - _HEARD_WITHIN_S
        rows = [
            (row.level, row.sessions, row.cores, number)
            for number, row in enumerate(self.rows())
            if row.accepting and row.beat_s > heard_s
        ]
        return [number for *_, number in sorted(rows)]

    def close(self) -> None:
        self._memory.close()
        if self.fd >= 0:
            os.close(self.fd)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        if self.fd < 0:
            # The event loop's alone.
            yield
            return
        # Held for microseconds, and by nobody who waits for anything.
        fcntl.lockf(self.fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)
