"""Quads, homographies, ratios and pixels.

Origin top-left, x right, y down. A quad is 4×2 float32, corners clockwise as seen in the image.
``*_px`` are pixels; ``*_ratio`` quads hold x as a share of the frame's width and y as a share of
its height. Pixel coordinates are continuous: a frame of width W spans x from 0 to W.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import MrtdFormat, QuadPx

Matrix3 = NDArray[np.float64]
"""3×3 float64, maps homogeneous column vectors (x, y, 1)."""

SIZE_MM: dict[MrtdFormat, tuple[float, float]] = {
    MrtdFormat.TD1: (85.6, 53.98),
    MrtdFormat.TD2: (105.0, 74.0),
    MrtdFormat.TD3: (125.0, 88.0),
    MrtdFormat.MRVA: (120.0, 80.0),
    MrtdFormat.MRVB: (105.0, 74.0),
}
"""Nominal width and height of a page in millimetres: Doc 9303 Part 5 section 2.1 (TD1), Part 6
section 2.1 (TD2), Part 4 section 2.1 (TD3), Part 7 sections 2.1 and 3.1 (visas)."""

_TURNED = np.array([[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1], [3, 0, 1, 2]])
"""Which corner stands in each place after so many quarter turns; indexing takes a tenth of the
time of ``np.roll``, which a frame would call some thirty times."""
_NEXT = _TURNED[1]

_FOCAL_SHARE = 0.85
"""Focal length of an ordinary webcam, as a share of its frame's width (about 61 degrees wide)."""


@dataclass(frozen=True, slots=True)
class Span:
    """Mean lengths of a quad's sides, in the unit of its corners.

    width: of the sides from corner 0 to 1 and 3 to 2; height: of 1 to 2 and 0 to 3.
    """

    width: float
    height: float

    @property
    def long_side(self) -> float:
        return max(self.width, self.height)


def diagonal_px(width_px: float, height_px: float) -> float:
    """Diagonal of a frame."""
    return math.hypot(width_px, height_px)


def rectangle(left: float, top: float, right: float, bottom: float) -> QuadPx:
    """The quad of an upright rectangle, clockwise from its top-left."""
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return np.array(corners, np.float32)


def to_ratio(quad_px: QuadPx, width_px: float, height_px: float) -> QuadPx:
    """Corners as shares of the frame's width and height."""
    return (quad_px / np.array([width_px, height_px], np.float32)).astype(np.float32)


def to_px(quad_ratio: QuadPx, width_px: float, height_px: float) -> QuadPx:
    """Corners in pixels of a frame of the given size."""
    return (quad_ratio * np.array([width_px, height_px], np.float32)).astype(np.float32)


def signed_area(quad: QuadPx) -> float:
    """Area by the shoelace formula; positive when the corners run clockwise in the image."""
    x, y = quad[:, 0].astype(np.float64), quad[:, 1].astype(np.float64)
    return float(0.5 * (x @ y[_NEXT] - y @ x[_NEXT]))


def area(quad: QuadPx) -> float:
    """Area, never negative; of a quad that crosses itself the parts cancel out."""
    return abs(signed_area(quad))


def is_convex(quad: QuadPx) -> bool:
    """True when all four turns go the same way and no corner lies on a straight line."""
    sides = (quad[_NEXT] - quad).astype(np.float64)
    following = sides[_NEXT]
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    return bool(np.all(turns > 0) or np.all(turns < 0))


def clockwise(corners: NDArray[np.floating]) -> QuadPx:
    """Four points in any order -> clockwise around their centre, the image's top-left first.

    Top-left is the corner with the smallest x + y; of equals, the one further left.
    """
    points = np.asarray(corners, np.float32).reshape(4, 2)
    arms = points - points.mean(axis=0)
    ordered = points[np.argsort(np.arctan2(arms[:, 1], arms[:, 0]), kind="stable")]
    first = min(range(4), key=lambda i: (float(ordered[i].sum()), float(ordered[i, 0])))
    return turned(ordered, first)


def turned(quad: QuadPx, quarter_turns: int) -> QuadPx:
    """The same outline, its first corner moved clockwise by ``quarter_turns``."""
    corners: QuadPx = quad[_TURNED[quarter_turns % 4]]
    return corners


def landscape(quad_px: QuadPx) -> QuadPx:
    """The quad with a long side on top."""
    sides = span(quad_px)
    return turned(quad_px, 1 if sides.height > sides.width else 0)


def aligned_to(quad: QuadPx, reference: QuadPx) -> QuadPx:
    """``quad`` with its first corner chosen so that the corners lie nearest ``reference``'s.

    A detector unsure which corner is the top-left changes its mind; the document has not moved.
    """
    distances = np.abs(quad[_TURNED] - reference).sum(axis=(1, 2))
    return turned(quad, int(distances.argmin()))


def corner_distances(quad: QuadPx, other: QuadPx) -> NDArray[np.float64]:
    """Distance of each corner to its counterpart: shape (4,), in the unit of the corners."""
    apart = quad.astype(np.float64) - other.astype(np.float64)
    return np.hypot(apart[:, 0], apart[:, 1])


