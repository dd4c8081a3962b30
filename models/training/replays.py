"""A document's page before a webcam: the document itself, its photocopy, or a screen that shows it.

Of a screen's raster the first harmonic of its stripes is drawn, weakened as lens and pixel weaken
it and then sampled where the sensor's pixels are, so that what lies beyond their frequency folds
into a moiré as it does in a camera. H×W×3 uint8 BGR throughout; the same generator, the same
pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.geometry import homography, rectangle
from pipeline.types import ImageU8, QuadPx

Floats = NDArray[np.float32]
LIGHTS = {
    # Gains of blue, green and red once the camera has balanced as far as it can.
    "daylight": (1.0, 1.0, 1.0),
    "cool": (1.0, 0.91, 0.8),
    "warm": (0.72, 0.92, 1.0),
    "dim": (0.5, 0.52, 0.55),
}
MONOCHROME = "sodium lamp"
_SUB_PIXEL = 1 / 3


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the page is in the picture: corners in pixels, clockwise from its own top-left."""

    size: tuple[int, int]
    quad_px: QuadPx


def random_pose(rng: np.random.Generator, aspect: float, size: tuple[int, int]) -> Pose:
    """A page ``aspect`` wide to high, between .45 and .8 of the picture wide, a little turned."""
    width, height = size
    half = rng.uniform(0.45, 0.8) * width / 2
    tall = half / aspect
    if tall > 0.46 * height:
        half, tall = 0.46 * height * aspect, 0.46 * height
    quad_px = rectangle(-half, -tall, half, tall)
    quad_px += rng.uniform(-0.05, 0.05, (4, 2)).astype(np.float32) * half
    turn = np.radians(rng.uniform(-6, 6))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return Pose(size, (quad_px @ rotation.T + (width / 2, height / 2)).astype(np.float32))


def photocopy(page: ImageU8, rng: np.random.Generator) -> ImageU8:
    """The page from a copier without colours: hard contrast, and half of them a dot screen."""
    grey = cv2.cvtColor(page, cv2.COLOR_BGR2GRAY).astype(np.float32)
    grey = np.clip((grey - 128) * rng.uniform(1.1, 1.6) + 128 + rng.uniform(0, 30), 20, 250)
    if rng.random() < 0.5:
        pitch_px = page.shape[1] / 125 / rng.uniform(2.5, 5)
        rows, columns = np.mgrid[0 : page.shape[0], 0 : page.shape[1]].astype(np.float32)
        turn = np.float32(2 * np.pi / pitch_px / np.sqrt(2))
        dots = 0.5 + 0.25 * (np.cos((rows + columns) * turn) + np.cos((rows - columns) * turn))
        grey = 20 + 230 / (1 + np.exp(-(grey / 255 - dots) * 8))
    return np.ascontiguousarray(np.repeat(grey[..., None], 3, axis=2).clip(0, 255), np.uint8)


def view(
    page: ImageU8,
    pose: Pose,
    rng: np.random.Generator,
    light: str = "daylight",
    raster_per_page: float | None = None,
) -> ImageU8:
    """What the camera gives, through JPEG with halved colours as video has them.

    ``raster_per_page``: display pixels across the page's width, where it is a screen's picture.
    """
    width, height = pose.size
    sheet = rectangle(-0.5, -0.5, page.shape[1] - 0.5, page.shape[0] - 0.5)
    matrix = homography(sheet, pose.quad_px - np.float32(0.5))
    shrink = page.shape[1] / float(np.linalg.norm(pose.quad_px[1] - pose.quad_px[0]))
    soft = cv2.GaussianBlur(page, (0, 0), 0.45 * shrink) if shrink > 1.2 else page
    desk = tuple(float(value) for value in rng.uniform(40, 140, 3))
    seen = cv2.warpPerspective(soft, matrix, pose.size, borderValue=desk).astype(np.float32)
    blur = float(rng.uniform(0.4, 0.9))
    if raster_per_page is not None:
        covered = cv2.warpPerspective(
            np.ones(page.shape[:2], np.float32), matrix, pose.size, borderValue=0
        )
        raster = _raster(pose, page.shape[1] / raster_per_page, matrix, blur)
        emitted = seen * np.array([1.06, 1.0, 0.94], np.float32)
        seen = np.asarray(np.where(covered[..., None] > 0.5, emitted * raster, seen), np.float32)
    seen = np.asarray(cv2.GaussianBlur(seen, (0, 0), blur), np.float32)
    seen = _lit(seen, light, rng) if raster_per_page is None else seen
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = rng.uniform(-0.2, 0.2, 2)
    seen *= (1 + slope[0] * (rows / height - 0.5) + slope[1] * (columns / width - 0.5))[..., None]
    seen += rng.normal(0, rng.uniform(1, 3.5), seen.shape)
    coded = cv2.imencode(
        ".jpg", seen.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 88]
    )[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)


def _lit(seen: NDArray[np.float32], light: str, rng: np.random.Generator) -> NDArray[np.float32]:
    exposure = np.float32(rng.uniform(0.75, 1.0))
    if light == MONOCHROME:
        bright = seen @ np.array([0.02, 0.4, 0.58], np.float32)
        return bright[..., None] * np.array([0.1, 0.62, 1.0], np.float32) * exposure
    gains = np.array(LIGHTS[light]) * rng.uniform(0.94, 1.06, 3)
    return seen * gains.astype(np.float32) * exposure


def _raster(
    pose: Pose, pitch: float, matrix: NDArray[np.float64], blur: float
) -> NDArray[np.float32]:
    """H×W×3: the light of the stripes over their mean; ``pitch`` in pixels of the page.

    ``blur`` is applied to the folded picture afterwards, but a lens blurs before it is sampled:
    the raster's own frequency is weakened here.
    """
    width, height = pose.size
    inverse = np.linalg.inv(np.asarray(matrix, np.float64))
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    points = np.stack([columns, rows, np.ones_like(rows)], -1) @ inverse.T
    across = points[..., 0] / points[..., 2] / pitch
    down = points[..., 1] / points[..., 2] / pitch
    lines = []
    # Seen per sensor pixel: stripes of a third, and rows with a dark gap of a seventh.
    for phase, duty in ((across, _SUB_PIXEL), (down, 6 / 7)):
        step = np.hypot(np.gradient(phase, axis=1), np.gradient(phase, axis=0))
        weak = np.sinc(step) * np.exp(-2 * (np.pi * blur * step) ** 2)
        lines.append((phase, 2 * np.sinc(duty) * weak))
    (phase, amount), (fall, little) = lines
    stripes = [amount * np.cos(2 * np.pi * (phase - colour / 3)) for colour in (2, 1, 0)]
    gap = 1 + little * np.cos(2 * np.pi * fall)
    return np.asarray(np.stack([(1 + one) * gap for one in stripes], -1), np.float32)
