"""The picture of a page as it is shown to people: upright, whole, and only where asked for."""

from __future__ import annotations

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from core.settings import PipelineSettings, VisualSettings
from models.training.mrz_lines import DEFAULT_FIELDS
from pipeline.document import failed_document
from pipeline.engine import Engine, Parts
from pipeline.types import ImageU8, MrtdFormat
from pipeline.visual.place import turned
from tests.pipeline.posed import ScriptedDetector
from tests.pipeline.test_engine import RecordingCards, ScriptedZones
from tests.pipeline.test_visual_zone import QUALITY, capture, photographed, zone

FIELDS = DEFAULT_FIELDS[MrtdFormat.TD3]


@pytest.fixture(scope="module")
def page() -> ImageU8:
    """A passport's data page, upright."""
    return photographed(MrtdFormat.TD3, FIELDS, turned=False)


@pytest.mark.parametrize("quarters", range(4))
def test_however_it_lay_the_whole_picture_is_upright(page: ImageU8, quarters: int) -> None:
    lying = np.ascontiguousarray(np.rot90(page, quarters))
    found = turned(lying, MrtdFormat.TD3)
    assert found is not None and np.array_equal(found, page)


def test_a_page_without_the_format_s_rows_has_no_up() -> None:
    assert turned(np.full((700, 1000, 3), 200, np.uint8), MrtdFormat.TD3) is None


def engine(*, asked: bool) -> Engine:
    mrz = zone(FIELDS).mrz
    assert mrz is not None
    parts = Parts(ScriptedDetector(), ScriptedZones(mrz), RecordingCards())
    return Engine(PipelineSettings(visual=VisualSettings(page=asked)), parts)


def test_the_engine_gives_it_where_the_settings_ask_for_it(page: ImageU8) -> None:
    over = capture(np.ascontiguousarray(np.rot90(page, 2)))
    assert engine(asked=False).page_picture(over, zone(FIELDS)) is None
    jpeg = engine(asked=True).page_picture(over, zone(FIELDS))
    assert jpeg is not None
    shown = np.asarray(Image.open(io.BytesIO(jpeg)).convert("L"), np.float64)
    upright = np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY), np.float64)
    assert shown.shape == upright.shape
    assert np.corrcoef(shown.ravel(), upright.ravel())[0, 1] > 0.98


def test_of_a_frame_without_a_document_there_is_none(page: ImageU8) -> None:
    room = replace(capture(page), outlined=False)
    assert engine(asked=True).page_picture(room, failed_document("d1", QUALITY)) is None


def test_a_page_that_was_not_read_is_shown_as_it_was_held(page: ImageU8) -> None:
    over = np.ascontiguousarray(np.rot90(page, 2))
    jpeg = engine(asked=True).page_picture(capture(over), failed_document("d1", QUALITY))
    assert jpeg is not None
    shown = np.asarray(Image.open(io.BytesIO(jpeg)))[:, :, ::-1]
    assert float(np.abs(shown.astype(int) - over.astype(int)).mean()) < 4
