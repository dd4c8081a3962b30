"""The specimen scene as a camera: a video track that plays it in real time."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
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
    """Plays ``scene`` once and then its last picture; frames that come late are left out.

    Small pictures and fewer of them are sent where a profile asks for that.
    """

    kind = "video"

    def __init__(self, scene: SpecimenScene, last_index: int | None = None) -> None:
        super().__init__()
        webcam_bitrate()
        self._scene = scene
        self._last = scene.frame_count - 1 if last_index is None else last_index
        self._began_s: float | None = None
        self._sent = -1
        self._max_height: int | None = None
        self._max_fps: float | None = None

    def follow(self, profile: dict[str, Any]) -> int:
        """Obey a ``profile`` message; the width of the pictures under *capture*, in pixels."""
        self._max_height, self._max_fps = profile["max_height"], profile["max_fps"]
        return self._scene.size[0]

    def _picture(self, index: int) -> av.VideoFrame:
        bgr = self._scene.frame(index).bgr
        height, width = bgr.shape[:2]
        if self._max_height is not None and self._max_height < height:
            size = 2 * round(width * self._max_height / height / 2), self._max_height
            bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
        return av.VideoFrame.from_ndarray(bgr, format="bgr24")

    async def recv(self) -> av.VideoFrame:
        if self._began_s is None:
            self._began_s = time.monotonic()
        step = max(1, round(self._scene.fps / (self._max_fps or self._scene.fps)))
        due = max(self._sent + step, int((time.monotonic() - self._began_s) * self._scene.fps))
        wait_s = self._began_s + due / self._scene.fps - time.monotonic()
        await asyncio.sleep(max(0.0, wait_s))
        self._sent = due
        frame = await asyncio.to_thread(self._picture, min(due, self._last))
        frame.pts = int(due * _CLOCK_RATE_HZ / self._scene.fps)
        frame.time_base = Fraction(1, _CLOCK_RATE_HZ)
        return frame
