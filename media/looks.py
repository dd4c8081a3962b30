"""One session's frames on their way to its reader: which are looked at, and on which thread.

Only the newest is worth a look. A short look is taken on the thread that decoded the picture:
handing it to the loop, and from there to a lane, takes two more threads their turn, which costs
more than a look at an empty desk. Long ones have a lane, so that frames go on being decoded.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from media.decoding import Losses
from media.feedback import Repairs
from media.lanes import hand_to
from media.layers import ALL_LAYERS, LayerGate
from media.profiles import ProfileChooser
from media.punctuality import FrameClock
from media.reception import Watch
from media.slot import LatestSlot
from media.surroundings import Reader, Surroundings
from pipeline.types import Frame, Observation

T = TypeVar("T")
SHORT_S = 0.02
"""Half a frame's time at 24 a second: a decoder that is kept for longer falls behind."""
_WHOLE_AFTER_S = 0.5
"""Of a stream in layers some are left out more often, where any are."""
_RESTING_LAYERS = 2
"""Of L1T3 every other frame: what comes in is noticed one frame later at most, and a camera that
sees no document, which is most of a lobby's day, costs half."""


class Looks:
    """Frames in, observations out; ``report`` is called on the loop with each, and the time at
    which its frame was received, ms of the monotonic clock."""

    def __init__(
        self,
        around: Surroundings,
        reader: Reader,
        profiles: ProfileChooser,
        *,
        unthinned: Callable[[], bool],
        report: Callable[[Observation, float], None],
    ) -> None:
        """``unthinned``: whether every frame counts now, however busy the server is."""
        self._around = around
        self._metrics = around.metrics
        self._reader = reader
        self._profiles = profiles
        self._unthinned = unthinned
        self._report = report
        self._slot: LatestSlot[Frame] = LatestSlot()
        self._turn = asyncio.Lock()
        self._looking = threading.Lock()
        """Held by the thread that does what the reader does."""
        self._took_s = float("inf")
        """The last look; the first has a lane, as nobody knows."""
        self._resting = False
        """No document was in the last frame, nor for a while."""
        self._over = False
        self._counting = threading.Lock()
        self._next_index = 0
        self._looked_index = -1
        self._left_out_s = float("-inf")
        self.clock = FrameClock()
        """Of the peer that is connected."""

    # What is decoded

    def watch(self) -> Watch:
        """For a new peer's stream."""
        metrics = self._metrics
        repairs = Repairs(
            asked=metrics.packets_asked.inc,
            key_asked=metrics.key_frames_asked.inc,
            given_up=metrics.gaps_given_up.inc,
        )
        losses = Losses(self.outdated, self.replaced, self.undecodable)
        gate = LayerGate(self.layers, self.left_out)
        return Watch(gate=gate, losses=losses, repairs=repairs)

    def next_index(self) -> int:
        """The index of the frame that is decoded next; on any thread."""
        return self._count(1)

    def _count(self, frames: int) -> int:
        """Pass over so many indices; the first of them."""
        with self._counting:
            self._next_index += frames
            return self._next_index - frames

    def layers(self) -> int:
        """How many temporal layers are worth decoding now."""
        if self._unthinned():
            return ALL_LAYERS
        rests = self._resting and self._around.settings.rest
        return min(self._around.load.layers, _RESTING_LAYERS if rests else ALL_LAYERS)

    @property
    def whole(self) -> bool:
        """Whether each frame is decoded, as none is in a layer that could be left out."""
        return time.monotonic() - self._left_out_s > _WHOLE_AFTER_S

    def begin_anew(self, clock: FrameClock) -> None:
        """Frames come from another peer, whose ``clock`` it is: nothing is known of its scene."""
        self.clock, self._resting = clock, False

    def left_out(self) -> None:
        """A frame was not decoded; indices count the sender's frames all the same."""
        self._count(1)
        self._left_out_s = time.monotonic()
        self._metrics.frames_thinned.inc()

    def replaced(self, count: int) -> None:
        """Frames were decoded, and newer ones came before anybody could look."""
        self._count(count)
        self._metrics.frames_received.inc(count)
        self._metrics.frames_dropped.inc(count)

    def outdated(self, count: int) -> None:
        """Frames were not decoded because they had waited for too long."""
        self._count(count)
        self._metrics.frames_outdated.inc(count)

    def undecodable(self) -> None:
        """A frame was no such frame as its codec has; on any thread."""
        self._count(1)
        self._metrics.frames_undecodable.inc()

    # What is looked at

    def put(self, frame: Frame) -> None:
        """Offer a frame; only the newest is looked at."""
        if self._sheds(frame):
            return
        before = self._slot.dropped
        self._slot.put(frame)
        self._metrics.frames_dropped.inc(self._slot.dropped - before)

    def _sheds(self, frame: Frame) -> bool:
        """Count a frame that was received; whether it is left out, as the server is overloaded."""
        self._metrics.frames_received.inc()
        step = frame.index - self._looked_index
        if not self._unthinned() and step < self._around.load.analyse_every:
            self._metrics.frames_shed.inc()
            return True
        self._looked_index = frame.index
        return False

    def here(self, make: Callable[[], Frame]) -> Callable[[], None] | None:
        """Look at the newest frame at once, on the thread that has decoded it.

        ``make`` gives the frame. Returns what is to be called on the loop, which raises what the
        look has raised; None, and nothing was done, where looks take long, as many as are allowed
        are under way, others wait for a lane, or one of the session's is under way, or waits.
        """
        spots = self._around.on_the_spot
        taken = self._turn.locked() or self._slot.waits
        if taken or self._took_s > SHORT_S or not spots.take():
            return None
        try:
            return self._alone(make)
        except Exception as error:
            return partial(_fail, error)
        finally:
            spots.give_back()

    def _alone(self, make: Callable[[], Frame]) -> Callable[[], None] | None:
        if not self._looking.acquire(blocking=False):
            return None
        try:
            frame = make()
            if self._sheds(frame):
                return _say_nothing
            with self._metrics.analysis_seconds.time():
                seen = self._see(frame)
        finally:
            self._looking.release()
        return partial(self._report, seen, frame.received_ms)

    def end(self) -> None:
        """The session is over: nothing is reported any more."""
        self._over = True

    async def run(self) -> None:
        """Look at newest frames until cancelled."""
        while True:
            await self.look(await self._slot.get(), self._slot.newest)

    async def look(
        self, frame: Frame, fresher: Callable[[], Frame | None] = lambda: None
    ) -> Observation:
        """Look at one frame and report it; several callers take turns.

        ``fresher``: one that is newer, if it is there when a thread is free at last: many sessions
        wait for one, and some for longer than a frame lasts.
        """

        def see() -> tuple[Frame, Observation]:
            chosen = fresher() or frame
            return chosen, self._see(chosen)

        def tell(looked: tuple[Frame, Observation]) -> None:
            chosen, seen = looked
            self._metrics.frames_dropped.inc(chosen is not frame)
            self._report(seen, chosen.received_ms)

        with self._metrics.analysis_seconds.time():
            _, seen = await self.in_turn(see, tell)
        return seen

    async def in_turn(self, work: Callable[[], T], then: Callable[[T], None]) -> T:
        """Run what the reader does on one thread at a time.

        The turn lasts as long as the work, and ``then`` is told what came of it, even when whoever
        waited for it has gone: the reader has seen the frame, and what that completed must be read.
        """

        spots = self._around.on_the_spot

        def unless_over(outcome: T) -> None:
            if not self._over:
                then(outcome)

        def alone() -> T:
            spots.begin()
            with self._looking:
                return work()

        await self._turn.acquire()
        spots.wait()
        try:
            told = hand_to(self._around.frames, alone, self._turn.release, unless_over)
        except BaseException:
            spots.begin()
            self._turn.release()
            raise
        return await told

    def _see(self, frame: Frame) -> Observation:
        age_s = self.clock.age_s(frame.rtp_timestamp)
        if age_s is not None:
            self._metrics.frame_age_seconds.observe(age_s)
        began_s = time.monotonic()
        scale = self._profiles.full_scale(frame.width_px, began_s)
        seen = self._reader.see(replace(frame, full_scale=scale) if scale > 1 else frame)
        self._took_s = time.monotonic() - began_s
        self._resting = seen.resting
        return seen


def _fail(error: Exception) -> None:
    raise error


def _say_nothing() -> None:
    """Of a frame that is left out."""
