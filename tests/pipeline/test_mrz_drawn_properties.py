"""Documents made at random, drawn and read back; damaged ones are never both sure and wrong.

LOBBYLENS_TEST_EXAMPLES sets how many are drawn; the suite draws a few, for time.
"""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import MrzNotFound
from core.settings import MrzSettings
from models.training.mrz_lines import SpecimenFields
from models.training.specimen import draw_specimen
from pipeline.document import is_complete, is_sure
from pipeline.mrz.reader import MrzReader
from pipeline.types import ImageU8, MrtdFormat
from tests.pipeline.zones import documents

EXAMPLES = int(os.environ.get("LOBBYLENS_TEST_EXAMPLES", "12"))
drawn_examples = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="LOBBYLENS_TEST_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings())


@drawn_examples
@given(document=documents(), width_px=st.integers(800, 1500), softness=st.floats(0.3, 1.0))
def test_any_document_is_read_back(
    reader: MrzReader, document: tuple[MrtdFormat, SpecimenFields], width_px: int, softness: float
) -> None:
    drawn = draw_specimen(*document, width_px)
    read = reader.read([np.asarray(cv2.GaussianBlur(drawn.bgr, (0, 0), softness), np.uint8)])
    assert read.lines == drawn.lines
    assert read.format is document[0]
    assert is_complete(read)


def damaged(page: ImageU8, seed: int) -> ImageU8:
    """Small, soft, noisy, coded, with a spot of glare and a smear over the zone."""
    rng = np.random.default_rng(seed)
    scale = float(rng.uniform(0.3, 0.7))
    small = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.4, 1.2))).astype(np.float32)
    height, width = soft.shape[:2]
    left, top = int(rng.uniform(0, 0.9) * width), int(rng.uniform(0.75, 0.97) * height)
    part = soft[top : top + height // 20, left : left + width // 12]
    if part.size:
        part[:] = cv2.GaussianBlur(part, (0, 0), float(rng.uniform(0.5, 5)))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    spot = rng.uniform((0.2, 0.7), (0.9, 1.0)) * (width, height)
    glare = np.exp(-(((x - spot[0]) / (0.06 * width)) ** 2 + ((y - spot[1]) / 12) ** 2))
    lit = soft + float(rng.uniform(0, 160)) * glare[..., None]
    noisy = np.clip(lit + rng.normal(0, float(rng.uniform(1, 9)), lit.shape), 0, 255)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))]
    coded = cv2.imencode(".jpg", noisy.astype(np.uint8), quality)[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


@drawn_examples
@given(document=documents(), seed=st.integers(0, 2**31))
def test_a_damaged_zone_is_never_sure_and_wrong(
    reader: MrzReader, document: tuple[MrtdFormat, SpecimenFields], seed: int
) -> None:
    drawn = draw_specimen(*document, 1200)
    try:
        read = reader.read([damaged(drawn.bgr, seed)])
    except MrzNotFound:
        return
    assert read.lines == drawn.lines or not is_sure(read)
