"""Hands drawn by code: fingers behind and over a document's edge, sleeves, bare hands."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Pixels, Plane, Rng, colour, skin, soft_noise
from models.training.placing import Quad, blend, box_of

Point = NDArray[np.float64]


def _limb(
    canvas: Pixels, rng: Rng, tip: Point, base: Point, width: float, tone: Plane, nail: bool
) -> None:
    """A bent, shaded capsule from `tip` to `base` (pixels): a finger, or an arm if wide."""
    width = max(2.0, width)
    ends = np.array([tip, base], np.float32)
    where = box_of(ends, canvas.shape[0], width * 1.6 + 6)
    if where is None:
        return
    x0, y0, x1, y1 = where
    view = canvas[y0:y1, x0:x1]
    steps = np.linspace(0, 1, 10)
    along = base - tip
    side = np.array([-along[1], along[0]]) * rng.uniform(-0.12, 0.12)
    path = tip + along * steps[:, None] + side * np.sin(steps * math.pi)[:, None]
    points = np.round((path - (x0, y0)) * 8).astype(np.int32)
    mask: Plane = np.zeros(view.shape[:2], np.float32)
    for index in range(9):
        thick = max(1, int(width * (0.9 + 0.02 * index)))
        a, b = (tuple(int(v) for v in points[index + k]) for k in (0, 1))
        cv2.line(mask, a, b, 1.0, thick, cv2.LINE_AA, 3)
    reach = max(3, int(width * 0.7) | 1)
    inner = cv2.blur(cv2.blur(mask, (reach, reach)), (reach, reach))
    mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 1.2)), np.float32)
    grain = soft_noise(rng, view.shape[0], view.shape[1], 12)[..., None] * 12 - 6
    body = np.clip(tone * (0.62 + 0.45 * inner[..., None]) * rng.uniform(0.85, 1.1) + grain, 0, 255)
    shade = np.roll(inner, (int(rng.integers(-4, 6)), int(rng.integers(-4, 6))), (0, 1))
    view[:] = np.asarray(view * (1 - shade[..., None] * rng.uniform(0.1, 0.5)), np.uint8)
    if nail:
        centre = tip - (x0, y0) + along / (np.hypot(*along) + 1e-6) * width * 0.15
        spot = np.zeros(view.shape[:2], np.float32)
        axes = (max(1, int(width * 0.3)), max(1, int(width * 0.22)))
        angle = math.degrees(math.atan2(along[1], along[0]))
        cv2.ellipse(spot, (int(centre[0]), int(centre[1])), axes, angle, 0, 360, 1.0, -1)
        body = body + spot[..., None] * rng.uniform(5, 30)
    blend(view, np.asarray(np.clip(body, 0, 255), np.float32), mask)


def _edge_point(rng: Rng, quad: Quad, edge: int, place: float) -> tuple[Point, Point]:
    """A point on an edge and the direction that leads outwards there."""
    point = quad[edge] * (1 - place) + quad[(edge + 1) % 4] * place
    outward = point - quad.mean(0)
    length = float(np.hypot(*outward)) + 1e-6
    return np.asarray(point, np.float64), np.asarray(outward / length, np.float64)


def hold_from_behind(
    canvas: Pixels, rng: Rng, quad_px: Quad, px_per_mm: float, tone: Plane
) -> None:
    """Fingertips that look out behind the edges, and maybe a palm; draw before the document."""
    if rng.random() < 0.5:
        point, outward = _edge_point(rng, quad_px, int(rng.integers(4)), rng.uniform(0.3, 0.7))
        tip = point - outward * px_per_mm * 20
        base = point + outward * px_per_mm * rng.uniform(30, 160)
        _limb(canvas, rng, tip, base, px_per_mm * rng.uniform(45, 75), tone, False)
    edge = int(rng.integers(4))
    for _ in range(int(rng.integers(2, 5))):
        point, outward = _edge_point(rng, quad_px, edge, rng.uniform(0.08, 0.92))
        tip = point + outward * px_per_mm * rng.uniform(4, 22)
        base = point - outward * px_per_mm * rng.uniform(10, 30)
        _limb(canvas, rng, tip, base, px_per_mm * rng.uniform(14, 21), tone, rng.random() < 0.4)


def hold_over_edge(canvas: Pixels, rng: Rng, quad_px: Quad, px_per_mm: float, tone: Plane) -> None:
    """Thumbs and fingers lying over the edges; draw after the document."""
    for _ in range(int(rng.integers(1, 4))):
        place = rng.uniform(0.02, 0.2) if rng.random() < 0.4 else rng.uniform(0.05, 0.95)
        point, outward = _edge_point(rng, quad_px, int(rng.integers(4)), place)
        tip = point - outward * px_per_mm * rng.uniform(2, 18)
        drift = rng.uniform(-25, 25, 2) * px_per_mm
        base = point + outward * px_per_mm * rng.uniform(35, 95) + drift
        _limb(canvas, rng, tip, base, px_per_mm * rng.uniform(14, 22), tone, rng.random() < 0.6)


def bare_hand(canvas: Pixels, rng: Rng) -> None:
    """A hand or arm with nothing in it."""
    size = canvas.shape[0]
    tone = skin(rng)
    palm = rng.uniform(0.1, 0.9, 2) * size
    width = size * rng.uniform(0.05, 0.13)
    wrist = palm + rng.normal(0, 0.5, 2) * size
    sleeve = np.array(colour(rng), np.float32)
    _limb(canvas, rng, (palm + wrist) / 2, wrist * 2 - palm, width * 2.6, sleeve, False)
    _limb(canvas, rng, palm, (palm + wrist) / 2, width * 2.2, tone, False)
    away = math.atan2(*(palm - wrist)[::-1])
    for index in range(int(rng.integers(2, 6))):
        angle = away + (index - 2) * rng.uniform(0.1, 0.35)
        reach = width * rng.uniform(1.5, 3.5)
        tip = palm + np.array([math.cos(angle), math.sin(angle)]) * reach
        _limb(canvas, rng, tip, palm, width * rng.uniform(0.5, 0.7), tone, rng.random() < 0.4)
