"""The threads that frames and pictures are worked on, and how they share the processors.

Frames are a matter of milliseconds, pictures may take a second: they run on threads of their own,
and those of pictures give way.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

READING_THREADS = 2
_GIVING_WAY = 5
"""Added to the nice value: a third of the processor where frames want all of it. More would let a
thread that holds the interpreter's lock wait long for a processor, and everybody with it."""
_TURN_S = 0.0005
"""A frame's work takes the interpreter's lock some twenty times; each time it may wait this long
for a reading that computes in Python, by default 5 ms."""


class Spots:
    """Leave to look at frames on the threads that have decoded them; on any thread.

    So many at once, and none while somebody waits for a lane, where each comes in turn: a camera
    with more frames a second would find a spot more often than others.
    """

    def __init__(self, count: int = 1) -> None:
        self._lock = threading.Lock()
        self._free = count
        self._waiting = 0

    def take(self) -> bool:
        """Whether there is one; whoever has it owes ``give_back``."""
        with self._lock:
            there = self._free > 0 and not self._waiting
            self._free -= there
        return there

    def give_back(self) -> None:
        with self._lock:
            self._free += 1

    def wait(self) -> None:
        """Something waits for a lane; ``begin`` is owed once it has one, or never will."""
        with self._lock:
            self._waiting += 1

    def begin(self) -> None:
        with self._lock:
            self._waiting -= 1


def frames_lane(threads: int) -> ThreadPoolExecutor:
    """Threads that look at frames."""
    return ThreadPoolExecutor(threads, "frames")


def captures_lane() -> ThreadPoolExecutor:
    """Threads that develop and read pictures, and fill cards."""
    return ThreadPoolExecutor(READING_THREADS, "captures", initializer=_give_way)


def second_looks_lane() -> ThreadPoolExecutor:
    """One thread for what nobody waits for: a page's print, after its result was told."""
    return ThreadPoolExecutor(1, "second-looks", initializer=_give_way)


def hand_to(
    lane: Executor, work: Callable[[], T], ended: Callable[[], None], then: Callable[[T], None]
) -> asyncio.Future[T]:
    """Have ``work`` done on a thread of ``lane``; what became of it, to be awaited.

    On the loop, in the caller's context, ``ended`` is called when the work has ended, and ``then``
    with what came of it, also where nobody waits any more: cancelling ends the waiting alone. A
    shield around run_in_executor would do the same in three turns of the loop for each frame; this
    takes one. Raises RuntimeError for a lane that is shut.
    """
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    told: asyncio.Future[T] = loop.create_future()

    def succeed(outcome: T) -> None:
        ended()
        try:
            then(outcome)
        except Exception as error:
            if told.done():
                raise
            told.set_exception(error)
        if not told.done():
            told.set_result(outcome)

    def fail(error: BaseException) -> None:
        ended()
        if not told.done():
            told.set_exception(error)

    def run() -> None:
        # Without a loop nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            try:
                outcome = work()
            except BaseException as error:
                loop.call_soon_threadsafe(fail, error, context=context)
            else:
                loop.call_soon_threadsafe(succeed, outcome, context=context)

    lane.submit(run)
    return told


def take_short_turns() -> None:
    """Let Python's threads change places often; for the whole process."""
    sys.setswitchinterval(_TURN_S)


def _give_way() -> None:
    """Lower the priority of this thread: Linux has one for each (sched(7)), others refuse."""
    with contextlib.suppress(OSError, AttributeError):
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, now + _GIVING_WAY)
