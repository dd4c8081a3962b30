from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import geometry
from pipeline.geometry import rectangle
from pipeline.types import MrtdFormat, QuadPx

UNIT = rectangle(0, 0, 1, 1)
TRAPEZE = np.array([[20, 0], [80, 0], [100, 50], [0, 50]], np.float32)
BOW_TIE = np.array([[0, 0], [10, 10], [10, 0], [0, 10]], np.float32)


def quad(*corners: tuple[float, float]) -> QuadPx:
    return np.array(corners, np.float32)


@pytest.mark.parametrize(
    ("corners", "expected"),
    [(rectangle(2, 3, 12, 8), 50.0), (TRAPEZE, 4000.0), (TRAPEZE[::-1], 4000.0), (BOW_TIE, 0.0)],
)
def test_area(corners: QuadPx, expected: float) -> None:
    assert geometry.area(corners) == pytest.approx(expected)


def test_signed_area_tells_the_sense_of_rotation() -> None:
    assert geometry.signed_area(TRAPEZE) > 0
    assert geometry.signed_area(TRAPEZE[::-1]) < 0


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        (TRAPEZE, True),
        (TRAPEZE[::-1], True),
        (BOW_TIE, False),
        (quad((0, 0), (10, 0), (4, 4), (0, 10)), False),
        (quad((0, 0), (5, 0), (10, 0), (5, 5)), False),
        (quad((1, 1), (1, 1), (1, 1), (1, 1)), False),
    ],
)
def test_is_convex(corners: QuadPx, expected: bool) -> None:
    assert geometry.is_convex(corners) is expected


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_clockwise_puts_any_order_right(order: tuple[int, ...]) -> None:
    corners = quad((10, 12), (90, 8), (95, 60), (5, 66))
    np.testing.assert_array_equal(geometry.clockwise(corners[list(order)]), corners)


def test_clockwise_of_a_diamond_starts_at_the_left_of_two_equal_corners() -> None:
    diamond = quad((10, 0), (20, 10), (10, 20), (0, 10))
    np.testing.assert_array_equal(geometry.clockwise(diamond)[0], [0, 10])


@given(
    turns=st.integers(0, 3),
    jitter=st.lists(st.floats(-2, 2, width=32), min_size=8, max_size=8),
)
def test_aligned_to_undoes_any_turn(turns: int, jitter: list[float]) -> None:
    moved = (TRAPEZE + np.array(jitter, np.float32).reshape(4, 2)).astype(np.float32)
    np.testing.assert_array_equal(
        geometry.aligned_to(geometry.turned(moved, turns), TRAPEZE), moved
    )


def test_ratios_survive_a_change_of_resolution() -> None:
    ratio = geometry.to_ratio(rectangle(128, 72, 640, 360), 1280, 720)
    np.testing.assert_allclose(ratio, rectangle(0.1, 0.1, 0.5, 0.5), atol=1e-6)
    np.testing.assert_allclose(
        geometry.to_px(ratio, 640, 360), rectangle(64, 36, 320, 180), atol=1e-4
    )


def test_diagonal_of_720p_is_the_setting_s_reference() -> None:
    assert geometry.diagonal_px(1280, 720) == pytest.approx(1468.6, abs=0.01)


def test_sides() -> None:
    slanted = math.hypot(20, 50)
    assert geometry.side_lengths(TRAPEZE) == pytest.approx((60, slanted, 100, slanted), rel=1e-5)
    span = geometry.span(TRAPEZE)
    assert (span.width, span.height) == pytest.approx((80, slanted), rel=1e-5)
    assert span.long_side == span.width


@pytest.mark.parametrize(
    ("corners", "expected"),
    [(UNIT, 1.0), (TRAPEZE, 0.6), (np.zeros((4, 2), np.float32), 0.0)],
)
def test_side_ratio(corners: QuadPx, expected: float) -> None:
    assert geometry.side_ratio(corners) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (rectangle(0, 0, 10, 10), 1.0),
        (rectangle(5, 0, 15, 10), 1 / 3),
        (rectangle(20, 20, 30, 30), 0.0),
        (rectangle(2, 2, 7, 7), 0.25),
        (np.zeros((4, 2), np.float32), 0.0),
        (geometry.turned(rectangle(0, 0, 10, 10), 3), 1.0),
        (rectangle(0, 0, 10, 10)[::-1], 1.0),
    ],
)
def test_iou(other: QuadPx, expected: float) -> None:
    assert geometry.iou(rectangle(0, 0, 10, 10), other) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        (rectangle(64, 72, 640, 360), 0.05),
        (rectangle(400, 200, 1279, 700), 1 / 1280),
        (rectangle(-128, 100, 640, 360), -0.1),
        (rectangle(100, 100, 640, 756), -0.05),
    ],
)
def test_edge_margin_ratio(corners: QuadPx, expected: float) -> None:
    assert geometry.edge_margin_ratio(corners, 1280, 720) == pytest.approx(expected, abs=1e-6)


def test_homography_maps_corners_and_back() -> None:
    there = geometry.homography(TRAPEZE, UNIT)
    np.testing.assert_allclose(geometry.mapped(TRAPEZE, there), UNIT, atol=1e-5)
    back = np.asarray(np.linalg.inv(there), np.float64)
    np.testing.assert_allclose(geometry.mapped(UNIT, back), TRAPEZE, atol=1e-3)


def seen_by_a_webcam(
    width_mm: float, height_mm: float, pitch_deg: float, yaw_deg: float, focal_share: float
) -> QuadPx:
    """Corners of a page 400 mm away, turned out of the image plane, in a 1280×720 frame."""
    page = rectangle(-width_mm / 2, -height_mm / 2, width_mm / 2, height_mm / 2)
    turn, _ = cv2.Rodrigues(np.radians([pitch_deg, yaw_deg, 0.0]))
    space = np.column_stack([page, np.zeros(4)]) @ turn.T + [0, 0, 400]
    focal = focal_share * 1280
    return (space[:, :2] / space[:, 2:] * focal + [640, 360]).astype(np.float32)


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
@pytest.mark.parametrize(("pitch", "yaw"), [(0, 0), (25, 0), (0, 30), (-20, 15)])
def test_aspect_ratio_undoes_perspective(mrtd_format: MrtdFormat, pitch: int, yaw: int) -> None:
    width_mm, height_mm = geometry.SIZE_MM[mrtd_format]
    seen = seen_by_a_webcam(width_mm, height_mm, pitch, yaw, focal_share=0.85)
    assert geometry.aspect_ratio(seen, 1280, 720) == pytest.approx(width_mm / height_mm, rel=0.01)


@pytest.mark.parametrize("focal_share", [0.65, 1.1])
def test_aspect_ratio_forgives_another_lens(focal_share: float) -> None:
    seen = seen_by_a_webcam(125, 88, 20, 10, focal_share)
    assert geometry.aspect_ratio(seen, 1280, 720) == pytest.approx(125 / 88, rel=0.06)


@pytest.mark.parametrize("corners", [BOW_TIE, np.zeros((4, 2), np.float32)])
def test_aspect_ratio_of_no_page_is_finite(corners: QuadPx) -> None:
    assert math.isfinite(geometry.aspect_ratio(corners, 1280, 720))
