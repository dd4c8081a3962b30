"""What we change in aiortc, aioice and asyncio rests on private names. Where a new version has them
no longer, that change is left out and everything else works as it came: what a module has is asked
for by ``from_module``, so that the server starts without it, what an object has by ``has_all``, and
what it gets only later by ``mentions``, before anything is changed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from core.log import Log

_log = Log("rtc")
_told: set[str] = set()


class Missing:
    """In the place of what a module has no longer; may be derived from, and has nothing itself."""


def from_module(module: str, *names: str) -> list[Any]:
    """What the module has under these names; of those that it lacks, kinds of Missing."""
    try:
        found: Any = import_module(module)
    except ImportError:
        found = None
    return [
        getattr(found, name) if hasattr(found, name) else type(name, (Missing,), {})
        for name in names
    ]


def are_there(things: Sequence[object], otherwise: str) -> bool:
    """Whether ``from_module`` has found all of these; if not, ``otherwise`` is logged, once."""
    missing = [each for each in things if isinstance(each, type) and issubclass(each, Missing)]
    if missing:
        warn_once(otherwise, missing[0].__name__)
    return not missing


def has_all(thing: object, names: Sequence[str], otherwise: str) -> bool:
    """Whether ``thing`` has these attributes; if not, ``otherwise`` is logged, once a process."""
    missing = [name for name in names if not hasattr(thing, name)]
    if missing:
        warn_once(otherwise, missing[0])
    return not missing


def mentions(function: object, name: str, otherwise: str) -> bool:
    """Whether this Python function reads or sets an attribute of that name, by its code; if not,
    ``otherwise`` is logged, once a process."""
    found = name in getattr(getattr(function, "__code__", None), "co_names", ())
    if not found:
        warn_once(otherwise, name)
    return found


def warn_once(sentence: str, missing: str) -> None:
    """Each guest's connection would say the same."""
    if sentence not in _told:
        _told.add(sentence)
        _log.warning(f"x {sentence}", missing=missing)


def forget_told() -> None:
    """Say everything again: for tests."""
    _told.clear()