def span(quad: QuadPx) -> Span:
    """Mean width and height of a quad."""
    top, right, bottom, left = side_lengths(quad)
    return Span((top + bottom) / 2, (right + left) / 2)


def farthest_ratio(quad_px: QuadPx, other_px: QuadPx, width_px: float, height_px: float) -> float:
    """Distance of the corners that lie farthest apart, in diagonals of a frame of that size."""
    return float(corner_distances(quad_px, other_px).max()) / diagonal_px(width_px, height_px)


def side_lengths(quad: QuadPx) -> tuple[float, float, float, float]:
    """Lengths of the sides 0-1, 1-2, 2-3 and 3-0."""
    lengths = corner_distances(quad[_NEXT], quad)
    return float(lengths[0]), float(lengths[1]), float(lengths[2]), float(lengths[3])


def side_ratio(quad: QuadPx) -> float:
    """How alike opposite sides are, 0 to 1: 1 for a page held parallel to the camera.

    The smaller of the two ratios of a side to its opposite; 0 for a quad without extent.
    """
    top, right, bottom, left = side_lengths(quad)
    longest = max(top, bottom), max(right, left)
    if min(longest) <= 0:
        return 0.0
    return min(min(top, bottom) / longest[0], min(right, left) / longest[1])


def iou(quad: QuadPx, other: QuadPx) -> float:
    """Intersection over union of two convex quads, 0 to 1."""
    areas = area(quad), area(other)
    if min(areas) <= 0:
        return 0.0
    shared, _ = cv2.intersectConvexConvex(
        np.ascontiguousarray(quad, np.float32), np.ascontiguousarray(other, np.float32)
    )
    union = areas[0] + areas[1] - shared
    return float(min(1.0, shared / union)) if union > 0 else 0.0


def edge_margin_ratio(quad_px: QuadPx, width_px: float, height_px: float) -> float:
    """Smallest distance of a corner to the frame's edge, as a share of that frame side.

    Negative when a corner lies outside the frame.
    """
    ratio = to_ratio(quad_px, width_px, height_px)
    return float(min(ratio.min(), (1 - ratio).min()))


def homography(source: QuadPx, target: QuadPx) -> Matrix3:
    """The matrix that maps ``source``'s corners onto ``target``'s."""
    matrix = cv2.getPerspectiveTransform(
        np.ascontiguousarray(source, np.float32), np.ascontiguousarray(target, np.float32)
    )
    return np.asarray(matrix, np.float64)


def unit_to(quad: QuadPx) -> Matrix3:
    """The matrix that maps the unit square, clockwise from its origin, onto ``quad``."""
    return homography(rectangle(0, 0, 1, 1), quad)


def mapped(points: NDArray[np.floating], matrix: Matrix3) -> NDArray[np.float32]:
    """N×2 points moved by a homography: N×2 float32."""
    rows = np.asarray(points, np.float64).reshape(-1, 2)
    homogeneous = np.column_stack([rows, np.ones(len(rows))]) @ matrix.T
    return (homogeneous[:, :2] / homogeneous[:, 2:]).astype(np.float32)


def aspect_ratio(quad_px: QuadPx, width_px: float, height_px: float) -> float:
    """Width to height of the rectangle whose picture ``quad_px`` is.

    Undoes perspective for a camera looking at the frame's centre with an ordinary webcam's
    focal length: the columns of the homography's calibrated form are the page's sides (Z. Zhang,
    L. He, "Whiteboard scanning and image enhancement", Digital Signal Processing 17, 2007,
    section 3.1). Falls back on the mean sides for a quad without extent.
    """
    sides = span(quad_px)
    if min(sides.width, sides.height) <= 0 or not is_convex(quad_px):
        return sides.width / max(sides.height, 1e-6)
    focal = _FOCAL_SHARE * max(width_px, height_px)
    centred = (quad_px - np.array([width_px / 2, height_px / 2], np.float32)) / np.float32(focal)
    plane = homography(rectangle(0, 0, 1, 1), centred.astype(np.float32))
    return float(np.linalg.norm(plane[:, 0]) / np.linalg.norm(plane[:, 1]))


def tilt_deg(quad_px: QuadPx, width_px: float, height_px: float) -> float:
    """Angle in degrees, 0 to 90, between the page's plane and the picture's.

    For a camera as in `aspect_ratio`, whose columns span the page's plane. 0 for a quad without
    extent.
    """
    if area(quad_px) < 1 or not is_convex(quad_px):
        return 0.0
    focal = _FOCAL_SHARE * max(width_px, height_px)
    centred = (quad_px - np.array([width_px / 2, height_px / 2], np.float32)) / np.float32(focal)
    plane = unit_to(centred.astype(np.float32))
    normal = np.cross(plane[:, 0], plane[:, 1])
    return math.degrees(math.acos(min(1.0, abs(float(normal[2] / np.linalg.norm(normal))))))
