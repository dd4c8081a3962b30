"""From encoded frames to pictures, never far behind.

aiortc 1.16 decodes all that comes, however late, and hands each picture to the event loop as a
task of its own. Where other programs take the processors, frames then wait for the decoder and
pictures for the loop, each for longer than the one before. Here what has waited too long is not
decoded at all: whoever looks wants the present. ``DecoderQueue`` is put in the place of aiortc's
queue by ``media/reception.py``; its ``get`` does the decoder thread's whole work.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import av

from core.log import Log
from media.bitstreams import is_key_frame
from media.layers import ALL_LAYERS
from media.relied_on import from_module

if TYPE_CHECKING:
    from aiortc.codecs import get_decoder
    from aiortc.jitterbuffer import JitterFrame
    from aiortc.mediastreams import VIDEO_TIME_BASE
else:
    (get_decoder,) = from_module("aiortc.codecs", "get_decoder")
    (JitterFrame,) = from_module("aiortc.jitterbuffer", "JitterFrame")
    (VIDEO_TIME_BASE,) = from_module("aiortc.mediastreams", "VIDEO_TIME_BASE")

PARTS = (get_decoder, JitterFrame, VIDEO_TIME_BASE)
"""Of aiortc, without which there is nothing here."""
_log = Log("rtc")

MAX_WAIT_S = 0.2
"""A frame that has waited for the decoder for longer is not decoded any more."""
MAX_BACKLOG = 24
"""Frames that wait for the decoder: a second of video, more than comes at once after a loss."""
_HASTE_S = 0.1
"""From this wait on upper temporal layers are left out, so that no key frame need be asked for."""
_DECODERS = {"VP8": "vp8", "H264": "h264"}
"""FFmpeg's own. Its VP8 takes a seventh less time than libvpx at 720p, which copies each picture
once more."""
_OPTIONS = {"vp8": {"skip_loop_filter": "noref"}}
"""A frame of the uppermost temporal layer, that none builds on, is not deblocked: a fifth of the
time for the whole stream, and its print is read as well (``benchmarks.deblocking``)."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What is told on the event loop of frames that nobody will see, each with their number.

    ``outdated``: never decoded, as they had waited too long. ``replaced``: decoded, but a newer
    picture was there before the loop came to it. ``undecodable``, of one, and on the decoder's
    thread: its decoder could do nothing with it.
    """

    outdated: Callable[[int], None] = lambda count: None
    replaced: Callable[[int], None] = lambda count: None
    undecodable: Callable[[], None] = lambda: None


@dataclass(slots=True)
class Shortcut:
    """Who takes pictures past the track, where a queue and a task are on the way.

    ``look`` is offered each on the decoder's thread, unless a newer one waits to be decoded. It
    gives what the event loop is to be told, or None for a picture that ``take`` shall have there.
    """

    take: Callable[[Any], None] | None = None
    look: Callable[[Any], Callable[[], None] | None] | None = None


class Assembler(Protocol):
    """Where encoded frames come from."""

    def skip_to_key(self) -> None:
        """Give up all before the next key frame, and ask for one."""
        ...


class FrameRun(JitterFrame):
    """A frame with the ``later`` ones that became complete by the same packet."""

    def __init__(self, frames: list[JitterFrame]) -> None:
        super().__init__(frames[0].data, frames[0].timestamp)
        self.rtp_timestamp = frames[0].timestamp
        self.later = frames[1:]


class Decoder:
    """One codec's decoder, on one thread: streams are what is done side by side."""

    def __init__(self, codec: Any) -> None:
        name = _DECODERS.get(codec.name.upper())
        self._other = None if name in av.codecs_available else get_decoder(codec)
        if name is not None and self._other is None:
            self._context: Any = av.CodecContext.create(name, "r")
            self._context.thread_count = 1
            self._context.options = _OPTIONS.get(name, {})

    def decode(self, frame: JitterFrame) -> Sequence[Any]:
        """Pictures whose ``pts`` is the frame's timestamp. Raises av.FFmpegError."""
        if self._other is not None:
            return self._other.decode(frame)
        packet = av.Packet(frame.data)
        packet.pts, packet.time_base = frame.timestamp, VIDEO_TIME_BASE
        pictures: Sequence[Any] = self._context.decode(packet)
        return pictures


