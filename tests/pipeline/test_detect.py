"""The detector with the shipped network, on pictures composed here, and with drawn answers."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.settings import DetectSettings
from models.training.backgrounds import Assets, drawn
from models.training.identity_documents import booklet, td1, td3
from models.training.placing import paste
from models.training.scenes import FacePool, compose
from pipeline.detect import CornerDetector
from pipeline.geometry import aligned_to, area, iou, mapped, unit_to
from pipeline.types import Frame, ImageU8, QuadPx
from pipeline.weights import Weights
from tests.pipeline.faces import HEIGHT, HELD, WIDTH, frame_of, picture


@pytest.fixture(scope="module")
def detector() -> CornerDetector:
    return CornerDetector.load(DetectSettings(), Weights())


@pytest.mark.parametrize("draw", [td3, td1, booklet])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_finds_an_identity_document(detector: CornerDetector, draw: object, seed: int) -> None:
    assert callable(draw)
    face = draw(np.random.default_rng(seed))
    found = detector.detect(frame_of(picture(face, HELD, seed)))
    assert found is not None
    assert iou(found.quad_px, HELD) > 0.9
    assert not found.cut
    assert 0.5 <= found.confidence <= 1
    assert found.quad_px.dtype == np.float32


def test_detect_and_corners_agree(detector: CornerDetector) -> None:
    bgr = picture(td3(np.random.default_rng(5)), HELD, 5)
    found, single = detector.detect(frame_of(bgr)), detector.corners(bgr)
    assert found is not None
    assert single is not None
    assert np.abs(aligned_to(single[0], found.quad_px) - found.quad_px).max() < 8


@pytest.mark.parametrize("full_scale", [1.0, 2.0])
@pytest.mark.parametrize("height_px", [360, 480, 540, 720, 768, 1080])
def test_thumbnails_are_of_even_width(
    detector: CornerDetector, height_px: int, full_scale: float
) -> None:
    asked: list[int | None] = []

    def colour(width_px: int | None) -> ImageU8:
        asked.append(width_px)
        assert width_px is not None
        return np.zeros((round(width_px * 9 / 16), width_px, 3), np.uint8)

    for wide in (4 / 3, 16 / 9, 3 / 4):
        luma = np.zeros((height_px, 2 * round(height_px * wide / 2)), np.uint8)
        detector.detect(Frame(0, 0.0, 0.0, luma, colour, full_scale=full_scale))
    assert len(asked) == 3
    assert all(width_px is not None and width_px % 2 == 0 for width_px in asked)


@pytest.mark.parametrize("size_px", [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_pictures_of_hardly_any_pixels_show_no_document(
    detector: CornerDetector, size_px: tuple[int, int]
) -> None:
    assert detector.detect(frame_of(np.zeros((*size_px, 3), np.uint8))) is None


def test_follows_a_moving_page(detector: CornerDetector) -> None:
    face = td3(np.random.default_rng(8))
    for step in range(6):
        quad = HELD + np.array([step * 35 - 90, step * 8 - 20], np.float32)
        found = detector.detect(frame_of(picture(face, quad, 8)))
        assert found is not None
        assert iou(found.quad_px, quad) > 0.88


def test_a_document_cut_by_the_frame_is_found_and_called_cut(detector: CornerDetector) -> None:
    quad = HELD + np.array([-375, 0], np.float32)
    found = detector.detect(frame_of(picture(td3(np.random.default_rng(4)), quad, 4)))
    assert found is not None
    assert found.cut
    assert found.quad_px[:, 0].min() < 0
    assert iou(found.quad_px, quad) > 0.85


@pytest.mark.parametrize("seed", range(12))
def test_draws_no_outline_on_a_mere_background(detector: CornerDetector, seed: int) -> None:
    empty = cv2.resize(drawn(np.random.default_rng(seed), 400), (WIDTH, HEIGHT))
    assert detector.detect(frame_of(np.ascontiguousarray(empty, np.uint8))) is None


def test_few_false_outlines_on_composed_scenes_without_a_document(
    detector: CornerDetector,
) -> None:
    scenes = [compose(seed, Assets(), FacePool(5_000_000, 8)) for seed in range(60)]
    empty = [scene for scene in scenes if not scene.present]
    false = [scene for scene in empty if detector.corners(scene.image) is not None]
    assert len(empty) > 15
    assert len(false) <= 2


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_plain_frame_holds_nothing(detector: CornerDetector, level: int) -> None:
    assert detector.detect(frame_of(np.full((HEIGHT, WIDTH, 3), level, np.uint8))) is None


def test_a_small_document_is_placed_better_by_two_looks(detector: CornerDetector) -> None:
    small = (HELD - np.float32(500)) * np.float32(0.45) + np.float32(500)
    off = []
    for scale in (2.0, 1.0):
        frame = frame_of(picture(td3(np.random.default_rng(6)), small, 6))
        found = detector.detect(replace(frame, full_scale=scale))
        assert found is not None
        off.append(iou(aligned_to(found.quad_px, small), small))
    assert off[1] > 0.93
    assert off[1] >= off[0] - 0.01


def test_a_portrait_frame(detector: CornerDetector) -> None:
    upright = np.array([[90, 420], [640, 430], [630, 800], [95, 810]], np.float32)
    canvas = np.full((1280, 1280, 3), (90, 120, 140), np.uint8)
    face = td3(np.random.default_rng(3))
    paste(canvas, face.bgra, face.outline_px, upright)
    found = detector.detect(frame_of(np.ascontiguousarray(canvas[:, :720])))
    assert found is not None
    assert iou(found.quad_px, upright) > 0.85


class DrawnAnswer:
    """A session that answers with the maps of one quad, given in ratios of the padded square."""

    def __init__(
        self,
        quad: QuadPx,
        presence: float = 6.0,
        turn: int = 0,
        kind: int = 2,
        zone: QuadPx | None = None,
        paper: QuadPx | None = None,
    ) -> None:
        """``paper``: where the mask sees a document; None for the quad."""
        grid = 64
        cells = np.arange(grid) + 0.5
        self._heat = np.stack(
            [
                20 - ((cells[None, :] - x) ** 2 + (cells[:, None] - y) ** 2) / 2
                for x, y in quad * grid
            ]
        ).astype(np.float32)
        mask = np.zeros((grid, grid), np.uint8)
        seen = quad if paper is None else paper
        cv2.fillPoly(mask, [np.round(seen * grid - 0.5).astype(np.int32)], 1)
        self._mask = mask.astype(np.float32) * 8 - 4
        band = np.zeros((grid, grid), np.uint8)
        if zone is not None:
            cv2.fillPoly(band, [np.round(zone * grid - 0.5).astype(np.int32)], 1)
        self._band = band.astype(np.float32) * 8 - 4
        self._answers = (np.array([presence], np.float32), _hot(turn), _hot(kind))

    def run(
        self, names: list[str] | None, feed: dict[str, ImageU8]
    ) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        assert names is None
        assert feed["picture"].shape == (1, 256, 256, 3)
        offset = np.zeros((1, 8, 64, 64), np.float32)
        presence, turn, kind = self._answers
        mask, band = self._mask[None], self._band[None]
        return [self._heat[None], offset, mask, presence, turn, kind, band]


def _hot(index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    logits = np.zeros((1, 4), np.float32)
    logits[0, index] = 9
    return logits


def _detector(answer: DrawnAnswer) -> CornerDetector:
    return CornerDetector(DetectSettings(), answer, 256)


SQUARE = np.array([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]], np.float32)
BLACK = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
PREVIEW = replace(frame_of(BLACK), full_scale=2.0)
"""A frame that is looked at once."""


class Looks:
    """A session that answers every look as told, and counts."""

    def __init__(self, *answers: DrawnAnswer) -> None:
        self._answers = answers
        self.count = 0

    def run(
        self, names: list[str] | None, feed: dict[str, ImageU8]
    ) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
        answer = self._answers[self.count]
        self.count += 1
        return answer.run(names, feed)


def test_a_second_look_moves_the_corners() -> None:
    # What fills half of the frame fills two thirds of its own surroundings.
    looks = Looks(DrawnAnswer(SQUARE), DrawnAnswer((SQUARE - 0.5) * 1.3 + 0.5))
    twice = CornerDetector(DetectSettings(), looks, 256).detect(frame_of(BLACK))
    once = _detector(DrawnAnswer(SQUARE)).detect(PREVIEW)
    assert looks.count == 2
    assert once is not None
    assert twice is not None
    assert 0.75 < iou(once.quad_px, twice.quad_px) < 0.999


def test_a_preview_is_looked_at_once() -> None:
    looks = Looks(DrawnAnswer(SQUARE), DrawnAnswer(SQUARE))
    assert CornerDetector(DetectSettings(), looks, 256).detect(PREVIEW) is not None
    assert looks.count == 1


@pytest.mark.parametrize(
    "second",
    [
        DrawnAnswer(SQUARE * 0.2),  # something else altogether
        DrawnAnswer((SQUARE - 0.5) * 1.3 + 0.5, presence=-0.5),  # the same, with doubts
    ],
)
def test_a_second_look_that_doubts_moves_nothing(second: DrawnAnswer) -> None:
    looks = Looks(DrawnAnswer(SQUARE), second)
    twice = CornerDetector(DetectSettings(), looks, 256).detect(frame_of(BLACK))
    once = _detector(DrawnAnswer(SQUARE)).detect(PREVIEW)
    assert once is not None
    assert twice is not None
    assert np.abs(once.quad_px - twice.quad_px).max() < 0.01
    assert twice.confidence <= once.confidence


def _grown(scale: float) -> QuadPx:
    return np.asarray((SQUARE - 0.5) * scale + 0.5, np.float32)


@pytest.mark.parametrize(("paper", "taken"), [(1.2, False), (1.07, True)])
def test_a_second_look_at_a_printed_frame_moves_nothing(paper: float, taken: bool) -> None:
    """It lies a twelfth of the area inside what the first look found. Where the paper goes on
    beyond it, it is a printed frame; where it ends there too, the first look was the wrong one."""
    looks = Looks(DrawnAnswer(SQUARE), DrawnAnswer(_grown(1.07), paper=_grown(paper)))
    twice = CornerDetector(DetectSettings(), looks, 256).detect(frame_of(BLACK))
    once = _detector(DrawnAnswer(SQUARE)).detect(PREVIEW)
    assert once is not None
    assert twice is not None
    assert looks.count == 2
    assert (np.abs(once.quad_px - twice.quad_px).max() > 1) == taken


def test_nothing_on_the_second_look_costs_its_share_of_the_confidence() -> None:
    once = _detector(DrawnAnswer(SQUARE)).detect(PREVIEW)
    looks = Looks(DrawnAnswer(SQUARE), DrawnAnswer(SQUARE, presence=-9))
    doubted = CornerDetector(DetectSettings(), looks, 256).detect(frame_of(BLACK))
    assert once is not None and doubted is not None
    assert doubted.confidence == pytest.approx(0.7 * once.confidence, abs=0.01)


def test_nothing_on_the_second_look_ends_what_was_in_doubt_before() -> None:
    unsure = DrawnAnswer(SQUARE, presence=-0.7)
    assert _detector(unsure).detect(PREVIEW) is not None
    looks = Looks(unsure, DrawnAnswer(SQUARE, presence=-9))
    assert CornerDetector(DetectSettings(), looks, 256).detect(frame_of(BLACK)) is None


def test_padding_is_undone() -> None:
    settings = DetectSettings()
    found = _detector(DrawnAnswer(SQUARE)).detect(PREVIEW)
    assert found is not None
    share = 0.5 * (1 + 2 * settings.padding)
    assert area(found.quad_px) == pytest.approx(share**2 * WIDTH * HEIGHT, rel=0.02)
    assert np.abs(found.quad_px.mean(0) - (WIDTH / 2, HEIGHT / 2)).max() < 6


def test_the_documents_own_top_left_comes_first() -> None:
    plain = _detector(DrawnAnswer(SQUARE)).detect(frame_of(BLACK))
    turned = _detector(DrawnAnswer(SQUARE, turn=2)).detect(frame_of(BLACK))
    assert plain is not None
    assert turned is not None
    assert np.array_equal(turned.quad_px, np.roll(plain.quad_px, -2, axis=0))


@pytest.mark.parametrize("turn", range(4))
def test_the_zone_is_found_in_its_place(turn: int) -> None:
    foot = np.array([[0.27, 0.62], [0.73, 0.62], [0.73, 0.73], [0.27, 0.73]], np.float32)
    plain = _detector(DrawnAnswer(SQUARE)).detect(frame_of(BLACK))
    found = _detector(DrawnAnswer(SQUARE, turn=turn, zone=foot)).detect(frame_of(BLACK))
    assert plain is not None
    assert plain.mrz_quad_px is None
    assert found is not None
    assert found.mrz_quad_px is not None
    to_unit = np.asarray(np.linalg.inv(unit_to(found.quad_px)), np.float64)
    low, high = (f(mapped(found.mrz_quad_px, to_unit), 0) for f in (np.min, np.max))
    where = np.array([[0.04, 0.74], [0.96, 0.96]])
    for _ in range(turn):
        # The document's own frame turns against the picture.
        where = np.stack([where[:, 1], 1 - where[::-1, 0]], 1)
    assert np.abs(np.stack([low, high]) - where).max() < 0.04
    # Its first corner is the one nearest the document's own first.
    corners = np.linalg.norm(found.mrz_quad_px - found.quad_px[0], axis=1)
    assert corners.argmin() == 0


def test_a_few_stray_cells_are_no_zone() -> None:
    speck = np.array([[0.5, 0.5], [0.53, 0.5], [0.53, 0.53], [0.5, 0.53]], np.float32)
    found = _detector(DrawnAnswer(SQUARE, zone=speck)).detect(frame_of(BLACK))
    assert found is not None
    assert found.mrz_quad_px is None


def test_formats_are_named() -> None:
    names = [
        found.mrtd_format
        for kind in range(4)
        if (found := _detector(DrawnAnswer(SQUARE, kind=kind)).detect(frame_of(BLACK)))
    ]
    assert names == ["TD1", "TD2", "TD3", None]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (DrawnAnswer(SQUARE, presence=-4), "the network sees no document"),
        (DrawnAnswer(SQUARE * 0.1 + 0.45), "far too small"),
        (DrawnAnswer(SQUARE[[0, 2, 1, 3]]), "crossed corners"),
    ],
)
def test_no_outline(answer: DrawnAnswer, why: str) -> None:
    assert _detector(answer).detect(frame_of(BLACK)) is None, why
