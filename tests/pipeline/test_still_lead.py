"""A still beside a burst: it leads where it is the better picture, and only there."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import NoReturn

import cv2
import numpy as np
import pytest
from PIL import Image

from core.errors import InvalidImage
from core.settings import EnhanceSettings, PipelineSettings
from pipeline.burst import PAGES, Burst
from pipeline.quality import measure_quality
from pipeline.still import lead_with_still, still_frame
from pipeline.types import Capture, Detection, Detector, ImageU8, Shot, Side, Trigger
from tests.pipeline.posed import ScriptedDetector, specimen_page, webcam_view

SETTINGS = PipelineSettings()
VIEW, QUAD_PX = webcam_view(specimen_page(), share=0.7)
FOUND = Detection(QUAD_PX, 0.9)


class Parts:
    """An engine whose detector knows the answer."""

    settings = SETTINGS

    def __init__(self, found: Detection | None) -> None:
        self.detector: Detector = ScriptedDetector(found)

    def sight(self, capture: Capture) -> NoReturn:
        raise AssertionError("nothing is read here")


def burst_of(bgr: ImageU8, frames: int = 3) -> Capture:
    frame = still_frame(bgr)
    burst = Burst(SETTINGS.capture)
    for _ in range(frames):
        burst.add(Shot(frame, FOUND, measure_quality(frame, QUAD_PX, SETTINGS.quality)))
    return burst.develop("c1", Trigger.AUTO)


def jpeg(bgr: ImageU8) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def blurred(bgr: ImageU8, sigma: float) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma), np.uint8)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_sharper_still_leads(frames: int) -> None:
    burst = burst_of(blurred(VIEW, 1.5), frames)
    led = lead_with_still(Parts(FOUND), burst, jpeg(VIEW))
    assert (led.id, led.trigger) == (burst.id, burst.trigger)
    assert len(led.pages) == min(frames + 1, PAGES)
    assert all(mine is theirs for mine, theirs in zip(led.pages[1:], burst.pages, strict=False))
    assert led.quality.score > burst.quality.score
    assert cv2.Laplacian(led.page, cv2.CV_64F).var() > cv2.Laplacian(burst.page, cv2.CV_64F).var()


def test_what_the_burst_knew_beside_its_pages_stays() -> None:
    filters = EnhanceSettings(enable_denoise=True)
    burst = burst_of(blurred(VIEW, 1.5))
    burst = replace(burst, side=Side.BACK, next_side=Side.FRONT, enhance=filters)
    led = lead_with_still(Parts(FOUND), burst, jpeg(VIEW))
    assert led is not burst
    assert lead_with_still(Parts(FOUND), replace(burst, outlined=False), jpeg(VIEW)).outlined
    assert (led.side, led.next_side, led.enhance) == (Side.BACK, Side.FRONT, filters)


def test_of_equal_pictures_the_one_without_a_video_codec_leads() -> None:
    burst = burst_of(VIEW)
    assert lead_with_still(Parts(FOUND), burst, jpeg(VIEW)) is not burst


def test_a_larger_still_leads() -> None:
    burst = burst_of(VIEW)
    large = np.asarray(cv2.resize(VIEW, None, fx=1.5, fy=1.5), np.uint8)
    found = Detection((QUAD_PX * 1.5).astype(np.float32), 0.9)
    led = lead_with_still(Parts(found), burst, jpeg(large))
    assert led.quality.glyph_height_px == pytest.approx(1.5 * burst.quality.glyph_height_px)


@pytest.mark.parametrize(
    ("found", "bgr"),
    [
        (None, VIEW),
        (replace(FOUND, cut=True), VIEW),
        (FOUND, blurred(VIEW, 4)),
        (FOUND, np.zeros_like(VIEW)),
        (Detection((QUAD_PX * 0.5).astype(np.float32), 0.9), VIEW[::2, ::2].copy()),
    ],
    ids=["no document", "cut", "moved", "black", "smaller"],
)
def test_a_still_that_is_no_better_changes_nothing(found: Detection | None, bgr: ImageU8) -> None:
    burst = burst_of(VIEW)
    assert lead_with_still(Parts(found), burst, jpeg(bgr)) is burst


def claiming(width: int, height: int) -> bytes:
    """A JPEG whose frame header (ITU-T T.81, B.2.2) claims that size."""
    whole = jpeg(np.zeros((16, 16, 3), np.uint8))
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"\xff\xd8\xff",
        cv2.imencode(".png", VIEW)[1].tobytes(),
        claiming(65_000, 65_000),
        jpeg(VIEW)[:2000],
    ],
    ids=["nothing", "gif", "a beginning", "png", "huge", "cut off"],
)
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        lead_with_still(Parts(FOUND), burst_of(VIEW), data)
