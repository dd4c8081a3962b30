"""A client that sends its frames as picture files, by WebSocket or HTTP, into a usual session.

``Stream`` takes the place of a peer and its data channels: what the session says on them becomes
the answers that such clients wait for. There is no second capture logic. What differs is who
waits: a client asks for the capture, and may send no frame afterwards, so the last good frames are
kept (as they came, a few) and the picture is made of them.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.errors import (
    CaptureFailed,
    InvalidSession,
    LobbyLensError,
    ModelNotFound,
    MrzError,
    Overloaded,
    RateLimited,
)
from core.settings import DoorSettings, EnhanceSettings
from media import messages
from media.answers import FrameAnswer, GuidanceReport, ReadAnswer, frame_answer, read_answer
from media.session import Session
from media.state import CloseReason
from media.surroundings import Surroundings
from media.video import VideoDecoder
from pipeline.picture import decode_frame
from pipeline.types import CaptureState, Frame, Shot

_KEPT_SHOTS = 5
_WAITING_REQUESTS = 8
_UNTHINNED = (CaptureState.HOLDING, CaptureState.CAPTURED)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A picture file off the wire. ``pts_ms``: the sender's clock, else that of its arrival."""

    data: bytes
    received_ms: float
    pts_ms: float | None = None


def arrived(data: bytes) -> Arrived:
    return Arrived(data, time.monotonic() * 1000)


