"""A document that lies still is followed by its edges, with the shipped network's first answer."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.settings import DetectSettings
from models.training.identity_documents import booklet, td1, td3
from pipeline.detect import CornerDetector
from pipeline.types import ImageU8
from pipeline.weights import Weights
from tests.pipeline.faces import HEIGHT, HELD, WIDTH, frame_of, picture


@pytest.fixture(scope="module")
def detector() -> CornerDetector:
    return CornerDetector.load(DetectSettings(), Weights())


def shifted(bgr: ImageU8, x: float, y: float) -> ImageU8:
    """The whole view moved by that many pixels."""
    by = np.array([[1, 0, x], [0, 1, y]], np.float64)
    moved = cv2.warpAffine(bgr, by, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


@pytest.mark.parametrize("draw", [td3, td1, booklet])
def test_a_document_that_trembles_is_followed_without_a_look(
    detector: CornerDetector, draw: object
) -> None:
    assert callable(draw)
    bgr = picture(draw(np.random.default_rng(2)), HELD, 2)
    known = detector.detect(frame_of(bgr))
    assert known is not None
    step = np.array([3.4, -2.2], np.float32)
    followed = detector.follow(frame_of(shifted(bgr, *step)), known)
    assert followed is not None
    assert np.abs(followed.quad_px - known.quad_px - step).max() < 1
    assert replace(followed, quad_px=known.quad_px, mrz_quad_px=None) == replace(
        known, mrz_quad_px=None
    )
    if known.mrz_quad_px is not None:
        assert followed.mrz_quad_px is not None
        assert np.abs(followed.mrz_quad_px - known.mrz_quad_px - step).max() < 1


def test_what_moved_or_left_is_not_followed(detector: CornerDetector) -> None:
    bgr = picture(td3(np.random.default_rng(2)), HELD, 2)
    known = detector.detect(frame_of(bgr))
    assert known is not None
    for x, y in ((12, 0), (0, -12), (60, 30)):
        assert detector.follow(frame_of(shifted(bgr, x, y)), known) is None
    desk = np.full_like(bgr, 120)
    assert detector.follow(frame_of(desk), known) is None
    covered = bgr.copy()
    covered[:, :500] = 120
    assert detector.follow(frame_of(covered), known) is None
    assert detector.follow(frame_of(bgr), known) is not None
    assert detector.follow(frame_of(bgr), replace(known, cut=True)) is None


def test_a_document_on_the_edge_of_the_picture_takes_a_look(detector: CornerDetector) -> None:
    near = (HELD - HELD.min(axis=0) + np.array([4, 1], np.float32)).astype(np.float32)
    bgr = picture(td3(np.random.default_rng(2)), near, 2)
    known = detector.detect(frame_of(bgr))
    assert known is not None and not known.cut
    followed = detector.follow(frame_of(shifted(bgr, 0, -5)), known)
    assert followed is None, "it is cut now, which a look has to say"
