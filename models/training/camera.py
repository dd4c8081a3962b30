"""Light and camera: shading, cast shadows, glare, lens, motion, focus, sensor and codec."""

from __future__ import annotations

import cv2
import numpy as np

from models.training.drawing import Pixels, Plane, Rng, soft_noise
from models.training.placing import Quad


def _soft(mask: Plane, radius: float) -> Plane:
    reach = 2 * max(1, int(radius)) + 1
    return np.asarray(cv2.blur(cv2.blur(mask, (reach, reach)), (reach, reach)), np.float32)


def light(rng: Rng, image: Pixels, centre_px: tuple[float, float]) -> Pixels:
    """Uneven light, shadows of things outside the picture, glare near `centre_px`, exposure."""
    size = image.shape[0]
    lit = image.astype(np.float32)
    if rng.random() < 0.6:
        field = soft_noise(rng, size, size, int(rng.integers(2, 5)))
        lit *= (1 + (field - 0.5) * rng.uniform(0.1, 0.8))[..., None]
    if rng.random() < 0.3:
        mask = np.zeros((size, size), np.float32)
        corners = rng.uniform(-0.3, 1.3, (int(rng.integers(3, 5)), 2)) * size
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
        shadow = _soft(mask, rng.uniform(1, 18))
        lit *= 1 - shadow[..., None] * rng.uniform(0.15, 0.6)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            mask = np.zeros((size, size), np.float32)
            x, y = np.array(centre_px) + rng.normal(0, size * 0.14, 2)
            axes = (int(rng.uniform(3, size * 0.13)), int(rng.uniform(2, size * 0.06)))
            cv2.ellipse(mask, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1.0, -1)
            lit += _soft(mask, rng.uniform(1, 10))[..., None] * rng.uniform(60, 260)
    # Cameras balance white and exposure themselves, mostly well.
    well = rng.random() < 0.7
    cast, low = (0.05, 0.85) if well else (0.12, 0.5)
    lit *= rng.uniform(1 - cast, 1 + cast, 3).astype(np.float32) * rng.uniform(low, 1.3)
    gamma = rng.uniform(0.7, 1.2) if well else rng.uniform(0.75, 1.35)
    table = (255 * (np.arange(256) / 255.0) ** gamma).astype(np.uint8)
    exposed = np.asarray(np.clip(lit, 0, 255), np.uint8)
    return np.asarray(cv2.LUT(exposed, table), np.uint8)


def lens(rng: Rng, image: Pixels, quad: Quad) -> tuple[Pixels, Quad]:
    """Barrel or pincushion distortion of the picture, and of the quad (ratios) with it."""
    size = image.shape[0]
    bend = rng.uniform(-0.06, 0.06)
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    factor = 1 + bend * (axis[None, :] ** 2 + axis[:, None] ** 2)
    map_x = np.asarray((axis[None, :] * factor + 1) / 2 * size - 0.5, np.float32)
    map_y = np.asarray((axis[:, None] * factor + 1) / 2 * size - 0.5, np.float32)
    bent = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    # The maps lead from the new picture to the old; corners go the other way, by iteration.
    old = quad * 2 - 1
    new = old.copy()
    for _ in range(6):
        new = old / (1 + bend * (new**2).sum(1, keepdims=True))
    return np.asarray(bent, np.uint8), np.asarray((new + 1) / 2, np.float32)


def _motion(rng: Rng, image: Pixels) -> Pixels:
    reach = int(rng.integers(3, 10))
    kernel = np.zeros((reach, reach), np.float32)
    start, end = (int(rng.integers(reach)) for _ in range(2))
    cv2.line(kernel, (0, start), (reach - 1, end), 1.0)
    if rng.random() < 0.5:
        kernel = np.ascontiguousarray(kernel.T)
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


def sensor(rng: Rng, image: Pixels, size: int) -> Pixels:
    """Blur, resolution, noise and compression; returns size×size×3."""
    pick = rng.random()
    if pick < 0.16:
        image = _motion(rng, image)
    elif pick < 0.42:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.2)), np.uint8)
    if rng.random() < 0.1:
        few = int(size * rng.uniform(0.4, 0.9))
        image = np.asarray(cv2.resize(image, (few, few), interpolation=cv2.INTER_AREA), np.uint8)
    method = cv2.INTER_AREA if image.shape[0] > size else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(image, (size, size), interpolation=method), np.uint8)
    if rng.random() < 0.55:
        channels = 1 if rng.random() < 0.6 else 3
        # Most cameras have light enough; the cheap one in the dark corner stays in the set.
        spread = rng.uniform(0.5, 4) if rng.random() < 0.6 else rng.uniform(3, 11)
        noise = rng.normal(0, spread, (size, size, channels))
        image = np.asarray(np.clip(image + noise, 0, 255), np.uint8)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 92))]
        _done, coded = cv2.imencode(".jpg", image, quality)
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < 0.06:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image)
