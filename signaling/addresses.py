"""What aiohttp's library for addresses keeps of those that it met: nothing."""

from __future__ import annotations

from importlib import import_module

from yarl import URL

from media.relied_on import warn_once

_MODULES = ("yarl._url", "yarl._parse")
_OTHERWISE = "yarl has changed: the last addresses that were asked for stay in memory"


def keep_no_addresses() -> None:
    """Have each address of a request made anew.

    yarl keeps the last 128 that it met, and their parts, for as long as the process lives: ids of
    sessions and cards stand in them, and open these. What it keeps of host names is left alone.
    """
    for name in _MODULES:
        try:
            module = import_module(name)
        except ImportError:
            continue
        for made_by, maker in list(vars(module).items()):
            if not made_by.startswith("_") and hasattr(maker, "cache_clear"):
                setattr(module, made_by, maker.__wrapped__)
                maker.cache_clear()
    if any(first is second for first, second in zip(_made(), _made(), strict=True)):
        warn_once(_OTHERWISE, "its caches")


def _made() -> list[URL]:
    """One address in each of the ways that aiohttp has."""
    return [URL("/a"), URL("/a", encoded=True), URL.build(path="/a", encoded=True)]
