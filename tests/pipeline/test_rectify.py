from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.geometry import SIZE_MM, homography, mapped, rectangle, turned
from pipeline.rectify import page_aspect, rectify
from pipeline.types import Detection, ImageU8, MrtdFormat, QuadPx
from tests.pipeline.posed import CountingColour, as_frame, specimen_page, webcam_view

WIDTH_PX = 1000
MARGIN_PX = 0.015 * WIDTH_PX


def found(quad_px: QuadPx, mrtd_format: MrtdFormat | None = None) -> Detection:
    return Detection(quad_px.astype(np.float32), 0.9, mrtd_format=mrtd_format)


def reference(mrtd_format: MrtdFormat, size: tuple[int, int]) -> ImageU8:
    """The drawn specimen as a perfect page of that size: width and height, margins included."""
    page = specimen_page(mrtd_format)
    inner = (round(size[0] - 2 * MARGIN_PX), round(size[1] - 2 * MARGIN_PX))
    return np.asarray(cv2.resize(page, inner, interpolation=cv2.INTER_AREA), np.uint8)


def likeness(page: ImageU8, mrtd_format: MrtdFormat) -> float:
    """Correlation with the perfect page, 1 for equal."""
    perfect = reference(mrtd_format, (page.shape[1], page.shape[0]))
    at = round(MARGIN_PX)
    inner = page[at : at + perfect.shape[0], at : at + perfect.shape[1]]
    return float(np.corrcoef(inner.ravel(), perfect[: inner.shape[0]].ravel())[0, 1])


@pytest.mark.parametrize("mrtd_format", list(MrtdFormat))
@pytest.mark.parametrize(
    ("size", "share"), [((640, 360), 0.8), ((1280, 720), 0.6), ((2560, 1440), 0.75)]
)
def test_a_page_comes_out_flat_and_in_place(
    mrtd_format: MrtdFormat, size: tuple[int, int], share: float
) -> None:
    bgr, quad_px = webcam_view(specimen_page(mrtd_format), size, share=share, gain=1, noise=0)
    page = rectify(as_frame(bgr), found(quad_px, mrtd_format), WIDTH_PX)
    width_mm, height_mm = SIZE_MM[mrtd_format]
    inner_px = WIDTH_PX - 2 * MARGIN_PX
    assert page.bgr.dtype == np.uint8
    assert page.bgr.shape[1:] == (WIDTH_PX, 3)
    assert page.bgr.shape[0] == pytest.approx(
        inner_px * height_mm / width_mm + 2 * MARGIN_PX, abs=1
    )
    assert page.px_per_mm == pytest.approx(inner_px / width_mm)
    assert likeness(page.bgr, mrtd_format) > 0.96


def test_the_margin_shows_what_lies_around() -> None:
    picture = np.full((720, 1280, 3), 200, np.uint8)
    quad_px = rectangle(300, 150, 940, 600)
    cv2.rectangle(picture, (300, 150), (939, 599), (20, 20, 20), -1)
    page = rectify(as_frame(picture), found(quad_px), WIDTH_PX).bgr
    at = int(MARGIN_PX)
    assert page[: at - 3].mean() > 195
    assert page[:, : at - 3].mean() > 195
    assert page[at + 3 : -at - 3, at + 3 : -at - 3].mean() < 25


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_edges_lie_where_they_are_said_to_be(scale: float) -> None:
    """To a fraction of a pixel, whether the page is enlarged or reduced."""
    size = (round(1280 * scale), round(720 * scale))
    picture = np.full((size[1], size[0], 3), 255, np.uint8)
    corners = (np.array([[300, 150], [940, 150], [940, 600], [300, 600]]) * scale).astype(int)
    picture[corners[0, 1] : corners[2, 1], corners[0, 0] : corners[2, 0]] = 0
    page = rectify(as_frame(picture), found(corners), WIDTH_PX).bgr
    dark = 255 - page[page.shape[0] // 2, :, 0].astype(float)
    assert dark.sum() / 255 == pytest.approx(WIDTH_PX - 2 * MARGIN_PX, abs=0.6)
    centre = (dark * (np.arange(WIDTH_PX) + 0.5)).sum() / dark.sum()
    assert centre == pytest.approx(WIDTH_PX / 2, abs=0.3)


def test_a_document_on_its_side_becomes_landscape() -> None:
    bgr, quad_px = webcam_view(specimen_page(), share=0.4, turn_deg=0, gain=1, noise=0)
    bgr, quad_px = np.rot90(bgr), quad_px[:, ::-1] * (1, -1) + (0, 1280)
    page = rectify(as_frame(np.ascontiguousarray(bgr)), found(turned(quad_px, 1)), WIDTH_PX)
    assert page.bgr.shape[1] > page.bgr.shape[0]
    sides = [likeness(page.bgr, MrtdFormat.TD3), likeness(page.bgr[::-1, ::-1], MrtdFormat.TD3)]
    assert max(sides) > 0.9


def test_the_document_s_own_top_left_makes_it_upright() -> None:
    bgr, quad_px = webcam_view(specimen_page(), turn_deg=180, share=0.6, gain=1, noise=0)
    page = rectify(as_frame(bgr), found(quad_px), WIDTH_PX).bgr
    assert likeness(page, MrtdFormat.TD3) > 0.96


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((125, 88), 125 / 88),
        ((85.6, 53.98), 85.6 / 53.98),
        ((120, 80), 1.5),
        ((123, 88), 125 / 88),
        ((100, 100), 1.0),
        ((100, 20), 2.0),
        ((180, 100), 1.8),
    ],
)
def test_aspect_without_a_known_format(shape: tuple[float, float], expected: float) -> None:
    half = np.array(shape) * 4 / 2
    quad_px = rectangle(640 - half[0], 360 - half[1], 640 + half[0], 360 + half[1])
    assert page_aspect(quad_px, 1280, 720) == pytest.approx(expected, rel=0.012)


