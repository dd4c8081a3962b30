"""Files that are on the disk whole or not at all. Its calls block and run on a thread."""

from __future__ import annotations

import os
from pathlib import Path

UNFINISHED = ".part"
"""How the name of a file that is being written ends."""


def write_file(target: Path, data: bytes) -> None:
    """Put a file in its place, 0600, in place of an earlier one. Raises OSError."""
    beside = target.with_name(target.name + UNFINISHED)
    beside.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _flush_folder(target.parent)


def remove_file(path: Path) -> None:
    """Remove a file that may be gone already. Raises OSError."""
    path.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """A name is on the disk, or gone from it, once its folder was flushed."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
