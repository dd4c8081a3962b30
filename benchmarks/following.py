"""What it saves to follow a document that lies still, and what it costs in accuracy.

``python -m benchmarks.following`` plays the specimen scene (a hand that trembles, 24 frames a
second, the camera's noise) in two sizes, as it is looked at by a session, once with every frame
searched by the network and once with documents at rest followed by their edges. Printed are, while
the document is held, the share of frames that the network saw, the time of all that is done to a
frame (one thread), and how far the corner that is off most is from the truth, in pixels of a 1280
wide frame.
"""

from __future__ import annotations

import time
from dataclasses import replace

import av
import cv2
import numpy as np

from core.settings import PipelineSettings
from media.video import video_frame
from models.training.specimen_scene import Phases, SpecimenScene
from pipeline.engine import load_parts
from pipeline.geometry import aligned_to, corner_distances
from pipeline.live import LiveReader
from pipeline.types import Detection, Detector, Frame, QuadPx

FPS = 24
PHASES = Phases(empty=0.5, moving_in=1.5, held=6.0, leaving=1.0, empty_after=0.5)
SIZES = ((1280, 720), (640, 360))


class Counting:
    """A detector that counts; ``follows``: whether it may do without the network."""

    def __init__(self, detector: Detector, follows: bool) -> None:
        self._detector = detector
        self._follows = follows
        self.looks = 0

    def detect(self, frame: Frame) -> Detection | None:
        self.looks += 1
        return self._detector.detect(frame)

    def follow(self, frame: Frame, known: Detection) -> Detection | None:
        return self._detector.follow(frame, known) if self._follows else None


def film(size: tuple[int, int]) -> list[tuple[Frame, QuadPx | None]]:
    """Each frame, as a camera's, and where its document is."""
    scene = SpecimenScene(size, FPS, phases=PHASES)
    frames = []
    for index in range(round(PHASES.total * FPS)):
        drawn = scene.frame(index)
        coded = av.VideoFrame.from_ndarray(drawn.bgr, "bgr24").reformat(format="yuv420p")
        at_ms = 1000 * index / FPS
        frame = replace(video_frame(coded, index, at_ms), received_ms=at_ms)
        frames.append((replace(frame, full_scale=1280 / size[0]), drawn.quad_px))
    return frames


def line(name: str, frames: list[tuple[Frame, QuadPx | None]], detector: Counting) -> str:
    settings = PipelineSettings()
    reader = LiveReader(detector, settings)
    begins_s = PHASES.empty + PHASES.moving_in
    held = range(round(begins_s * FPS), round((begins_s + PHASES.held) * FPS))
    off_px, took_ms, looks = [], [], 0
    for frame, truth_px in frames:
        before, began_s = detector.looks, time.perf_counter()
        seen = reader.see(frame)
        if truth_px is None or frame.index not in held:
            continue
        took_ms.append(1000 * (time.perf_counter() - began_s))
        looks += detector.looks > before
        if seen.found is not None:
            off = corner_distances(aligned_to(seen.found.quad_px, truth_px), truth_px).max()
            off_px.append(float(off) * 1280 / frame.width_px)
    share = 100 * looks / len(held)
    middle, worst = np.percentile(off_px, (50, 95))
    return (
        f"{name:24} looks at {share:3.0f} % of frames, {np.mean(took_ms):5.2f} ms a frame, off by "
        f"{middle:.2f} px (p50), {worst:.2f} px (p95)"
    )


def main() -> None:
    cv2.setNumThreads(1)
    detector = load_parts(PipelineSettings()).detector
    for size in SIZES:
        frames = film(size)
        for follows in (False, True):
            name = f"{size[0]}x{size[1]}, {'followed' if follows else 'each searched'}"
            print(line(name, frames, Counting(detector, follows)))


if __name__ == "__main__":
    main()
