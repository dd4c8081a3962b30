"""Putting flat things into a picture: poses of a camera over a sheet, and warped pasting.

Quads are 4×2 float32, clockwise from the thing's own top-left; ratios are of the frame, 0 to 1,
and may lie outside it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Pixels, Plane, Rng

Quad = NDArray[np.float32]


def image_order(quad: Quad) -> tuple[Quad, int]:
    """Roll a clockwise quad so that it begins at the corner that is top-left in the image.

    The edges 0→1 and 3→2 then point within 45 degrees of rightwards. Returns the rolled quad
    and how many places: `rolled[i] == quad[(i + places) % 4]`.
    """
    rightward = [
        float((quad[(k + 1) % 4] - quad[k] + quad[(k + 2) % 4] - quad[(k + 3) % 4])[0])
        for k in range(4)
    ]
    best = int(np.argmax(rightward))
    return np.roll(quad, -best, axis=0), best


def area(quad: Quad) -> float:
    """Area by the shoelace formula, in the quad's own units squared."""
    x, y = quad[:, 0], quad[:, 1]
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def _projected(rng: Rng, width: float, height: float) -> NDArray[np.float64]:
    """The outline of a width×height sheet through a pinhole camera, centred on its middle."""
    pick = rng.random()
    if pick < 0.74:
        roll = rng.normal(0, 7)
    elif pick < 0.88:
        roll = rng.normal(0, 8) + 90 * int(rng.integers(1, 4))
    else:
        roll = rng.uniform(-180, 180)
    if rng.random() < 0.6:
        pitch, yaw = rng.normal(0, 7, 2)
    else:
        pitch, yaw = rng.uniform(-42, 42), rng.uniform(-36, 36)
    sheet = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float64) / 2
    sheet *= (width, height, 1)
    a, b, c = (math.radians(v) for v in (roll, pitch, yaw))
    turn_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    turn_x = np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
    turn_y = np.array([[math.cos(c), 0, math.sin(c)], [0, 1, 0], [-math.sin(c), 0, math.cos(c)]])
    turned = sheet @ (turn_y @ turn_x @ turn_z).T
    distance = max(width, height) * rng.uniform(1.1, 3.2)
    flat = turned[:, :2] / (turned[:, 2:] + distance)
    return np.asarray(flat - flat.mean(0), np.float64)


def pose(rng: Rng, width: float, height: float, aspect: float, cut: bool) -> Quad | None:
    """A random pose of a sheet in a frame of the given aspect (width over height), in ratios.

    Whole sheets fill 20 to 100% of what fits. A cut one has one to three corners outside, mostly
    not farther than the detector's padding. None where no pose was found.
    """
    for _ in range(40):
        flat = _projected(rng, width, height)
        extent = flat.max(0) - flat.min(0)
        fit = min(aspect / extent[0], 1 / extent[1])
        fill = rng.uniform(0.6, 1.12) if cut else max(rng.uniform(0.22, 1), rng.uniform(0.22, 1))
        quad = flat * fit * fill
        low, high = -quad.min(0), np.array([aspect, 1.0]) - quad.max(0)
        if cut:
            reach = np.array([aspect, 1.0]) * 0.09
            middle = rng.uniform(np.minimum(low, high) - reach, np.maximum(low, high) + reach)
        else:
            middle = rng.uniform(np.minimum(low, high), np.maximum(low, high))
            if rng.random() < 0.5:
                middle = 0.4 * middle + 0.6 * np.array([aspect, 1.0]) / 2
        ratios = np.asarray((quad + middle) / (aspect, 1.0), np.float32)
        outside = int(((ratios < 0) | (ratios > 1)).any(1).sum())
        far = max(-float(ratios.min()), float(ratios.max()) - 1)
        if cut and (outside == 0 or far > (0.25 if rng.random() < 0.1 else 0.075)):
            continue
        if area(ratios) > 0.03:
            return ratios
    return None


def blend(canvas: Pixels, layer: Plane | Pixels, alpha: Plane) -> None:
    """Mix H×W×3 `layer` into `canvas` in place; `alpha` H×W in [0, 1]."""
    share = alpha[..., None]
    canvas[:] = np.asarray(canvas * (1 - share) + layer * share, np.uint8)


def box_of(points: Quad, size: int, margin: float) -> tuple[int, int, int, int] | None:
    """The part of an S×S picture around points: x0, y0, x1, y1; None where nothing is inside."""
    low, high = points.min(0) - margin, points.max(0) + margin
    x0, y0 = (int(max(0, v)) for v in low)
    x1, y1 = (int(min(size, v + 1)) for v in high)
    return (x0, y0, x1, y1) if x1 - x0 > 3 and y1 - y0 > 3 else None


def paste(canvas: Pixels, patch: Pixels, source: Quad, target_px: Quad) -> None:
    """Warp a BGRA patch onto the canvas in place.

    source: 4×2 pixels of `patch`; target_px: where those points come to lie in `canvas`. The
    patch is first shrunk to about its target size, because a bilinear warp alone would alias.
    """
    ratio = math.sqrt(max(1.0, area(target_px)) / max(1.0, area(source)))
    if ratio < 0.8:
        step = min(1.0, ratio * 1.15)
        size = (max(4, int(patch.shape[1] * step)), max(4, int(patch.shape[0] * step)))
        scale = np.array([size[0] / patch.shape[1], size[1] / patch.shape[0]], np.float32)
        patch = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_AREA), np.uint8)
        source = np.asarray(source * scale, np.float32)
    onto = cv2.getPerspectiveTransform(source, target_px.astype(np.float32))
    h, w = patch.shape[:2]
    rim = np.array([[[0, 0], [w, 0], [w, h], [0, h]]], np.float32)
    where = box_of(
        np.asarray(cv2.perspectiveTransform(rim, onto)[0], np.float32), canvas.shape[0], 1
    )
    if where is None:
        return
    x0, y0, x1, y1 = where
    shift = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1]], np.float64)
    warped = cv2.warpPerspective(patch, shift @ onto, (x1 - x0, y1 - y0))
    layer = np.asarray(warped, np.float32)
    alpha = np.asarray(layer[..., 3] / 255, np.float32)
    blend(canvas[y0:y1, x0:x1], layer[..., :3], alpha)
