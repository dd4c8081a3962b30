"""How reading gets better with the frames of a video, against its best single frame.

    python -m benchmarks.mrz_video [--scenes 12] [--frames 5] [--kbits 300 700 2000] [--width 1280]

A drawn specimen is held before a camera with a tremor, motion blur and noise; the video is coded
as VP8 at each bitrate and decoded again. Frames of the time it is held are flattened by its true
corners, 1% off, as the detector's are. ``best frame`` is the single frame of the highest quality
score; the columns are what the reader makes of the best one, two and more frames, within its usual
deadline in processor time. Half a minute of processor time a scene, most of it for zones that
remain in doubt, which are read again with every frame.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np

from core.errors import MrzNotFound
from core.settings import MrzSettings, QualitySettings
from models.training.line_texts import fields
from models.training.specimen import Specimen, draw_specimen
from models.training.specimen_scene import Phases, SceneFrame, SpecimenScene
from pipeline.document import is_sure
from pipeline.mrz.reader import MrzReader
from pipeline.quality import measure_quality
from pipeline.rectify import rectify
from pipeline.still import still_frame
from pipeline.types import Detection, ImageU8, MrtdFormat, MrzRead

BITRATES = (300, 700, 2000)
PAGE_WIDTH_PX = 1500
_FPS = 24
_EVERY = 5
"""Frames between those that are read: neighbours show the same blur."""


@dataclass(frozen=True, slots=True)
class Take:
    """A document of some format, held for a moment: the frames before they are coded."""

    seed: int
    mrtd_format: MrtdFormat
    drawn: Specimen
    shown: tuple[SceneFrame, ...]


def take(seed: int, frames: int, width_px: int = 1280) -> Take:
    """Always the same for the same arguments; as long as ``frames`` that are read call for."""
    rng = np.random.default_rng([seed, 77])
    mrtd_format = list(MrtdFormat)[seed % len(MrtdFormat)]
    drawn = draw_specimen(mrtd_format, fields(rng, mrtd_format), 1000)
    count = 1 + frames * _EVERY
    scene = SpecimenScene(
        (width_px, width_px * 9 // 16),
        page=drawn.bgr,
        seed=seed,
        phases=Phases(0, 0, 1 + count / _FPS, 0, 0),
        scale=float(rng.uniform(0.42, 0.6)),
        tremor=5,
        noise=5,
        fps=_FPS,
    )
    return Take(seed, mrtd_format, drawn, tuple(scene.frame(index) for index in range(count)))


def coded(frames: Sequence[ImageU8], kbits: int) -> list[ImageU8]:
    """Frames (H×W×3 uint8 BGR) after VP8 at that many kbit/s, as a camera's call has it.

    The encoder's speed is fixed: left to itself it follows the clock, and no two runs are alike.
    """
    height, width = frames[0].shape[:2]
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, _FPS), kbits * 1000
    encoder.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0"}
    decoder = av.CodecContext.create("vp8", "r")
    packets = []
    for place, frame in enumerate(frames):
        shown = av.VideoFrame.from_ndarray(frame, format="bgr24").reformat(format="yuv420p")
        shown.pts = place
        packets += encoder.encode(shown)
    packets += encoder.encode(None)
    decoded = [picture for packet in packets for picture in decoder.decode(packet)]
    return [np.asarray(picture.to_ndarray(format="bgr24"), np.uint8) for picture in decoded]


def pages(taken: Take, kbits: int) -> list[ImageU8]:
    """The document's flat pages out of the coded video, the best first by quality."""
    rng = np.random.default_rng([taken.seed, 78])
    received = coded([frame.bgr for frame in taken.shown], kbits)
    scored = []
    for index in range(len(received) - 1, 0, -_EVERY):
        quad = taken.shown[index].quad_px
        assert quad is not None
        diagonal = float(np.linalg.norm(quad[2] - quad[0]))
        found = (quad + rng.normal(0, 0.005 * diagonal, (4, 2))).astype(np.float32)
        frame = still_frame(received[index])
        score = measure_quality(frame, found, QualitySettings()).score
        detection = Detection(found, 1.0, mrtd_format=taken.mrtd_format)
        scored.append((score, rectify(frame, detection, PAGE_WIDTH_PX).bgr))
    scored.sort(key=lambda pair: -pair[0])
    return [page for _, page in scored]


def errors(read: MrzRead | None, drawn: Specimen) -> int:
    """Characters that a reading has wrong; all of them where no zone was found."""
    truth = "".join(drawn.lines)
    if read is None or [len(line) for line in read.lines] != [len(line) for line in drawn.lines]:
        return len(truth)
    return sum(a != b for a, b in zip("".join(read.lines), truth, strict=True))


def by_frames(reader: MrzReader, drawn: Specimen, seen: Sequence[ImageU8]) -> Iterator[int]:
    """Characters wrong in what is read of the first page, of the first two, and so on."""
    read: MrzRead | None = None
    for count in range(1, len(seen) + 1):
        if read is None or not is_sure(read):  # else the reader looks at no further page
            try:
                read = reader.read(seen[:count])
            except MrzNotFound:
                read = None
        yield errors(read, drawn)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--frames", type=int, default=5)
    parser.add_argument("--kbits", type=int, nargs="+", default=BITRATES, metavar="KBIT/S")
    parser.add_argument("--width", type=int, default=1280, help="pixels of the video")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    reader = MrzReader(MrzSettings(), clock=time.process_time)
    wrong: dict[int, list[list[int]]] = {kbits: [] for kbits in options.kbits}
    characters = 0
    for seed in range(options.scenes):
        taken = take(seed, options.frames, options.width)
        characters += len("".join(taken.drawn.lines))
        for kbits in options.kbits:
            seen = pages(taken, kbits)[: options.frames]
            wrong[kbits].append(list(by_frames(reader, taken.drawn, seen)))
        print(f"\r{seed + 1} of {options.scenes} scenes", end="", flush=True)
    heading = "".join(f"{f'{count} frames':>16}" for count in range(2, options.frames + 1))
    print(f"\n{'kbit/s':>8}{'best frame':>16}{heading}   (zones exact, characters wrong)")
    for kbits, rows in wrong.items():
        columns = [[row[place] for row in rows] for place in range(options.frames)]
        cells = [
            f"{column.count(0)}/{len(rows)}, {sum(column) / characters:.1%}" for column in columns
        ]
        print(f"{kbits:>8}" + "".join(f"{cell:>16}" for cell in cells))


if __name__ == "__main__":
    main()
