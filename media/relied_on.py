"""What we change in aiortc, aioice and asyncio rests on private names. Where a new version has them
no longer, that change is left out and everything else works as it came."""

from __future__ import annotations

from collections.abc import Sequence

from core.log import Log

_log = Log("rtc")
_told: set[str] = set()


def has_all(thing: object, names: Sequence[str], otherwise: str) -> bool:
    """Whether ``thing`` has these attributes; if not, ``otherwise`` is logged, once a process."""
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        warn_once(otherwise, missing[0])
    return not missing


def warn_once(sentence: str, missing: str) -> None:
    """Each guest's connection would say the same."""
    if sentence not in _told:
        _told.add(sentence)
        _log.warning(f"x {sentence}", missing=missing)


def forget_told() -> None:
    """Say everything again: for tests."""
    _told.clear()
