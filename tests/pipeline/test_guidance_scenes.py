"""Every code is provoked by a composed scene and said alone: real pictures, real measures, the
shipped corner network; only time is made up."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.settings import PipelineSettings
from pipeline.detect import CornerDetector
from pipeline.geometry import mapped, span, unit_to
from pipeline.live import LiveReader
from pipeline.types import (
    Document,
    DocumentStatus,
    ImageU8,
    MrtdFormat,
    Observation,
    QuadPx,
)
from pipeline.weights import Weights
from tests.pipeline.guest import document
from tests.pipeline.posed import as_frame, specimen_page, webcam_view

SETTINGS = PipelineSettings()
FRAME_MS = 1000 / 24


@functools.cache
def detector() -> CornerDetector:
    return CornerDetector.load(SETTINGS.detect, Weights(Path("models")))


class Desk:
    """A reader that watches pictures with the shipped network."""

    def __init__(self, settings: PipelineSettings = SETTINGS) -> None:
        self.live = LiveReader(detector(), settings)
        self.index = 0
        self.seen: list[Observation] = []

    def show(self, bgr: ImageU8, frames: int) -> list[Observation]:
        start = len(self.seen)
        for _ in range(frames):
            frame = as_frame(bgr, self.index, 5000 + self.index * FRAME_MS)
            self.index += 1
            self.seen.append(self.live.see(frame))
        return self.seen[start:]

    def finish(self, read: DocumentStatus) -> Document | None:
        """What becomes of the last capture, with that outcome."""
        capture = next(o.capture for o in reversed(self.seen) if o.capture)
        return self.live.reading_finished(document(capture.id, read))

    def capture(self, bgr: ImageU8, limit: int = 40) -> None:
        for _ in range(limit):
            if self.show(bgr, 1)[0].capture:
                return
        raise AssertionError("no picture was taken")


def codes(seen: list[Observation]) -> list[str]:
    return [code.value for code, _ in itertools.groupby(o.guidance.code for o in seen)]


def posed(mrtd_format: MrtdFormat = MrtdFormat.TD3, **pose: Any) -> tuple[ImageU8, QuadPx]:
    return webcam_view(specimen_page(mrtd_format), **{"share": 0.6, "turn_deg": 0.0, **pose})


def shifted(bgr: ImageU8, x: int, y: int) -> ImageU8:
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    height, width = bgr.shape[:2]
    moved = cv2.warpAffine(bgr, move, (width, height), borderValue=(81, 81, 81))
    return np.asarray(moved, np.uint8)


def lit(bgr: ImageU8, place: tuple[float, float], radius: float, quad_px: QuadPx) -> ImageU8:
    """A lamp mirrored at a place of the document (shares of its sides)."""
    spot = np.zeros(bgr.shape[:2], np.float32)
    at = mapped(np.array([place]), unit_to(quad_px))[0]
    cv2.circle(spot, (int(at[0]), int(at[1])), int(radius * span(quad_px).width), 1.0, -1)
    spot = cv2.GaussianBlur(spot, (0, 0), 8)
    return np.clip(bgr + 400 * spot[..., None], 0, 255).astype(np.uint8)


def fingered(bgr: ImageU8, quad_px: QuadPx, x: float = 0.4) -> ImageU8:
    """A finger that reaches in from below and hides a part of the zone."""
    tip, root = mapped(np.array([[x, 0.87], [x + 0.02, 1.25]]), unit_to(quad_px))
    mask = np.zeros(bgr.shape[:2], np.uint8)
    width = int(0.13 * span(quad_px).width)
    cv2.line(mask, (int(tip[0]), int(tip[1])), (int(root[0]), int(root[1])), 255, width)
    alpha = cv2.GaussianBlur(mask, (0, 0), 2).astype(np.float32)[..., None] / 255
    skin = np.array([120, 150, 200], np.float32)
    return np.clip(bgr * (1 - alpha) + skin * alpha, 0, 255).astype(np.uint8)


def tilted() -> ImageU8:
    return webcam_view(specimen_page(), share=0.6, turn_deg=0.0, keystone=0.36)[0]


def two_documents() -> ImageU8:
    left, _ = posed(share=0.42)
    right, _ = posed(share=0.42)
    return np.ascontiguousarray(
        np.hstack([shifted(left, -305, 0)[:, :640], shifted(right, 305, 0)[:, 640:]])
    )


def covered() -> ImageU8:
    return fingered(*posed())


def small_lamp() -> ImageU8:
    bgr, quad_px = posed()
    return lit(bgr, (0.65, 0.86), 0.06, quad_px)


SCENES = {
    "NO_DOCUMENT": lambda: np.full((720, 1280, 3), 90, np.uint8),
    "MOVE_CLOSER": lambda: posed(share=0.28)[0],
    "MOVE_BACK": lambda: posed(share=0.795)[0],
    "CENTER_DOCUMENT": lambda: shifted(posed()[0], -250, 0),
    "PARTLY_OUT_OF_VIEW": lambda: shifted(posed()[0], -360, 0),
    "TILTED": tilted,
    "ROTATE": lambda: posed(size=(640, 360), turn_deg=90.0, share=0.45)[0],
    "TOO_DARK": lambda: posed(gain=0.25)[0],
    "TOO_BRIGHT": lambda: posed(gain=0.2, lift=205)[0],
    "GLARE": small_lamp,
    "BLURRED": lambda: posed(defocus=4.0)[0],
    "MRZ_COVERED": covered,
    "SEVERAL_DOCUMENTS": two_documents,
    "HOLD_STILL": lambda: posed()[0],
}


@pytest.mark.parametrize("code", SCENES)
def test_a_scene_is_told_for_what_it_is_and_nothing_else(code: str) -> None:
    desk = Desk()
    seen = desk.show(SCENES[code](), 20 if code == "HOLD_STILL" else 50)
    said = [c for c in codes(seen) if c not in ("READING",)]
    if code == "HOLD_STILL":
        assert said == [code]
    else:
        # The very first frame may speak before a second look has been taken.
        assert said[-1] == code
        assert set(said) <= {code, "HOLD_STILL"} if code == "SEVERAL_DOCUMENTS" else {code}
        assert not any(o.capture for o in seen)
