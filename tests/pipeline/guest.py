"""A guest before a camera, for tests of what watches it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from core.settings import CaptureSettings, PipelineSettings
from pipeline.live import LiveReader
from pipeline.types import (
    Capture,
    Detection,
    Document,
    DocumentStatus,
    Frame,
    ImageU8,
    Observation,
)
from tests.pipeline.posed import (
    CountingColour,
    ScriptedDetector,
    as_frame,
    specimen_page,
    webcam_view,
)

FRAME_MS = 1000 / 24
SETTINGS = PipelineSettings(capture=CaptureSettings(page_width_px=500))
SHARP, QUAD_PX = webcam_view(specimen_page(), (640, 360), share=0.65)
DESK = np.full((360, 640, 3), 90, np.uint8)
HELD = Detection(QUAD_PX, 0.9)


class Guest:
    """Plays a guest before a camera: frames go by at 24 a second."""

    def __init__(self, settings: PipelineSettings = SETTINGS) -> None:
        self.detector = ScriptedDetector()
        ids = (f"d{number}" for number in itertools.count(1))
        self.live = LiveReader(
            self.detector, settings, clock=ticks(0.004), new_id=lambda: next(ids)
        )
        self.index = 0
        self.frames: list[Frame] = []
        self.seen: list[Observation] = []

    @property
    def now_ms(self) -> float:
        return 5000 + self.index * FRAME_MS

    def show(
        self,
        count: int,
        found: Detection | None = None,
        bgr: ImageU8 = SHARP,
        full_scale: float = 1.0,
    ) -> list[Observation]:
        """That many frames of the same view."""
        start = len(self.seen)
        for _ in range(count):
            frame = replace(as_frame(bgr, self.index, self.now_ms), full_scale=full_scale)
            self.index += 1
            self.frames.append(frame)
            self.detector.found = found
            self.seen.append(self.live.see(frame))
        return self.seen[start:]

    def hold(self, count: int, bgr: ImageU8 = SHARP, full_scale: float = 1.0) -> list[Observation]:
        return self.show(count, HELD, bgr, full_scale)

    def hold_until_captured(self, limit: int = 60) -> Capture:
        for _ in range(limit):
            if taken := self.hold(1)[0].capture:
                return taken.develop()
        raise AssertionError("no picture was taken")

    def away(self, count: int) -> list[Observation]:
        return self.show(count, None, DESK)

    def asked_in_full(self) -> list[int]:
        """Indices of the frames whose full colour was asked for."""
        colours = ((frame.index, frame.colour) for frame in self.frames)
        return [index for index, c in colours if isinstance(c, CountingColour) and c.full]


def ticks(step_s: float) -> Callable[[], float]:
    """A clock that goes on by the same step whenever it is read."""
    counter: Iterator[int] = itertools.count()
    return lambda: next(counter) * step_s


def document(capture_id: str, status: DocumentStatus = DocumentStatus.COMPLETE) -> Document:
    return Document(capture_id, status, None)


def states(observations: list[Observation]) -> list[str]:
    """States in order, each named once for as long as it lasts."""
    return [state.value for state, _ in itertools.groupby(o.state for o in observations)]
