"""Which worker of which machine owns what: the front part of every session id and resume token.

An id is ``[MACHINE.]WORKER.SECRET``. The part in front tells a balancer and each worker where to
send a request; the part behind is 144 random bits, and they alone open the session.

A label names a session to people, and opens nothing: four hexadecimal digits, of which every worker
gives out its own share, so that a label names its worker too.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_ID = re.compile(r"(?:([a-z0-9-]{1,32})\.)?(\d{1,3})\.[A-Za-z0-9_-]{24}")

_LABEL = re.compile(r"[0-9a-f]{4}")
_LABELS = 16**4


@dataclass(frozen=True, slots=True)
class Shard:
    """``machine`` is empty where there is only one; ``worker`` counts from 0."""

    machine: str = ""
    worker: int = 0

    def __str__(self) -> str:
        return f"{self.machine}.{self.worker}" if self.machine else str(self.worker)

    def new_label(self, workers: int) -> str:
        """A label that none of the other ``workers`` gives out."""
        return f"{secrets.randbelow(_LABELS // workers) * workers + self.worker:04x}"

    def new_secret(self) -> str:
        """An id or token that nobody can guess and that names its owner."""
        return f"{self}.{secrets.token_urlsafe(18)}"


def shard_of(secret: str) -> Shard | None:
    """Whose id or token this is; None for what none of ours would look like."""
    found = _ID.fullmatch(secret)
    return Shard(found[1] or "", int(found[2])) if found else None


def worker_of(label: str, workers: int) -> int | None:
    """Whose session is called so; None for what is no label of ours."""
    return int(label, 16) % workers if _LABEL.fullmatch(label) else None
