"""Which records were deleted lately, for those who still hold something of them.

A document waits to be stored in the worker that read it, and the deletion of its record comes to
any. So each is told how many deletions there had been when it was handed in, and looks, before it
is stored, at those that came since. Counting needs no clock, which might be set, and what a worker
holds ends with its server, so that memory that all share is enough: nothing of it is on a disk.
"""

from __future__ import annotations

import mmap
import os
import struct

_COUNT = struct.Struct("@q")
"""Aligned and the machine's own: it is read on the event loop, which waits for no lock, and must
not be seen half written."""
_RECORD_BYTES = 16
_MOST = 4096


class Deletions:
    """The last ``most`` of them; the same memory in every process that holds ``fd``.

    ``fd`` -1: this process's own memory, for a server of one process. Whoever notes or looks holds
    the lock of the stored files; the count is read without.
    """

    def __init__(self, fd: int = -1, most: int = _MOST) -> None:
        self.fd = fd
        self._most = most
        self._memory = mmap.mmap(fd, _size(most))

    @classmethod
    def create(cls) -> Deletions:
        """None so far, in memory that can be handed to other processes."""
        fd = os.memfd_create("deletions")
        os.ftruncate(fd, _size(_MOST))
        return cls(fd)

    @property
    def count(self) -> int:
        """How many there have been."""
        return int(_COUNT.unpack_from(self._memory)[0])

    def note(self, record: str) -> None:
        """``record``, 32 hexadecimal digits, is deleted now."""
        count = self.count
        place = self._place(count)
        self._memory[place : place + _RECORD_BYTES] = bytes.fromhex(record)
        _COUNT.pack_into(self._memory, 0, count + 1)

    def since(self, count: int, record: str) -> bool:
        """Whether the record was deleted since there had been ``count``, or may have been: of so
        many that some are forgotten."""
        now = self.count
        if not 0 <= now - count <= self._most:
            return True
        return any(self._noted(each) == record for each in range(count, now))

    def _noted(self, number: int) -> str:
        place = self._place(number)
        return self._memory[place : place + _RECORD_BYTES].hex()

    def _place(self, number: int) -> int:
        return _COUNT.size + number % self._most * _RECORD_BYTES

    def close(self) -> None:
        self._memory.close()
        if self.fd >= 0:
            os.close(self.fd)


def _size(most: int) -> int:
    return _COUNT.size + most * _RECORD_BYTES
