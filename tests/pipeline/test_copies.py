"""What looks like a copy is told, and never stands in anybody's way."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from core.errors import MrzNotFound
from core.settings import PipelineSettings
from models.training.replays import LIGHTS, MONOCHROME, photocopy, random_pose, view
from models.training.specimen import draw_specimen
from pipeline.copies import PHOTOCOPY_BELOW, measure_copy, warnings_of
from pipeline.engine import Engine, Parts
from pipeline.mrz.parse import parse_lines
from pipeline.rectify import rectify
from pipeline.types import (
    Capture,
    Detection,
    DocumentStatus,
    ImageU8,
    MrtdFormat,
    PageWarning,
    Trigger,
)
from tests.pipeline.posed import ScriptedDetector, as_frame
from tests.pipeline.test_engine import LINES, QUALITY, TODAY, RecordingCards, ScriptedZones


@functools.cache
def passport() -> ImageU8:
    return draw_specimen(MrtdFormat.TD3, width_px=1400).bgr


def flat(page: ImageU8, light: str, seed: int, per_page: float | None = None) -> ImageU8:
    rng = np.random.default_rng(seed)
    pose = random_pose(rng, page.shape[1] / page.shape[0], (1280, 720))
    seen = view(page, pose, rng, light, per_page)
    return rectify(as_frame(seen), Detection(pose.quad_px, 1.0), 1500).bgr


@pytest.mark.parametrize("light", LIGHTS)
def test_an_original_raises_no_warning(light: str) -> None:
    assert warnings_of(flat(passport(), light, 3)) == ()


@pytest.mark.parametrize("light", LIGHTS)
def test_a_photocopy_does(light: str) -> None:
    copied = photocopy(passport(), np.random.default_rng(2))
    assert warnings_of(flat(copied, light, 3)) == (PageWarning.PHOTOCOPY_SUSPECTED,)


def test_under_a_lamp_of_one_colour_nothing_is_said_of_colours() -> None:
    assert measure_copy(flat(passport(), MONOCHROME, 3)).chroma is None


def test_the_raster_of_a_display_that_the_camera_resolves() -> None:
    """300 pixels of the display across some 800 of the camera's."""
    shown = measure_copy(flat(passport(), "daylight", 5, 300.0))
    assert PageWarning.SCREEN_SUSPECTED in warnings_of(flat(passport(), "daylight", 5, 300.0))
    assert shown.raster > 2 * measure_copy(flat(passport(), "daylight", 5)).raster


def test_print_in_phase_is_no_raster_and_stripes_out_of_phase_are() -> None:
    columns = np.arange(1024)
    noise = np.random.default_rng(1).normal(0, 2, (640, 1024, 3))

    def striped(shift: float) -> ImageU8:
        waves = [128 + 40 * np.cos(2 * np.pi * (columns / 9 - shift * k)) for k in range(3)]
        return np.asarray((np.stack(waves, -1)[None] + noise).clip(0, 255), np.uint8)

    assert measure_copy(striped(0)).raster < 0.2
    assert measure_copy(striped(1 / 3)).raster > 0.7


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 2000, 3), (2000, 3, 3), (300, 400, 3)])
@pytest.mark.parametrize("value", [0, 127, 255])
def test_pages_of_odd_shapes_are_measured_all_the_same(shape: tuple[int, ...], value: int) -> None:
    measures = measure_copy(np.full(shape, value, np.uint8))
    assert measures.raster == 0.0
    assert measures.chroma is None or measures.chroma < PHOTOCOPY_BELOW


def engine_of(zones: ScriptedZones) -> Engine:
    parts = Parts(ScriptedDetector(None), zones, RecordingCards())
    return Engine(PipelineSettings(), parts, today=lambda: TODAY)


def test_a_page_is_judged_beside_its_reading_and_only_where_it_was_read() -> None:
    engine = engine_of(ScriptedZones(parse_lines(LINES)))
    original = capture_of(flat(passport(), "daylight", 3))
    copied = capture_of(photocopy(passport(), np.random.default_rng(2)))
    document = engine.read(copied)
    assert document.warnings == () and document.status is DocumentStatus.COMPLETE
    assert engine.warnings(original, document) == ()
    assert engine.warnings(copied, document) == (PageWarning.PHOTOCOPY_SUSPECTED,)
    failed = engine_of(ScriptedZones(MrzNotFound("none")))
    blank = capture_of(np.full((400, 600, 3), 255, np.uint8))
    assert failed.warnings(blank, failed.read(blank)) == ()


def capture_of(page: ImageU8) -> Capture:
    return Capture("c1", (page,), QUALITY, Trigger.AUTO)
