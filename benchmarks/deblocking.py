"""What deblocking frames that no other builds on is worth: time, likeness and reading.

    python -m benchmarks.deblocking [--scenes 10] [--kbits 500 1000 2000]

A drawn specimen is held before a camera with a tremor, motion blur and noise, and coded as VP8 in
three temporal layers. Every other frame, those of the uppermost layer, is decoded with and without
its loop filter (RFC 6386, section 15): printed are the decoder's processor time for a frame of the
whole stream, how like the camera's picture these frames are (PSNR), and how many of their zones
are read without an error, each from one frame alone. Five seconds a scene.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass

import av
import cv2
import numpy as np

from benchmarks.films import TIDS, Shape, encoder_of
from benchmarks.mrz_video import PAGE_WIDTH_PX, Take, errors, take
from core.errors import MrzNotFound
from core.settings import MrzSettings
from pipeline.mrz.reader import MrzReader
from pipeline.rectify import rectify
from pipeline.still import still_frame
from pipeline.types import Detection, ImageU8

BITRATES = (500, 1000, 2000)
WAYS = {"deblocked": "default", "not": "noref"}
"""FFmpeg's ``skip_loop_filter``."""
_FPS = 24
_FRAMES = 5
_EVERY = 6
"""Frames between those that are read: neighbours show the same blur."""
_ROUNDS = 3


@dataclass(slots=True)
class Tally:
    """What came of all scenes, at one bitrate, decoded one way."""

    frames: int = 0
    exact: int = 0
    wrong: int = 0
    psnr_db: float = 0.0
    decode_s: float = 0.0
    decoded: int = 0

    def row(self, kbits: int, way: str) -> str:
        return (
            f"{kbits:8d} {way:>10} {self.decode_s / self.decoded * 1000:9.2f} "
            f"{self.psnr_db / self.frames:8.2f} {self.exact:4d}/{self.frames:<4d} {self.wrong:6d}"
        )


def coded(frames: Sequence[ImageU8], kbits: int) -> list[bytes]:
    """Frames (H×W×3 uint8 BGR) as VP8 in layers as TIDS has them."""
    height, width = frames[0].shape[:2]
    encoder = encoder_of(Shape(width, height, _FPS, kbits), "VP8")
    packets = []
    for place, frame in enumerate(frames):
        shown = av.VideoFrame.from_ndarray(frame, format="bgr24").reformat(format="yuv420p")
        shown.pts = place
        packets += [bytes(packet) for packet in encoder.encode(shown)]
    return packets


def decoded(packets: Sequence[bytes], way: str) -> tuple[list[ImageU8], float]:
    """Pictures (H×W×3 uint8 BGR), and the quickest round's processor seconds for all of them."""
    rounds = []
    for _ in range(_ROUNDS):
        decoder = av.CodecContext.create("vp8", "r")
        decoder.thread_count = 1
        decoder.options = {"skip_loop_filter": WAYS[way]}
        began = time.thread_time()
        pictures = [picture for data in packets for picture in decoder.decode(av.Packet(data))]
        rounds.append(time.thread_time() - began)
    shown = [np.asarray(picture.to_ndarray(format="bgr24"), np.uint8) for picture in pictures]
    return shown, min(rounds)


def read_scene(
    taken: Take, packets: Sequence[bytes], way: str, reader: MrzReader, tally: Tally
) -> None:
    """Add one scene, coded as ``packets``, to the tally."""
    pictures, spent_s = decoded(packets, way)
    tally.decode_s += spent_s
    tally.decoded += len(pictures)
    rng = np.random.default_rng([taken.seed, 79])
    upper = [n for n in range(1, len(pictures)) if TIDS[n % len(TIDS)] == max(TIDS)]
    for index in upper[:: _EVERY // 2]:
        shown = taken.shown[index]
        quad = shown.quad_px
        assert quad is not None
        diagonal = float(np.linalg.norm(quad[2] - quad[0]))
        found = (quad + rng.normal(0, 0.005 * diagonal, (4, 2))).astype(np.float32)
        detection = Detection(found, 1.0, mrtd_format=taken.mrtd_format)
        page = rectify(still_frame(pictures[index]), detection, PAGE_WIDTH_PX).bgr
        try:
            wrong = errors(reader.read([page]), taken.drawn)
        except MrzNotFound:
            wrong = errors(None, taken.drawn)
        tally.frames += 1
        tally.exact += wrong == 0
        tally.wrong += wrong
        tally.psnr_db += cv2.PSNR(pictures[index], shown.bgr)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=10)
    parser.add_argument("--kbits", type=int, nargs="+", default=BITRATES, metavar="KBIT/S")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    reader = MrzReader(MrzSettings(), clock=time.process_time)
    tallies = {(kbits, way): Tally() for kbits in options.kbits for way in WAYS}
    for seed in range(options.scenes):
        taken = take(seed, _FRAMES)
        for kbits in options.kbits:
            packets = coded([frame.bgr for frame in taken.shown], kbits)
            for way in WAYS:
                read_scene(taken, packets, way, reader, tallies[kbits, way])
    print(f"{'kbit/s':>8} {'loop filter':>10} {'ms/frame':>9} {'PSNR dB':>8} {'exact':>9} wrong")
    for (kbits, way), tally in tallies.items():
        print(tally.row(kbits, way))


if __name__ == "__main__":
    main()
