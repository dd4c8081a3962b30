"""What a worker gets from its supervisor: settings, sockets, a place among its colleagues.

It comes through a pipe whose other end the supervisor keeps open: its end tells a worker that the
supervisor is gone, however that came about.
"""

from __future__ import annotations

import os
import pickle
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from core.settings import Settings
from signaling.board import Board
from signaling.keeping.deletions import Deletions


def new_label_key() -> bytes:
    """For one run of a server, all workers together."""
    return secrets.token_bytes(16)


@dataclass(frozen=True, slots=True)
class Assignment:
    """``listening``, ``board``, ``deletions`` and ``lifeline`` are file descriptors;
    ``certificate`` is the key and certificate (PEM) of all workers where it was made at the
    start, ``label_key`` that of the labels that clients have in logs. ``again``: it takes the
    place of one that has ended, while the house is open.
    """

    settings: Settings
    worker: int
    workers: int
    listening: tuple[int, ...]
    board: int
    deletions: int
    folder: Path
    lifeline: int
    certificate: bytes | None
    again: bool
    label_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Post:
    """A worker's place: its number, everybody's board, the folder of their sockets, the records
    that any of them has deleted, and the key of the labels that clients have in logs. ``again``:
    it takes the place of one that has ended.
    """

    worker: int
    board: Board
    folder: Path | None
    deletions: Deletions = field(default_factory=Deletions)
    label_key: bytes = field(default_factory=new_label_key, repr=False)
    again: bool = False


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
