"""Which worker of which machine owns what: the front part of every session id and resume token.

An id is ``[MACHINE.]WORKER.SECRET``. The part in front tells a balancer and each worker where to
send a request; the part behind is 144 random bits, and they alone open the session.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_ID = re.compile(r"(?:([a-z0-9-]{1,32})\.)?(\d{1,3})\.[A-Za-z0-9_-]{24}")


@dataclass(frozen=True, slots=True)
class Shard:
    """``machine`` is empty where there is only one; ``worker`` counts from 0."""

    machine: str = ""
    worker: int = 0

    def __str__(self) -> str:
        return f"{self.machine}.{self.worker}" if self.machine else str(self.worker)

    def new_secret(self) -> str:
        """An id or token that nobody can guess and that names its owner."""
        return f"{self}.{secrets.token_urlsafe(18)}"


def shard_of(secret: str) -> Shard | None:
    """Whose id or token this is; None for what none of ours would look like."""
    found = _ID.fullmatch(secret)
    return Shard(found[1] or "", int(found[2])) if found else None