class Stream:
    """One client's frames and what it is told of them; on one event loop.

    ``ended`` is set when the stream has lost its session: then `reason` says why the session is
    over, or is None when another client has taken it.
    """

    def __init__(self, session: Session, around: Surroundings, limits: DoorSettings) -> None:
        self.session = session
        self.ended = asyncio.Event()
        self.reason: CloseReason | None = None
        self._around = around
        self._limits = limits
        self._count = 0
        self._skipped = 0
        self._pts_ms = 0.0
        self._newest: Arrived | None = None
        self._waiting = 0
        self._turn = asyncio.Lock()
        self._shots: deque[Shot] = deque(maxlen=_KEPT_SHOTS)
        self._overlay: messages.Overlay | None = None
        self._last: FrameAnswer | None = None
        self._guidance: GuidanceReport | None = None
        self._result: messages.ResultMessage | None = None
        self._fetched = False
        self._outcome: asyncio.Future[messages.ResultMessage] | None = None
        self._batching = False
        self.video = VideoDecoder(limits.max_frame_pixels)

    # What the session says

    def overlay(self, message: messages.Overlay) -> None:
        self._overlay = message

    def event(self, message: messages.ServerMessage) -> None:
        match message:
            case messages.GuidanceMessage():
                self._guidance = GuidanceReport(
                    code=message.code, severity=message.severity, text=message.text
                )
            case messages.ResultMessage(revised=True):
                # No new reading: whoever waits, waits for another one.
                if self._result and self._result.document_id == message.document_id:
                    self._result = message
            case messages.ResultMessage():
                self._result, self._fetched = message, False
                self._settle(message)
            case messages.ErrorMessage():
                wrong = ModelNotFound if message.code == ModelNotFound.code else CaptureFailed
                self._settle(wrong(message.message))
            case messages.StateMessage() if message.capture == CaptureState.SEARCHING:
                # The document was taken away, or a reading found nothing and will be tried again.
                self._shots.clear()
                self._settle(_over() if self.session.closing else _unread())

    def cut(self, reason: CloseReason | None) -> None:
        self.reason = reason
        self._shots.clear()
        self._newest = None
        self._settle(_over())
        self.ended.set()

    def _settle(self, outcome: messages.ResultMessage | LobbyLensError) -> None:
        waiting, self._outcome = self._outcome, None
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, LobbyLensError):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)

    # Frames

    def skip(self, count: int = 1) -> None:
        """Count frames that were left out because newer ones had come."""
        self._skipped += count
        self._count += count
        self._around.metrics.frames_received.inc(count)
        self._around.metrics.frames_dropped.inc(count)

    async def newest(self, frame: Arrived) -> FrameAnswer:
        """Look at a frame, unless a newer one has come when its turn is there.

        The answer then repeats the one before, ``analysed`` false. Raises InvalidImage,
        InvalidSession, CaptureFailed for one from before a reset, and RateLimited for more requests
        than may wait.
        """
        resets = self.session.viewing.resets
        if self._waiting >= _WAITING_REQUESTS:
            raise RateLimited("wait for the answers to the frames that were sent before")
        self._newest = frame
        self._waiting += 1
        try:
            async with self._turn:
                self._since(resets)
                if frame is not self._newest and self._last is not None:
                    self.skip()
                    return self._last.model_copy(update={"analysed": False})
                return await self._look(frame)
        finally:
            self._waiting -= 1
            if frame is self._newest:
                self._newest = None

    async def look(self, frame: Arrived, resets: int | None = None) -> FrameAnswer:
        """Look at a frame when its turn has come.

        ``resets``: as ``batch`` gave them, None for now. Raises InvalidImage, InvalidSession, and
        CaptureFailed for a frame from before a reset.
        """
        resets = self.session.viewing.resets if resets is None else resets
        async with self._turn:
            self._since(resets)
            return await self._look(frame)

    async def look_at(self, frame: Frame, resets: int | None = None) -> FrameAnswer:
        """The same for a frame that is decoded already."""
        resets = self.session.viewing.resets if resets is None else resets
        async with self._turn:
            self._since(resets)
            self._around.metrics.frames_received.inc()
            self._count += 1
            return await self._see(frame, resets)

    async def _look(self, arrived: Arrived) -> FrameAnswer:
        self._alive()
        resets = self.session.viewing.resets
        index, self._count = self._count, self._count + 1
        self._around.metrics.frames_received.inc()
        if self._last is not None and self._sheds(index):
            self._around.metrics.frames_shed.inc()
            return self._last.model_copy(update={"frame": index, "analysed": False})
        pts_ms = arrived.received_ms if arrived.pts_ms is None else arrived.pts_ms
        self._pts_ms = max(self._pts_ms, pts_ms)
        frame = await asyncio.get_running_loop().run_in_executor(
            self._around.frames,
            decode_frame,
            *(arrived.data, index, pts_ms, arrived.received_ms, self._limits.max_frame_pixels),
        )
        return await self._see(frame, resets)

    def _sheds(self, index: int) -> bool:
        """Whether this frame is left out because the server is overloaded."""
        unthinned = self.session.viewing.state in _UNTHINNED
        return not unthinned and index % self._around.load.analyse_every != 0

    async def _see(self, frame: Frame, resets: int) -> FrameAnswer:
        """``resets``: as they were when the frame's turn came. Raises CaptureFailed after another:
        it shows what is forgotten."""
        self._since(resets)
        seen = await self.session.viewing.looks.look(frame)
        self._since(resets)
        if seen.found is not None and seen.quality is not None:
            self._shots.append(Shot(frame, seen.found, seen.quality))
        assert self._overlay is not None, "every look is told"
        skipped, self._skipped = self._skipped, 0
        self._last = frame_answer(
            self._overlay,
            session_id=self.session.id,
            frame=frame.index,
            dropped=skipped,
            ready_for_capture=self._overlay.ready_for_capture or self._has_news(),
            state=self.session.viewing.state.value,
            guidance=self._guidance,
        )
        return self._last

    def _has_news(self) -> bool:
        """Whether a picture that the session took by itself is there, or about to be."""
        return self.session.viewing.busy or (self._serves() and not self._fetched)

    def _since(self, resets: int) -> None:
        self._alive()
        if resets != self.session.viewing.resets:
            raise _reset()

    def _alive(self) -> None:
        if self.ended.is_set():
            raise _over()

    @contextmanager
    def batch(self) -> Iterator[int]:
        """For the time of one batch or video chunk, each of which may take seconds and megabytes.

        Gives what ``look`` is told with each of its frames, so that none is looked at after a
        reset. Raises RateLimited while there is another.
        """
        if self._batching:
            raise RateLimited("wait for the answer to the batch that was sent before")
        self._batching = True
        try:
            yield self.session.viewing.resets
        finally:
            self._batching = False

    def next_times(self, count: int, interval_ms: float) -> list[float]:
        """Sender's times for frames that came together, the last of them now; they only rise."""
        now_ms = time.monotonic() * 1000
        first_ms = max(self._pts_ms + 1, now_ms - (count - 1) * interval_ms)
        times = [first_ms + number * interval_ms for number in range(count)]
        self._pts_ms = times[-1] if times else self._pts_ms
        return times

    @property
    def next_index(self) -> int:
        return self._count

    # Captures

    async def capture(self, filters: EnhanceSettings | None = None) -> ReadAnswer:
        """The document, as the session read it by itself or of its best frames now.

        A complete reading is told again as long as the document lies there; a doubtful one is
        taken anew, and so is any when ``filters`` are asked for. Raises CaptureFailed without a
        frame that shows a document, MrzError without a readable zone, InvalidSession.
        """
        self._alive()
        self.session.touch()
        result = self._result if filters is None and self._serves() else None
        if result is None:
            result = await self._capture(filters)
        self._fetched = True
        if result.status == "failed":
            raise _unread()
        return read_answer(result)

    def _serves(self) -> bool:
        """Whether the last result answers a capture asked for now: never with another document
        in view than the one that was read."""
        if self._result is None or self._result.status == "failed":
            return False
        if self.session.viewing.state is CaptureState.DONE:
            return not self._fetched or self._result.status == "complete"
        return not self._fetched and not self._shots and not self.session.viewing.busy

    def reset(self) -> None:
        """Forget everything seen and read, and tell nobody any more of it."""
        self._settle(_reset())
        self.session.desk.reset()
        self._shots.clear()
        self._newest = self._result = self._last = None
        self._fetched = False

    async def _capture(self, filters: EnhanceSettings | None) -> messages.ResultMessage:
        if self._outcome is not None:
            raise CaptureFailed("a capture is under way: wait for its result")
        viewing = self.session.viewing
        outcome: asyncio.Future[messages.ResultMessage]
        outcome = self._outcome = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._limits.capture_timeout_s):
                if viewing.state is not CaptureState.READING:
                    if not self._shots and viewing.state is not CaptureState.CAPTURED:
                        raise CaptureFailed(
                            "no stable frame is available: hold the document into view and "
                            "send frames first"
                        )
                    await self._take(filters)
                return await outcome
        except TimeoutError:
            raise Overloaded("reading takes too long: try again", 5) from None
        finally:
            # Nobody awaits it any more; what it was told is not to be reported as lost.
            outcome.cancel()
            if outcome.done() and not outcome.cancelled():
                outcome.exception()
            if self._outcome is outcome:
                self._outcome = None

    async def _take(self, filters: EnhanceSettings | None) -> None:
        viewing = self.session.viewing
        try:
            await viewing.take(tuple(self._shots), filters)
        except CaptureFailed:
            # The look that was under way may have taken it by itself: it is read.
            if viewing.state is not CaptureState.READING:
                raise


def _over() -> InvalidSession:
    return InvalidSession("the session is over, or another client has taken it")


def _reset() -> CaptureFailed:
    return CaptureFailed("the session was reset")


def _unread() -> MrzError:
    return MrzError(
        "no machine-readable zone could be read: show the whole page, sharp and without glare"
    )


def stream_of(session: Session, around: Surroundings, limits: DoorSettings) -> Stream:
    """The stream that has the session, or a new one that takes it."""
    outlet = session.viewing.outlet
    if isinstance(outlet, Stream):
        return outlet
    return attach(session, around, limits)


def attach(session: Session, around: Surroundings, limits: DoorSettings) -> Stream:
    """A new stream that takes the session from whoever had it."""
    stream = Stream(session, around, limits)
    session.attach(stream)
    return stream
