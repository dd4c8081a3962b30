"""The threads that frames and pictures are worked on, and how they share the processors.

Frames are a matter of milliseconds, pictures may take a second: they run on threads of their own,
and those of pictures give way.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

READING_THREADS = 2
_GIVING_WAY = 5
"""Added to the nice value: a third of the processor where frames want all of it. More would let a
thread that holds the interpreter's lock wait long for a processor, and everybody with it."""
_TURN_S = 0.0005
"""A frame's work takes the interpreter's lock some twenty times; each time it may wait this long
for a reading that computes in Python, by default 5 ms."""


def frames_lane(threads: int) -> ThreadPoolExecutor:
    """Threads that look at frames."""
    return ThreadPoolExecutor(threads, "frames")


def captures_lane() -> ThreadPoolExecutor:
    """Threads that develop and read pictures, and fill cards."""
    return ThreadPoolExecutor(READING_THREADS, "captures", initializer=_give_way)


def second_looks_lane() -> ThreadPoolExecutor:
    """One thread for what nobody waits for: a page's print, after its result was told."""
    return ThreadPoolExecutor(1, "second-looks", initializer=_give_way)


def take_short_turns() -> None:
    """Let Python's threads change places often; for the whole process."""
    sys.setswitchinterval(_TURN_S)


def _give_way() -> None:
    """Lower the priority of this thread: Linux has one for each (sched(7)), others refuse."""
    with contextlib.suppress(OSError, AttributeError):
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, now + _GIVING_WAY)
