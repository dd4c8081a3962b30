"""How reading gets better with the frames of a video, against its best single frame.

    python -m benchmarks.mrz_video [--scenes 12] [--frames 5]

A drawn specimen is held before a camera with a tremor, motion blur and noise; the video is coded
as VP8 at 300, 700 and 2000 kbit/s and decoded again. Frames of the time it is held are flattened
by its true corners, 1% off, as the detector's are. ``best`` is the single frame of the highest
quality score; the columns are what the reader makes of the best one, two and more frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from core.errors import MrzNotFound
from core.settings import MrzSettings, QualitySettings
from models.training.line_texts import fields
from models.training.specimen import Specimen, draw_specimen
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.mrz.reader import MrzReader
from pipeline.quality import measure_quality
from pipeline.rectify import rectify
from pipeline.still import still_frame
from pipeline.types import Detection, ImageU8, MrtdFormat

BITRATES = (300_000, 700_000, 2_000_000)
PAGE_WIDTH_PX = 1500
_FPS = 24
_SECONDS = 1.5
_EVERY = 5
"""Frames between those that are read: neighbours show the same blur."""
_PATIENCE_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Video:
    """A specimen and pages from its video, the best first by quality."""

    drawn: Specimen
    pages: tuple[ImageU8, ...]


def coded(frames: Sequence[ImageU8], bitrate: int) -> list[ImageU8]:
    """Frames (H×W×3 uint8 BGR) after VP8 at that many bits a second, as a camera's call has it."""
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, _FPS), bitrate
    encoder.options = {"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0"}
    decoder = av.CodecContext.create("vp8", "r")
    packets = []
    for place, frame in enumerate(frames):
        shown = av.VideoFrame.from_ndarray(frame, format="bgr24").reformat(format="yuv420p")
        shown.pts = place
        packets += encoder.encode(shown)
    packets += encoder.encode(None)
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    return [np.asarray(picture.to_ndarray(format="bgr24"), np.uint8) for picture in decoded]


def video(seed: int, bitrate: int, frames: int) -> Video:
    """A document of some format, held for a moment; always the same for the same arguments."""
    rng = np.random.default_rng([seed, 77])
    mrtd_format = list(MrtdFormat)[seed % len(MrtdFormat)]
    drawn = draw_specimen(mrtd_format, fields(rng, mrtd_format), 1000)
    held = Phases(0, 0, _SECONDS + 1, 0, 0)
    size = float(rng.uniform(0.42, 0.6))
    scene = SpecimenScene(
        page=drawn.bgr, seed=seed, phases=held, scale=size, tremor=5, noise=5, fps=_FPS
    )
    shown = [scene.frame(index) for index in range(int(_SECONDS * _FPS))]
    received = coded([frame.bgr for frame in shown], bitrate)
    scored = []
    for index in range(len(received) - 1, 0, -_EVERY):
        quad = shown[index].quad_px
        assert quad is not None
        diagonal = float(np.linalg.norm(quad[2] - quad[0]))
        found = (quad + rng.normal(0, 0.005 * diagonal, (4, 2))).astype(np.float32)
        frame = still_frame(received[index])
        score = measure_quality(frame, found, QualitySettings()).score
        page = rectify(frame, Detection(found, 1.0, mrtd_format=mrtd_format), PAGE_WIDTH_PX).bgr
        scored.append((score, page))
    scored.sort(key=lambda pair: -pair[0])
    return Video(drawn, tuple(page for _, page in scored[:frames]))


def errors(reader: MrzReader, drawn: Specimen, pages: Sequence[ImageU8]) -> int:
    """Characters that the reading of the pages has wrong; all of them where it finds no zone."""
    truth = "".join(drawn.lines)
    try:
        read = reader.read(pages, _PATIENCE_MS)
    except MrzNotFound:
        return len(truth)
    if [len(line) for line in read.lines] != [len(line) for line in drawn.lines]:
        return len(truth)
    return sum(a != b for a, b in zip("".join(read.lines), truth, strict=True))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--frames", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    reader = MrzReader(MrzSettings())
    counts = range(1, options.frames + 1)
    heading = "".join(f"{f'{count} frames':>16}" for count in counts[1:])
    print(f"{'kbit/s':>8}{'best frame':>16}{heading}   (zones exact, characters wrong)")
    for bitrate in BITRATES:
        seen = [video(seed, bitrate, options.frames) for seed in range(options.scenes)]
        characters = sum(len("".join(one.drawn.lines)) for one in seen)
        cells = []
        for count in counts:
            wrong = [errors(reader, one.drawn, one.pages[:count]) for one in seen]
            exact = sum(number == 0 for number in wrong)
            cells.append(f"{f'{exact}/{len(seen)}, {sum(wrong) / characters:.1%}':>16}")
        print(f"{bitrate // 1000:>8}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
