"""What a worker gets from its supervisor: settings, sockets, a place among its colleagues.

It comes through a pipe whose other end the supervisor keeps open: its end tells a worker that the
supervisor is gone, however that came about.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import dataclass
from pathlib import Path

from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Assignment:
    """``listening``, ``board`` and ``lifeline`` are file descriptors; ``certificate`` is the key
    and certificate (PEM) of all workers where it was made at the start."""

    settings: Settings
    worker: int
    workers: int
    listening: tuple[int, ...]
    board: int
    folder: Path
    lifeline: int
    certificate: bytes | None


def send(assignment: Assignment, pipe: int) -> None:
    """Write it whole; a pipe's buffer holds far more."""
    text = pickle.dumps(assignment)
    os.write(pipe, len(text).to_bytes(4, "big") + text)


def receive(pipe: int) -> Assignment:
    """Read what `send` wrote. Raises OSError or ValueError for anything else."""
    length = int.from_bytes(_read(pipe, 4), "big")
    # Nobody but the supervisor, which runs this very program, holds the other end.
    assignment = pickle.loads(_read(pipe, length))  # noqa: S301
    if not isinstance(assignment, Assignment):
        raise ValueError("no assignment")
    return assignment


def _read(pipe: int, length: int) -> bytes:
    text = b""
    while len(text) < length:
        piece = os.read(pipe, length - len(text))
        if not piece:
            raise ValueError("the supervisor is gone")
        text += piece
    return text
