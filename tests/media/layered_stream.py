"""A VP8 stream in three temporal layers, as libvpx codes it, and peers' packets of it."""

from __future__ import annotations

import functools
from fractions import Fraction

import av
import numpy as np
from aiortc.codecs.vpx import VpxPayloadDescriptor

from benchmarks.films import TIDS, layering
from pipeline.types import ImageU8

_SIZE = (320, 180)


@functools.cache
def encoded_l1t3(count: int = 48) -> tuple[bytes, ...]:
    """Encoded frames of noise that moves, the first a key frame; layers as TIDS has them."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height = _SIZE
    encoder.pix_fmt, encoder.gop_size, encoder.bit_rate = "yuv420p", 3000, 400_000
    encoder.time_base, encoder.framerate = Fraction(1, 24), Fraction(24)
    encoder.options = {
        "deadline": "realtime",
        "cpu-used": "-6",
        "lag-in-frames": "0",
        "error-resilient": "1",
        "ts-parameters": layering((200, 300, 400)),
    }
    noise = np.random.default_rng(1).integers(0, 255, (*_SIZE[::-1], 3), np.uint8)
    coded: list[bytes] = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(np.roll(noise, 3 * number, axis=1), format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, 24)
        coded += [bytes(packet) for packet in encoder.encode(frame)]
    return tuple(coded)


def decoded(frames: dict[int, bytes]) -> dict[int, ImageU8]:
    """Number -> luma of each frame that a decoder gives for these, H×W uint8."""
    decoder = av.CodecContext.create("libvpx", "r")
    pictures = {}
    for number, data in frames.items():
        packet = av.Packet(data)
        packet.pts = number
        for picture in decoder.decode(packet):
            pictures[number] = np.asarray(picture.to_ndarray(format="gray"), np.uint8)
    return pictures


def descriptor(number: int, sync: bool = False) -> bytes:
    """The VP8 payload descriptor of a frame of the stream, as browsers write it."""
    return bytes(
        VpxPayloadDescriptor(
            partition_start=1,
            partition_id=0,
            picture_id=number & 0x7FFF,
            tl0picidx=(number // 4) & 0xFF,
            tid=(TIDS[number % 4], int(sync)),
            keyidx=0,
        )
    )
