"""The specimen scene as a camera: a video track that plays it in real time."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

import av
from aiortc import MediaStreamTrack
from aiortc.codecs import h264, vpx

from models.training.specimen_scene import SpecimenScene

_CLOCK_RATE_HZ = 90_000
_BITRATE_BPS = 2_000_000


def webcam_bitrate() -> None:
    """Let aiortc's encoders begin where a browser would: their own start is 0.5 Mbit/s.

    At that rate 720p letters blur away, which says nothing about the server.
    """
    for codec in (vpx, h264):
        setattr(codec, "DEFAULT_BITRATE", _BITRATE_BPS)  # noqa: B010
        setattr(codec, "MAX_BITRATE", 2 * _BITRATE_BPS)  # noqa: B010


class SceneTrack(MediaStreamTrack):
    """Plays ``scene`` once and then its last picture; frames that come late are left out."""

    kind = "video"

    def __init__(self, scene: SpecimenScene, last_index: int | None = None) -> None:
        super().__init__()
        webcam_bitrate()
        self._scene = scene
        self._last = scene.frame_count - 1 if last_index is None else last_index
        self._began_s: float | None = None
        self._sent = -1

    async def recv(self) -> av.VideoFrame:
        if self._began_s is None:
            self._began_s = time.monotonic()
        due = max(self._sent + 1, int((time.monotonic() - self._began_s) * self._scene.fps))
        wait_s = self._began_s + due / self._scene.fps - time.monotonic()
        await asyncio.sleep(max(0.0, wait_s))
        self._sent = due
        drawn = await asyncio.to_thread(self._scene.frame, min(due, self._last))
        frame = av.VideoFrame.from_ndarray(drawn.bgr, format="bgr24")
        frame.pts = int(due * _CLOCK_RATE_HZ / self._scene.fps)
        frame.time_base = Fraction(1, _CLOCK_RATE_HZ)
        return frame
