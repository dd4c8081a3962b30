"""Memory that guests have left goes back to the system.

A visit takes some megabytes in many pieces: pictures, pages, connections. When it is over, glibc
keeps them for later, spread over as many heaps as there were threads, and each next guest tears
them up a little further: what the process holds grows for hours, although nothing is kept.
``malloc_trim`` (malloc_trim(3)) gives every page back that is free, of all heaps.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import gc
import resource
import sys
from collections.abc import Callable

from core.log import Log

_log = Log("memory")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGE_BYTES = 4 << 20
"""More than a frame of 1280×720 as BGR, less than the picture of a page."""

_MOST_HEAPS = 4
"""Twice as many as a small machine's processors, so that threads seldom wait for each other's."""

_COLLECT_EVERY_S = 2.0

Trim = Callable[[], bool]
"""Gives memory back; whether there was any. Blocks for some milliseconds."""


def leave_no_core() -> None:
    """Let no crash of this process, or of one that it starts, write its memory to a disk.

    A limit of one byte, and not of none: at none the kernel writes no file, but still pipes the
    memory to the program that ``kernel.core_pattern`` may name. At one it does neither (do_coredump
    in fs/coredump.c). Where an operator has set none for good, that stays.
    """
    if resource.getrlimit(resource.RLIMIT_CORE)[1]:
        resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def keep_what_is_loaded() -> None:
    """Let the collector leave alone what was loaded at the start, which stays to the end.

    Going through it all, each time that enough has lived on, stops every thread for a tenth of a
    second. At the process's end it is taken down as ever: libraries complain of what is left.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)


def tune_heaps() -> bool:
    """Have large pictures leave the process as soon as nobody holds them, and few heaps; whether
    glibc will.

    A picture of a page takes five megabytes. glibc maps such a piece for itself at first, but with
    each one that is freed it raises the limit from which it does (mallopt(3), M_MMAP_THRESHOLD),
    and soon cuts them from its heaps, whose ends ``malloc_trim`` leaves alone: what guests showed
    then stays in memory, and the process grows for hours. With a limit that is told it stays.
    Frames are smaller, come all the time and are better cut from a heap: they are left there, with
    room for a few at its end.

    And few heaps: glibc opens another for each thread up to eight times the processors
    (M_ARENA_MAX), each keeps what it has torn, and whenever more guests are there at once than
    ever before, each with a thread that decodes, there is one more. Threads that run by now keep
    theirs.
    """
    try:
        function = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    function.argtypes, function.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    settings = (
        (_M_MMAP_THRESHOLD, _LARGE_BYTES),
        (_M_TRIM_THRESHOLD, 2 * _LARGE_BYTES),
        (_M_ARENA_MAX, _MOST_HEAPS),
    )
    taken = [function(*each) for each in settings]
    return all(each == 1 for each in taken)


def glibc_trim() -> Trim | None:
    """glibc's ``malloc_trim``, called without the interpreter's lock; None where there is none,
    as in musl and outside Linux."""
    try:
        function = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes, function.restype = [ctypes.c_size_t], ctypes.c_int
    return lambda: bool(function(0))


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def glibc_used() -> Callable[[], float] | None:
    """Bytes that were asked of glibc's heaps and not given back yet, by ``mallinfo2`` (glibc 2.33,
    mallinfo(3)); None where there is none.

    What the process holds beyond it is free, torn or Python's own: a leak shows here, and heaps
    that are merely torn do not.
    """
    try:
        function = ctypes.CDLL(None).mallinfo2
    except (OSError, AttributeError, TypeError):
        return None
    function.argtypes, function.restype = [], _Mallinfo2

    def used() -> float:
        now = function()
        return float(now.uordblks + now.hblkhd)

    return used


def python_blocks() -> float:
    """Pieces of memory that Python's own objects take (``sys.getallocatedblocks``), which glibc
    knows nothing of."""
    return float(sys.getallocatedblocks())


class FreedMemory:
    """Gives memory back after guests have left, each ``every_s`` at most; 0: never.

    The parts of a peer connection hold each other, and the last frames with them. Only the
    collector frees those, which left alone waits until dozens of guests have come and gone: what
    they showed would stay in memory for hours, and go in one long pause. So it is called within two
    seconds, for little at a time, and with each turn.

    ``left``: how many have, so far. Each gets two turns, as a connection may take a while to close.
    ``trim``: None where the system takes no memory back.
    """

    def __init__(
        self,
        every_s: float,
        left: Callable[[], int],
        trim: Trim | None,
        collect: Callable[[], int] = gc.collect,
    ) -> None:
        self._every_s = every_s
        self._left = left
        self._trim = trim
        self._collect = collect

    async def run(self) -> None:
        """Until cancelled; returns at once where nothing is to be done."""
        if not self._every_s:
            return
        step_s = min(self._every_s, _COLLECT_EVERY_S)
        collected = before = last = self._left()
        waited_s = 0.0
        while True:
            await asyncio.sleep(step_s)
            waited_s += step_s
            now = self._left()
            turn = waited_s >= self._every_s
            due = turn and now != before
            if now != collected or due:
                # Every thread waits for it, on whichever it runs; what it ends belongs to this one.
                found, collected = self._collect(), now
                _log.debug("memory collected", found=found)
            if due and self._trim is not None:
                # Not on the loop: it goes through every heap, and others would wait for it.
                freed = await asyncio.to_thread(self._trim)
                _log.debug("memory given back", freed=freed)
            if turn:
                waited_s, before, last = 0.0, last, now
