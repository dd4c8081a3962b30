"""The specimen scene, coded once: peers that send it cost next to nothing.

VP8 in three temporal layers, L1T3 of W3C WebRTC-SVC, as our page asks its browser for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.codecs.vpx import PACKET_MAX, Vp8Encoder, VpxPayloadDescriptor
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase

from media.bitstreams import is_h264, is_key_frame
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.types import ImageU8

SECONDS = 6
_BACK_AND_FORTH_S = 2
_CLOCK_RATE_HZ = 90_000
TIDS = (0, 2, 1, 2)
"""Layers of frames, over and over."""
SYNC = (0, 1, 1, 0)
"""Which of them build on the lowest layer alone; so libvpx has it by ts_layering_mode 3."""
_LAYER_SHARES = (0.4, 0.6, 1.0)
"""Of the bits, with the layers below, as libwebrtc shares them out."""
_LAYERED_RATE = 1.3
"""In layers libvpx makes of the empty desk fewer bits than it is told; so much more makes them as
many as the shape has."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a profile makes a browser send."""

    width: int
    height: int
    fps: int
    kbps: int


SCENES = {
    "empty": "an empty desk",
    "moving": "a sleeve moving over the desk",
    "held": "a document held",
}
"""What films show. Nothing changes on an empty desk, so that a server may look at fewer frames."""
SHAPES = {"tracking": Shape(640, 360, 12, 500), "capture": Shape(1280, 720, 24, 2000)}


def write_film(path: Path, shape: Shape, codec: str, shows: str) -> None:
    """Code a scene, as VP8 or H264; ``shows``: one of SCENES."""
    scene = SpecimenScene(
        fps=shape.fps,
        no_document=shows != "held",
        phases=Phases(empty=0.05, moving_in=0.05, held=SECONDS + 1),
    )
    encoder = encoder_of(shape, codec)
    with path.open("wb") as film:
        for index in range(SECONDS * shape.fps):
            bgr = scene.frame(index + shape.fps // 2).bgr
            if shows == "moving":
                _draw_sleeve(bgr, index / shape.fps)
            if bgr.shape[0] != shape.height:
                size = (shape.width, shape.height)
                bgr = np.asarray(cv2.resize(bgr, size, interpolation=cv2.INTER_AREA), np.uint8)
            frame = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            frame.pts, frame.time_base = index, Fraction(1, shape.fps)
            coded = b"".join(bytes(packet) for packet in encoder.encode(frame))
            film.write(len(coded).to_bytes(4, "big") + coded)


def _draw_sleeve(bgr: ImageU8, at_s: float) -> None:
    """Somebody's, who moves all the time: no frame is like the one before, and none a document."""
    height, width = bgr.shape[:2]
    place = abs(at_s % _BACK_AND_FORTH_S - _BACK_AND_FORTH_S / 2)
    centre = round(width * (0.25 + 0.5 * place)), round(0.7 * height)
    axes = round(0.1 * width), round(0.5 * height)
    cv2.ellipse(bgr, centre, axes, 20, 0, 360, (58, 44, 40), -1, cv2.LINE_AA)


def encoder_of(shape: Shape, codec: str) -> Any:
    """Codes VP8, in layers as TIDS has them, or H264, at the shape's size and rate."""
    encoder: Any = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
    encoder.width, encoder.height = shape.width, shape.height
    encoder.pix_fmt, encoder.gop_size = "yuv420p", 10_000
    encoder.time_base, encoder.framerate = Fraction(1, shape.fps), Fraction(shape.fps)
    encoder.bit_rate = round(shape.kbps * 1000 * (_LAYERED_RATE if codec == "VP8" else 1))
    rate = {"maxrate": str(encoder.bit_rate), "bufsize": str(encoder.bit_rate // 2)}
    if codec == "VP8":
        encoder.options = {
            **rate,
            "minrate": rate["maxrate"],
            "deadline": "realtime",
            "cpu-used": "-6",
            "lag-in-frames": "0",
            "error-resilient": "1",
            "ts-parameters": layering([share * encoder.bit_rate / 1000 for share in _LAYER_SHARES]),
        }
    else:
        encoder.options = {
            **rate,
            "tune": "zerolatency",
            "preset": "veryfast",
            "profile": "baseline",
        }
    return encoder


def layering(kbps: Sequence[float]) -> str:
    """libvpx's parameters for layers as TIDS has them; ``kbps`` of each with those below."""
    rates = ",".join(str(round(rate)) for rate in kbps)
    return (
        f"ts_number_layers=3:ts_target_bitrate={rates}:ts_rate_decimator=4,2,1:"
        f"ts_periodicity=4:ts_layer_id={','.join(map(str, TIDS))}:ts_layering_mode=3"
    )


def read_film(path: Path) -> list[bytes]:
    """Coded frames, the first a key frame."""
    data, frames, place = path.read_bytes(), [], 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        frames.append(data[place + 4 : place + 4 + size])
        place += 4 + size
    return frames


class LayeredPacker(Vp8Encoder):
    """Packs frames as aiortc's encoder does, with the layer in the descriptor (RFC 7741, 4.2)."""

    def __init__(self) -> None:
        super().__init__()
        self._place = 0
        self._lowest = -1

    def pack(self, packet: av.Packet[Any]) -> tuple[list[bytes], int]:
        """The payloads of a coded frame, and its RTP timestamp."""
        data = bytes(packet)
        self._place = 0 if is_key_frame(data) else (self._place + 1) % len(TIDS)
        self._lowest += self._place == 0
        described = VpxPayloadDescriptor(
            partition_start=1,
            partition_id=0,
            picture_id=self.picture_id,
            tl0picidx=self._lowest & 0xFF,
            tid=(TIDS[self._place], SYNC[self._place]),
            keyidx=0,
        )
        self.picture_id = (self.picture_id + 1) % (1 << 15)
        room = PACKET_MAX - len(bytes(described))
        payloads = []
        for begin in range(0, len(data), room):
            payloads.append(bytes(described) + data[begin : begin + room])
            described.partition_start = 0
        assert packet.pts is not None and packet.time_base is not None
        return payloads, convert_timebase(packet.pts, packet.time_base, VIDEO_TIME_BASE)


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
        """Begin anew when a key frame is asked for (PLI, RFC 4585, 6.3.1), as encoders do, and say
        of each VP8 frame which layer it belongs to."""
        if not is_h264(self._frames[0]):
            setattr(sender, "_RTCRtpSender__encoder", LayeredPacker())  # noqa: B010
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
