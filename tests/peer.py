"""A real aiortc peer for tests: a track of drawn frames, and the example's client."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import av
import numpy as np
from aiortc import VideoStreamTrack
from aiortc.mediastreams import VIDEO_CLOCK_RATE

from pipeline.types import ImageU8


class DrawnTrack(VideoStreamTrack):
    """Sends ``size`` (width, height) frames at ``fps``; each has another brightness.

    ``resize`` changes the size in mid-call. After ``limit`` frames it sends no more.
    """

    def __init__(
        self, size: tuple[int, int] = (320, 240), fps: int = 24, limit: int | None = None
    ) -> None:
        super().__init__()
        self._size = size
        self._fps = fps
        self._limit = limit
        self._number = 0
        self.stopped_sending = asyncio.Event()

    def resize(self, size: tuple[int, int]) -> None:
        self._size = size

    def draw(self, number: int) -> ImageU8:
        width, height = self._size
        picture = np.full((height, width, 3), 40 + number % 150, np.uint8)
        picture[: height // 2, : width // 2] = 200
        return picture

    async def recv(self) -> av.VideoFrame:
        if self._limit is not None and self._number >= self._limit:
            self.stopped_sending.set()
            await asyncio.Event().wait()
        await asyncio.sleep(1 / self._fps)
        frame = av.VideoFrame.from_ndarray(self.draw(self._number), format="bgr24")
        frame.pts = self._number * VIDEO_CLOCK_RATE // self._fps
        frame.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        self._number += 1
        return frame