def test_a_known_format_outweighs_the_estimate() -> None:
    square = rectangle(300, 100, 800, 600)
    assert page_aspect(square, 1280, 720, MrtdFormat.TD1) == pytest.approx(85.6 / 53.98)


def test_without_a_format_the_scale_is_not_known() -> None:
    bgr, quad_px = webcam_view(specimen_page())
    assert rectify(as_frame(bgr), found(quad_px), WIDTH_PX).px_per_mm is None


@pytest.mark.parametrize("size", [(1280, 720), (640, 480), (2000, 1500), (16, 16)])
def test_without_a_document_the_whole_frame_is_the_page(size: tuple[int, int]) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[:, : size[0] // 2] = 255
    page = rectify(as_frame(picture), None, WIDTH_PX)
    assert page.bgr.shape == (round(size[1] * WIDTH_PX / size[0]), WIDTH_PX, 3)
    assert page.px_per_mm is None
    assert page.bgr[:, :400].min() == 255
    assert page.bgr[:, 600:].max() == 0


@pytest.mark.parametrize(
    "quad_px",
    [
        np.zeros((4, 2)),
        np.array([[0, 0], [100, 100], [100, 0], [0, 100]]),
        np.full((4, 2), np.nan),
    ],
    ids=["a point", "crossed", "no numbers"],
)
def test_an_outline_that_is_none_gives_the_whole_frame(quad_px: QuadPx) -> None:
    bgr, _ = webcam_view(specimen_page())
    page = rectify(as_frame(bgr), found(quad_px), 640)
    assert page.bgr.shape == (360, 640, 3) and not page.outlined


def test_what_lies_outside_the_frame_is_filled_up() -> None:
    bgr, _ = webcam_view(specimen_page(), gain=1, noise=0)
    page = rectify(as_frame(bgr), found(rectangle(-200, -100, 700, 500)), WIDTH_PX).bgr
    assert page.shape[1] == WIDTH_PX
    assert page[:60, :60].std() < 2


def test_fine_print_is_averaged_when_reduced() -> None:
    """Stripes finer than the page's pixels turn grey instead of into moiré."""
    picture = np.zeros((2160, 3840, 3), np.uint8)
    picture[:, ::2] = 255
    page = rectify(as_frame(picture), found(rectangle(200, 100, 3600, 2060)), WIDTH_PX).bgr
    inner = page[40:-40, 40:-40]
    assert inner.mean() == pytest.approx(127, abs=4)
    assert inner.std() < 12


def test_the_full_colour_is_asked_for_once() -> None:
    bgr, quad_px = webcam_view(specimen_page())
    frame = as_frame(bgr)
    rectify(frame, found(quad_px), WIDTH_PX)
    assert isinstance(frame.colour, CountingColour)
    assert frame.colour.asked == [None]


def test_the_mrz_stays_in_the_page_when_corners_are_a_little_off() -> None:
    _, quad_px = webcam_view(specimen_page(), share=0.6)
    inward = quad_px + (quad_px.mean(axis=0) - quad_px) * 0.02
    matrix = homography(inward, rectangle(MARGIN_PX, MARGIN_PX, WIDTH_PX - MARGIN_PX, 700))
    where = mapped(quad_px, matrix)
    assert where[:, 0].min() > 0
    assert where[:, 0].max() < WIDTH_PX


@pytest.mark.parametrize(("width", "height"), [(1, 900), (20, 3000), (400, 1700)])
def test_a_strip_of_a_picture_does_not_become_a_tower(width: int, height: int) -> None:
    """One pixel by 900 once asked for a page of 1500 by 1 350 000."""
    strip = np.full((height, width, 3), 90, np.uint8)
    page = rectify(as_frame(strip), None, 1500).bgr
    assert page.shape[0] <= 4 * 1500
    assert page.shape[1] == max(1, round(page.shape[0] * width / height))
