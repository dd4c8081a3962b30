"""Drawn specimens posed before a made-up webcam, and frames that count what is asked of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import cv2
import numpy as np

from models.training.specimen import draw_specimen
from pipeline.geometry import homography, rectangle
from pipeline.types import Detection, Frame, ImageU8, MrtdFormat, QuadPx

DESK = 90


@functools.cache
def specimen_page(mrtd_format: MrtdFormat = MrtdFormat.TD3, width_px: int = 1000) -> ImageU8:
    """A drawn specimen, H×W×3 uint8 BGR."""
    return draw_specimen(mrtd_format, width_px=width_px).bgr


def webcam_view(
    page: ImageU8,
    size: tuple[int, int] = (1280, 720),
    *,
    share: float = 0.5,
    turn_deg: float = 3.0,
    keystone: float = 0.04,
    defocus: float = 0.7,
    motion: int = 0,
    motion_deg: float = 0.0,
    gain: float = 0.9,
    lift: float = 0.0,
    noise: float = 2.0,
) -> tuple[ImageU8, QuadPx]:
    """A page on a grey desk, ``share`` of the frame wide, and its corners in pixels.

    keystone: how much shorter the far side is; defocus: sigma, and motion: length of the blur, in
    pixels of a 1280 wide frame; gain, lift: exposure, factor and luma steps; noise: sigma.
    """
    width, height = size
    unit = width / 1280
    page_width = share * width
    page_height = page_width * page.shape[0] / page.shape[1]
    quad_px = rectangle(-page_width / 2, -page_height / 2, page_width / 2, page_height / 2)
    quad_px[:2, 0] *= 1 - keystone
    turn = np.radians(turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    quad_px = (quad_px @ rotation.T + (width / 2, height / 2)).astype(np.float32)
    shrink = page.shape[1] / page_width
    soft = cv2.GaussianBlur(page, (0, 0), 0.45 * shrink) if shrink > 1.2 else page
    # OpenCV counts from pixel centres, quads from pixel edges.
    sheet = rectangle(-0.5, -0.5, page.shape[1] - 0.5, page.shape[0] - 0.5)
    matrix = homography(sheet, quad_px - np.float32(0.5))
    picture = cv2.warpPerspective(soft, matrix, size, borderValue=(DESK, DESK, DESK))
    if defocus:
        picture = cv2.GaussianBlur(picture, (0, 0), defocus * unit)
    if motion:
        picture = cv2.filter2D(picture, -1, _streak(round(motion * unit), motion_deg))
    grain = np.random.default_rng(5).normal(0, noise, (height, width, 1))
    exposed = picture.astype(np.float32) * gain + lift + grain
    return np.clip(exposed, 0, 255).astype(np.uint8), quad_px


def _streak(length: int, direction_deg: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    size = max(3, length | 1)
    kernel = np.zeros((size, size), np.float32)
    kernel[size // 2] = 1
    turn = cv2.getRotationMatrix2D((size / 2 - 0.5, size / 2 - 0.5), direction_deg, 1)
    turned = cv2.warpAffine(kernel, turn, (size, size))
    return np.asarray(turned / turned.sum(), np.float32)


@dataclass(slots=True)
class CountingColour:
    """The colours of a picture; remembers which widths were asked for (None: the full size)."""

    bgr: ImageU8
    asked: list[int | None] = field(default_factory=list)

    def __call__(self, width_px: int | None) -> ImageU8:
        self.asked.append(width_px)
        if width_px is None:
            return self.bgr
        height = round(self.bgr.shape[0] * width_px / self.bgr.shape[1])
        return np.asarray(cv2.resize(self.bgr, (width_px, height)), np.uint8)

    @property
    def full(self) -> int:
        """How often the full size was asked for."""
        return self.asked.count(None)


def as_frame(bgr: ImageU8, index: int = 0, now_ms: float = 0.0) -> Frame:
    """A frame of that picture; both clocks at ``now_ms``. Its colour is a `CountingColour`."""
    luma = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    return Frame(index, now_ms, now_ms, luma, CountingColour(bgr))


@dataclass(slots=True)
class ScriptedDetector:
    """Finds what it was told to find next, in every frame."""

    found: Detection | None = None
    calls: int = 0

    def detect(self, frame: Frame) -> Detection | None:
        self.calls += 1
        return self.found

    def follow(self, frame: Frame, known: Detection) -> Detection | None:
        return None
