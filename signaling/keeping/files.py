"""Files that are on the disk whole or not at all. Its calls block and run on a thread."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import tempfile
from pathlib import Path

from core.log import Log

_log = Log("files")
UNFINISHED = ".part"
"""How the name of a file that is being written ends."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What a disk says that has no room now and may have it soon: no reason not to start."""
_NEVER_FLUSHED = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
"""What file systems that flush no folder say: some of FUSE, CIFS. No disk failed then."""


def write_file(target: Path, data: bytes) -> None:
    """Put a file in its place, 0600, in place of an earlier one. Raises OSError.

    What it fails to write is not there, so that none comes back that was said to be lost. Only
    where it has taken an earlier one's place it stays: without it neither would be there.
    """
    beside = target.with_name(target.name + UNFINISHED)
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        alone = not target.exists()
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    try:
        _flush_folder(target.parent)
    except OSError:
        if alone:
            with contextlib.suppress(OSError):
                target.unlink()
        raise


def try_writing(folder: Path) -> None:
    """Write into a folder what leaves no file behind. Raises OSError where nothing could be."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"can this be written?")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in FULL:
            raise
        _log.error("x a disk is full", errno=error.errno)


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already. Raises OSError."""
    path.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """A name is on the disk, or gone from it, once its folder was flushed. Raises OSError.

    Where none can be, that is the file system's business: to fail each time would keep nothing
    there, and call what is deleted still there.
    """
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in _NEVER_FLUSHED:
            raise
        _warn_once(os.fstat(number).st_dev, error.errno)
    finally:
        os.close(number)


@functools.cache
def _warn_once(device: int, number: int) -> None:
    """Once for each file system: each file would say it."""
    _log.warning("x folders cannot be flushed here", device=device, errno=number)
