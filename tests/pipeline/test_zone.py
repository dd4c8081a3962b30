from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from core.settings import PipelineSettings, QualitySettings
from models.training.specimen import draw_specimen
from pipeline.geometry import (
    SIZE_MM,
    homography,
    mapped,
    rectangle,
    span,
    tilt_deg,
    turned,
    unit_to,
)
from pipeline.quality import measure_quality
from pipeline.types import ImageU8, MrtdFormat, QuadPx, Quality
from tests.pipeline.posed import as_frame, webcam_view
from tests.pipeline.test_guidance_scenes import fingered, lit

Spoil = Callable[[ImageU8, QuadPx], ImageU8]


def seen(
    mrtd_format: MrtdFormat = MrtdFormat.TD3,
    spoil: Any = None,
    told: MrtdFormat | None = None,
    **pose: Any,
) -> Quality:
    """A specimen whose zone is where it was drawn; ``told``: what it is taken for."""
    specimen = draw_specimen(mrtd_format, width_px=1000)
    bgr, quad_px = webcam_view(specimen.bgr, **pose)
    page = rectangle(0, 0, specimen.bgr.shape[1], specimen.bgr.shape[0])
    zone_px = mapped(specimen.mrz_quad_px, homography(page, quad_px))
    if spoil:
        bgr = spoil(bgr, quad_px)
    return measure_quality(as_frame(bgr), quad_px, QualitySettings(), told or mrtd_format, zone_px)


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 180.0])
def test_a_whole_zone_is_neither_covered_nor_in_glare(
    mrtd_format: MrtdFormat, turn_deg: float
) -> None:
    quality = seen(mrtd_format, turn_deg=turn_deg, share=0.45)
    assert (quality.zone_covered, quality.zone_glare) == (0, 0)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_a_zone_of_one_colour_is_looked_at_all_the_same(shade: int) -> None:
    def flat(bgr: ImageU8, quad_px: QuadPx) -> ImageU8:
        return np.full_like(bgr, shade)

    quality = seen(spoil=flat)
    assert quality.zone_covered == 0
    assert quality.zone_glare == (100 if shade == 255 else 0)


@pytest.mark.parametrize("x", [0.12, 0.3, 0.5, 0.7, 0.88])
@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD2, MrtdFormat.TD1])
def test_a_finger_covers_it_wherever_it_lies(mrtd_format: MrtdFormat, x: float) -> None:
    quality = seen(mrtd_format, lambda bgr, quad_px: fingered(bgr, quad_px, x))
    assert quality.zone_covered is not None
    assert quality.zone_covered > QualitySettings().zone_covered
    assert quality.zone_glare == 0


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD2])
def test_two_lines_that_are_taken_for_a_card_s_three_are_not_covered(
    mrtd_format: MrtdFormat,
) -> None:
    """The space between them is no line that a finger hides; a finger is told all the same."""
    free = seen(mrtd_format, told=MrtdFormat.TD1)
    held = seen(mrtd_format, lambda bgr, quad_px: fingered(bgr, quad_px, 0.3), MrtdFormat.TD1)
    assert free.zone_covered == 0
    assert held.zone_covered is not None
    assert held.zone_covered > QualitySettings().zone_covered


def test_a_small_lamp_over_the_zone_is_glare_and_no_finger() -> None:
    quality = seen(spoil=lambda bgr, quad_px: lit(bgr, (0.65, 0.86), 0.06, quad_px))
    assert quality.zone_glare is not None
    assert quality.zone_glare > QualitySettings().zone_glare
    assert quality.zone_covered == 0
    assert quality.glare < QualitySettings().glare


def test_resolution_does_not_change_what_sharpness_means() -> None:
    """The same blur, as a share of the document, at three resolutions of the camera."""
    sizes = ((1280, 720), (1920, 1080), (2560, 1440))
    values = [seen(size=size, share=0.6, defocus=1.6, noise=1.0).sharpness for size in sizes]
    assert max(values) < 1.35 * min(values)


def soft(zone: bool) -> Spoil:
    """Blur that lies over the zone alone, or over all but the zone."""

    def spoil(bgr: ImageU8, quad_px: QuadPx) -> ImageU8:
        band = mapped(rectangle(-0.1, 0.78, 1.1, 1.1), unit_to(quad_px)).round().astype(np.int32)
        inside = np.zeros(bgr.shape[:2], np.uint8)
        cv2.fillConvexPoly(inside, band, 1)
        blurred = cv2.GaussianBlur(bgr, (0, 0), 4)
        return np.where((inside == zone)[..., None], blurred, bgr).astype(np.uint8)

    return spoil


def test_sharpness_is_that_of_the_zone_s_lines() -> None:
    """Of what is read: a sharp portrait does not make up for lines that are a smear."""
    sharp, smeared, elsewhere = (seen(spoil=spoil) for spoil in (None, soft(True), soft(False)))
    assert smeared.sharpness < 0.1 * sharp.sharpness
    assert elsewhere.sharpness > 0.7 * sharp.sharpness


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
def test_glyph_height_and_tilt_are_told_of_the_document_shown(mrtd_format: MrtdFormat) -> None:
    """A capital as high as it was drawn: a card's is larger on its smaller page."""
    flat, leaning = (seen(mrtd_format, keystone=keystone) for keystone in (0.0, 0.25))
    _, quad_px = webcam_view(draw_specimen(mrtd_format, width_px=1000).bgr, keystone=0.0)
    width_mm, _ = SIZE_MM[mrtd_format]
    assert flat.glyph_height_px == pytest.approx(span(quad_px).long_side / width_mm * 2.6, rel=0.01)
    assert flat.tilt_deg is not None and leaning.tilt_deg is not None
    assert flat.tilt_deg < 3 < 8 < leaning.tilt_deg


def test_tilt_is_none_for_a_page_held_parallel_however_turned() -> None:
    flat = rectangle(300, 140, 980, 580)
    for quarter in range(4):
        assert tilt_deg(turned(flat, quarter), 1280, 720) < 0.1
    leaning = flat.copy()
    leaning[:2, 0] += (60, -60)
    assert 10 < tilt_deg(leaning, 1280, 720) < 60
    assert tilt_deg(np.zeros((4, 2), np.float32), 1280, 720) == 0


def test_the_property_is_in_its_own_time_zone() -> None:
    far_east = PipelineSettings(time_zone="Pacific/Kiritimati").today()
    far_west = PipelineSettings(time_zone="Etc/GMT+12").today()
    assert (far_east - far_west).days in (1, 2)
    with pytest.raises(ValueError, match="Europe/Vienna"):
        PipelineSettings(time_zone="Utopia/Capital")