class Handover:
    """Pictures from the decoder's thread to the event loop: only the newest, and one wake-up."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        place: Callable[[], asyncio.Queue[Any]],
        replaced: Callable[[int], None],
        shortcut: Shortcut | None = None,
    ) -> None:
        """``place``: the queue that the track reads; it never holds more than one picture.

        ``shortcut``: past it, where somebody takes pictures there.
        """
        self._loop = loop
        self._place = place
        self._told = replaced
        self._shortcut = shortcut or Shortcut()
        self._lock = threading.Lock()
        self._newest: Any = None
        self._delivering = False
        self._replaced = 0

    def put(self, picture: Any, newest: bool = False) -> None:
        """From the decoder's thread; ``newest``: none waits to be decoded behind it."""
        look = self._shortcut.look
        # A picture on its way to the loop is older, and would be looked at after this one.
        first = newest and self._newest is None and not self._delivering
        if first and look is not None and (told := look(picture)):
            self._wake(told)
            return
        with self._lock:
            before, self._newest = self._newest, picture
            self._replaced += before is not None
        if before is None:
            self._wake(self._deliver)

    def _wake(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call)

    def _deliver(self) -> None:
        with self._lock:
            # Before the place is empty: ``put`` looks at both without the lock.
            self._delivering = True
            picture, self._newest = self._newest, None
            count, self._replaced = self._replaced, 0
        try:
            self._hand_over(picture, count)
        finally:
            self._delivering = False

    def _hand_over(self, picture: Any, count: int) -> None:
        place = self._place()
        while not place.empty():
            place.get_nowait()
            count += 1
        if count:
            self._told(count)
        if (take := self._shortcut.take) is not None:
            try:
                take(picture)
            except Exception:
                # The long way it ends its session, as an error of one session should.
                self._shortcut.take = None
            else:
                return
        place.put_nowait(picture)


class DecoderQueue(queue.Queue[Any]):
    """Encoded frames on their way to the decoder's thread, none of them old.

    When the first has waited for MAX_WAIT_S the decoder is behind: it goes on with the newest key
    frame that is there, or all fall and one is asked for (PLI, RFC 4585, 6.3.1). Before that,
    upper temporal layers are left out where the stream has them.
    """

    def __init__(
        self,
        assembler: Assembler,
        handover: Handover | None = None,
        decode_error: threading.Event | None = None,
        outdated: Callable[[int], None] = lambda count: None,
        clock: Callable[[], float] = time.monotonic,
        decoder: Callable[[Any], Decoder] = Decoder,
        undecodable: Callable[[], None] = lambda: None,
    ) -> None:
        """``handover``: who takes the pictures; without one it is a queue and no more."""
        super().__init__()
        self._assembler = assembler
        self._handover = handover
        self._decode_error = decode_error or threading.Event()
        self._outdated = outdated
        self._clock = clock
        self._decoder = decoder
        self._undecodable = undecodable

    def layers(self) -> int:
        """How many temporal layers there is time for."""
        return 1 if self.waited_s() > _HASTE_S else ALL_LAYERS

    def waited_s(self) -> float:
        """How long the frame that is decoded next has waited; 0 without one."""
        with self.mutex:
            return self._clock() - self.queue[0][0] if self.queue else 0.0

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:
            super().put(item, block, timeout)
            return
        codec, first = item
        later = first.later if isinstance(first, FrameRun) else []
        for frame in later:
            # aiortc has mapped the first timestamp of the run to its own start.
            passed = (frame.timestamp - first.rtp_timestamp) & 0xFFFFFFFF
            frame.timestamp = first.timestamp + passed
        coming = [(codec, frame) for frame in (first, *later)]
        if self.qsize() >= MAX_BACKLOG or self.waited_s() > MAX_WAIT_S:
            coming = self._caught_up(coming)
        for each in coming:
            super().put(each, block, timeout)

    def _caught_up(self, coming: list[Any]) -> list[Any]:
        """What is still worth decoding of all that waits and comes; nothing else waits then."""
        waiting = []
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.append(self.get_nowait())
        everything = waiting + coming
        places = range(len(everything) - 1, 0, -1)
        key = next((k for k in places if is_key_frame(everything[k][1].data)), None)
        if key is None:
            self._assembler.skip_to_key()
        self._outdated(len(everything) if key is None else key)
        return [] if key is None else everything[key:]

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """What aiortc's decoder thread waits in; with a handover, for as long as it lives."""
        if not block or self._handover is None:
            return super().get(block, timeout)
        handover, decoders = self._handover, dict[str, Decoder]()
        while (item := super().get()) is not None:
            codec, frame = item
            if codec.name not in decoders:
                decoders = {codec.name: self._decoder(codec)}
            try:
                pictures = decoders[codec.name].decode(frame)
            except av.FFmpegError as error:
                # The state is kept: without it each frame up to the next key frame would fail.
                _log.info("x frame cannot be decoded", codec=codec.name, error=type(error).__name__)
                self._decode_error.set()
                self._undecodable()
                continue
            for picture in pictures:
                handover.put(picture, newest=not self.queue)
        return None

    def _put(self, item: Any) -> None:
        self.queue.append((self._clock(), item))

    def _get(self) -> Any:
        return self.queue.popleft()[1]
