"""Edges found to sub-pixel accuracy on drawn pictures, and left alone where there are none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.refine import refine, refine_all
from pipeline.types import ImageU8, QuadPx

TRUE = np.array([[210.0, 130.0], [1010.0, 170.0], [980.0, 640.0], [230.0, 600.0]], np.float32)


def sheet(quad: QuadPx, paper: int = 200, ground: int = 70) -> ImageU8:
    """A sheet on a ground, 720×1280, drawn eight times as large, its edges softened."""
    large = np.full((720 * 8, 1280 * 8), ground, np.uint8)
    cv2.fillPoly(large, [np.round(quad * 8 - 0.5).astype(np.int32)], paper)
    image = cv2.resize(large, (1280, 720), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), np.uint8)


def worst(quad: QuadPx) -> float:
    return float(np.linalg.norm(quad - TRUE, axis=1).max())


@pytest.mark.parametrize("seed", range(6))
def test_trembling_corners_come_to_rest_on_the_edges(seed: int) -> None:
    rough = TRUE + np.random.default_rng(seed).uniform(-9, 9, (4, 2)).astype(np.float32)
    refined = refine(sheet(TRUE), rough)
    assert worst(refined) < 0.6
    assert refined.dtype == np.float32


def test_dark_paper_on_light_ground() -> None:
    assert worst(refine(sheet(TRUE, 40, 220), TRUE + np.float32(6))) < 0.6


def test_noise_is_averaged_along_the_side() -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(sheet(TRUE) + rng.normal(0, 14, (720, 1280)), 0, 255).astype(np.uint8)
    assert worst(refine(noisy, TRUE + np.float32(6))) < 1.5


def test_a_thumb_over_an_edge_does_not_bend_it() -> None:
    held = sheet(TRUE)
    cv2.ellipse(held, (600, 150), (70, 60), 0, 0, 360, 120, -1)
    assert worst(refine(held, TRUE + np.float32(5))) < 1.0


def test_without_edges_the_quad_stays() -> None:
    flat = np.full((720, 1280), 128, np.uint8)
    assert np.array_equal(refine(flat, TRUE), TRUE)


def test_all_sides_or_none() -> None:
    rough = TRUE + np.float32(6)
    every = refine_all(sheet(TRUE), rough)
    assert every is not None and np.array_equal(every, refine(sheet(TRUE), rough))
    half = sheet(TRUE)
    half[:, :400] = 200
    beside = TRUE - np.array([260, 0], np.float32)
    for lacking in (half, np.full((720, 1280), 128, np.uint8)):
        assert refine_all(lacking, rough) is None
    assert refine_all(sheet(beside), beside + np.float32(4)) is None, "a side beyond the picture"
    assert refine_all(sheet(TRUE), TRUE * 0.01) is None


def test_one_missing_edge_keeps_its_place_while_the_others_move() -> None:
    half = sheet(TRUE)
    half[:, :400] = 200
    rough = TRUE + np.array([[8, 8], [8, 8], [8, 8], [8, 8]], np.float32)
    refined = refine(half, rough)
    assert np.abs(refined[1:3] - TRUE[1:3]).max() < 1.0


@pytest.mark.parametrize(
    "quad",
    [
        np.zeros((4, 2), np.float32),
        np.array([[0, 0], [100, 0], [200, 0], [300, 0]], np.float32),
        np.full((4, 2), np.float32(1e6)),
        TRUE * 0.01,
    ],
)
def test_degenerate_quads_come_back_unharmed(quad: QuadPx) -> None:
    assert np.isfinite(refine(sheet(TRUE), quad)).all()


def test_a_cut_document_keeps_corners_outside_the_frame() -> None:
    moved = TRUE - np.array([260, 0], np.float32)
    refined = refine(sheet(moved), moved + np.float32(4))
    assert refined[0, 0] < 0
    assert float(np.linalg.norm(refined - moved, axis=1).max()) < 8


def test_a_side_beyond_the_picture_is_not_drawn_in_to_the_print() -> None:
    cut = TRUE - np.array([230, 0], np.float32)
    printed = sheet(cut)
    cv2.line(printed, (6, 120), (6, 640), 60, 3)
    rough = cut.copy()
    rough[[0, 3], 0] = (-18, -14)
    refined = refine(printed, rough)
    assert refined[[0, 3], 0] == pytest.approx(rough[[0, 3], 0], abs=2)
    assert np.abs(refined[1:3] - cut[1:3]).max() < 0.6
