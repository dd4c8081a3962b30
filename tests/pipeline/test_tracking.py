"""The shown outline: calm on a still document, close behind a moving one, steady in its turn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.settings import DetectSettings
from pipeline.detect import CornerDetector
from pipeline.geometry import aligned_to, diagonal_px, rectangle, turned
from pipeline.tracking import DocumentTrack
from pipeline.types import Detection, ImageU8, MrtdFormat, QuadPx
from pipeline.weights import Weights
from tests.pipeline.posed import as_frame, specimen_page, webcam_view

SIZE = (1280, 720)
DIAGONAL_PX = diagonal_px(*SIZE)
FRAME_MS = 1000 / 24
PAGE = rectangle(300, 150, 900, 570)


def follow(quads: list[QuadPx], step_ms: float = FRAME_MS) -> list[QuadPx]:
    track = DocumentTrack()
    shown = [
        track.update(Detection(quad, 0.9), *SIZE, index * step_ms)
        for index, quad in enumerate(quads)
    ]
    return [found.quad_px for found in shown if found is not None]


def moved(right_px: float) -> QuadPx:
    return PAGE + np.array([right_px, 0], np.float32)


def trembling(count: int, sigma_px: float) -> list[QuadPx]:
    rng = np.random.default_rng(4)
    return [(PAGE + rng.normal(0, sigma_px, (4, 2))).astype(np.float32) for _ in range(count)]


def tremor(quads: list[QuadPx]) -> float:
    """Root mean square distance of the corners from where they are on average, in diagonals."""
    away = np.array(quads, np.float64)
    away -= away.mean(0)
    return float(np.sqrt((away**2).sum(2).mean()) / DIAGONAL_PX)


def test_noise_of_the_detector_is_calmed() -> None:
    raw = trembling(120, 0.002 * DIAGONAL_PX)
    shown = follow(raw)
    assert tremor(shown[24:]) < 0.4 * tremor(raw[24:])


@pytest.mark.parametrize("step_ms", [1000 / 12, 1000 / 24, 1000 / 30])
@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0])
def test_a_moving_document_is_at_most_one_frame_ahead(speed: float, step_ms: float) -> None:
    step_px = speed * DIAGONAL_PX * step_ms / 1000
    noise = np.random.default_rng(1).normal(0, 1.5, (40, 4, 2))
    truth = [moved(max(0, k - 15) * step_px) for k in range(40)]
    shown = follow([(t + n).astype(np.float32) for t, n in zip(truth, noise, strict=True)], step_ms)
    behind = [float((t - s)[:, 0].mean()) / step_px for t, s in zip(truth, shown, strict=True)]
    # The second frame of a motion is the first that can tell it from noise.
    assert max(behind[17:]) <= 1.0


def test_a_document_that_stops_is_soon_in_its_place() -> None:
    step_px = 0.5 * DIAGONAL_PX / 24
    truth = [moved(min(k, 15) * step_px) for k in range(40)]
    shown = follow(truth)
    assert np.abs(shown[15 + 6] - truth[-1]).max() < 0.01 * DIAGONAL_PX


def test_a_new_document_elsewhere_is_shown_at_once() -> None:
    shown = follow([PAGE] * 10 + [PAGE + np.float32(300)])
    assert np.array_equal(shown[-1], PAGE + np.float32(300))


def test_a_gap_begins_anew() -> None:
    track = DocumentTrack()
    track.update(Detection(PAGE, 0.9), *SIZE, 0.0)
    shown = track.update(Detection(moved(20), 0.9), *SIZE, 2000.0)
    assert shown is not None
    assert np.array_equal(shown.quad_px, moved(20))


def test_one_frame_that_calls_it_upside_down_turns_nothing() -> None:
    shown = follow([PAGE] * 8 + [turned(PAGE, 2)] + [PAGE] * 3)
    assert all(np.abs(quad - PAGE).max() < 1 for quad in shown)


def test_frames_that_agree_on_another_turn_turn_it() -> None:
    shown = follow([PAGE] * 4 + [turned(PAGE, 2)] * 12)
    assert np.abs(shown[-1] - turned(PAGE, 2)).max() < 1
    assert all(np.abs(aligned_to(quad, PAGE) - PAGE).max() < 1 for quad in shown)


def test_the_format_is_what_most_frames_say() -> None:
    track = DocumentTrack()
    told = [MrtdFormat.TD3] * 6 + [None, MrtdFormat.TD2, MrtdFormat.TD3]
    shown = [
        track.update(replace(Detection(PAGE, 0.9), mrtd_format=name), *SIZE, k * FRAME_MS)
        for k, name in enumerate(told)
    ]
    assert {found.mrtd_format for found in shown if found} == {MrtdFormat.TD3}


def test_the_zone_moves_with_the_outline() -> None:
    track = DocumentTrack()
    zone = rectangle(320, 500, 880, 560)
    track.update(Detection(PAGE, 0.9, mrz_quad_px=zone), *SIZE, 0.0)
    away = np.array([6, 0], np.float32)
    shown = track.update(Detection(PAGE + away, 0.9, mrz_quad_px=zone + away), *SIZE, FRAME_MS)
    assert shown is not None
    assert shown.mrz_quad_px is not None
    right_px = float((shown.quad_px - PAGE)[:, 0].mean())
    assert 0 < right_px < 6
    assert np.abs(shown.mrz_quad_px - zone - [right_px, 0]).max() < 0.1


def test_nothing_found_shows_nothing() -> None:
    track = DocumentTrack()
    track.update(Detection(PAGE, 0.9), *SIZE, 0.0)
    assert track.update(None, *SIZE, FRAME_MS) is None


@pytest.fixture(scope="module")
def detector() -> CornerDetector:
    return CornerDetector.load(DetectSettings(), Weights())


def seen(bgr: ImageU8, index: int, seed: int) -> ImageU8:
    """One frame of a noisy camera."""
    noise = np.random.default_rng((seed, index)).normal(0, 4, bgr.shape).astype(np.float32)
    return np.asarray(np.clip(cv2.add(bgr.astype(np.float32), noise), 0, 255), np.uint8)


def test_a_still_page_in_a_noisy_video_does_not_tremble(detector: CornerDetector) -> None:
    view, truth = webcam_view(specimen_page(), SIZE, share=0.55)
    track, shown = DocumentTrack(), []
    for index in range(40):
        frame = as_frame(seen(view, index, 7), index, index * FRAME_MS)
        found = track.update(detector.detect(frame), *SIZE, frame.pts_ms)
        assert found is not None
        shown.append(aligned_to(found.quad_px, truth))
    assert tremor(shown[16:]) <= 0.0015
    assert np.abs(np.mean(shown[16:], axis=0) - truth).max() < 0.01 * DIAGONAL_PX


def test_a_page_that_is_moved_is_followed_within_a_frame(detector: CornerDetector) -> None:
    view, truth = webcam_view(specimen_page(), SIZE, share=0.4)
    step_px = 0.5 * DIAGONAL_PX / 24
    track = DocumentTrack()
    behind = []
    for index in range(18):
        shift = (index - 9) * step_px
        matrix = np.array([[1, 0, shift], [0, 1, 0]], np.float32)
        pushed = cv2.warpAffine(view, matrix, SIZE, borderMode=cv2.BORDER_REPLICATE)
        frame = as_frame(seen(np.asarray(pushed, np.uint8), index, 9), index, index * FRAME_MS)
        found = track.update(detector.detect(frame), *SIZE, frame.pts_ms)
        assert found is not None
        where = truth + np.array([shift, 0], np.float32)
        behind.append(float((where - aligned_to(found.quad_px, where))[:, 0].mean()) / step_px)
    assert max(behind[2:]) <= 1.0
