"""The specimen scene, coded once: peers that send it cost next to nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpSender

from models.training.specimen_scene import Phases, SpecimenScene

SECONDS = 6
_CLOCK_RATE_HZ = 90_000


@dataclass(frozen=True, slots=True)
class Shape:
    """What a profile makes a browser send."""

    width: int
    height: int
    fps: int
    kbps: int


SHAPES = {"tracking": Shape(640, 360, 12, 500), "capture": Shape(1280, 720, 24, 2000)}


def write_film(path: Path, shape: Shape, codec: str, held: bool) -> None:
    """Code the scene, as VP8 or H264; ``held``: a document at rest, else an empty desk."""
    scene = SpecimenScene(
        fps=shape.fps,
        no_document=not held,
        phases=Phases(empty=0.05, moving_in=0.05, held=SECONDS + 1),
    )
    encoder = _encoder(shape, codec)
    with path.open("wb") as film:
        for index in range(SECONDS * shape.fps):
            bgr = scene.frame(index + shape.fps // 2).bgr
            if bgr.shape[0] != shape.height:
                size = (shape.width, shape.height)
                bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, shape.fps)
            coded = b"".join(bytes(packet) for packet in encoder.encode(frame))
            film.write(len(coded).to_bytes(4, "big") + coded)


def _encoder(shape: Shape, codec: str) -> Any:
    encoder: Any = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
    encoder.width, encoder.height = shape.width, shape.height
    encoder.pix_fmt, encoder.gop_size = "yuv420p", 10_000
    encoder.time_base, encoder.framerate = Fraction(1, shape.fps), Fraction(shape.fps)
    encoder.bit_rate = shape.kbps * 1000
    rate = {"maxrate": str(encoder.bit_rate), "bufsize": str(encoder.bit_rate // 2)}
    if codec == "VP8":
        encoder.options = {
            **rate,
            "minrate": rate["maxrate"],
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            "error-resilient": "1",
        }
    else:
        encoder.options = {
            **rate,
            "tune": "zerolatency",
            "preset": "veryfast",
            "profile": "baseline",
        }
    return encoder


def read_film(path: Path) -> list[bytes]:
    """Coded frames, the first a key frame."""
    data, frames, place = path.read_bytes(), [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        frames.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return frames


class FilmTrack(MediaStreamTrack):
    """Plays coded frames over and over; aiortc's sender packs what is coded already.

    The one key frame is the first: whoever asks for one gets the film from its beginning.
    """

    kind = "video"

    def __init__(self, frames: list[bytes], fps: float, lead_s: float = 0.0) -> None:
        super().__init__()
        self._frames = frames
        self._fps = fps
        self._began_s = time.monotonic() + lead_s
        self._number = 0
        self._first = 0

    def heeds(self, sender: RTCRtpSender) -> None:
        """Begin anew when a key frame is asked for (PLI, RFC 4585, 6.3.1), as encoders do."""
        noted = sender._send_keyframe

        def send_keyframe() -> None:
            self._first = self._number
            noted()

        setattr(sender, "_send_keyframe", send_keyframe)  # noqa: B010

    async def recv(self) -> Any:
        await asyncio.sleep(max(0.0, self._began_s + self._number / self._fps - time.monotonic()))
        packet = av.Packet(self._frames[(self._number - self._first) % len(self._frames)])
        packet.pts = int(self._number * _CLOCK_RATE_HZ / self._fps)
        packet.time_base = Fraction(1, _CLOCK_RATE_HZ)
        self._number += 1
        return packet
