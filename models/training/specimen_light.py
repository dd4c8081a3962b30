"""Light and surroundings of a camera scene: the lobby, shadow, lamp, page outline.

Planes are H×W float32, images H×W×3 BGR; the same generator state gives the same pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ImageU8 = NDArray[np.uint8]
Floats = NDArray[np.float32]

CORNER_RADIUS = 3.18 / 125.0
"""Radius of a TD3 page's corners as a share of its width (Doc 9303 Part 4, section 2.1)."""


def rounded_mask(width: int, height: int) -> ImageU8:
    """H×W uint8, 255 inside a page with rounded corners."""
    radius = max(1, round(CORNER_RADIUS * width))
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA)
    return mask


def rectangle_px(width: int, height: int) -> Floats:
    """The corners of a picture, 4×2, clockwise from the top-left, counted from pixel edges."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def dim(image: Floats, factor: Floats) -> None:
    """Multiply every channel of H×W×3 ``image`` by H×W ``factor``, in place.

    Three equal planes multiply several times faster than a broadcast one.
    """
    cv2.multiply(image, cv2.merge((factor, factor, factor)), dst=image)


def soft_shadow(cover: Floats) -> Floats:
    """The document's shadow on what is behind it, 0 to 1, a little below and to the right."""
    height, width = cover.shape
    small = cv2.resize(cover, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), 2.6)
    moved = cv2.warpAffine(blurred, np.array([[1, 0, 1.2], [0, 1, 1.8]]), blurred.shape[::-1])
    return np.asarray(cv2.resize(moved, (width, height)), np.float32)


def lamp(size: tuple[int, int], document_x: float) -> Floats:
    """Uneven light on the page, about 1, as an H×W factor."""
    width, height = size
    across = np.linspace(-1, 1, width, dtype=np.float32)[None]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    tilt = 0.05 * (document_x / width - 0.5)
    return np.asarray(0.93 - (0.05 - tilt) * across - 0.06 * down, np.float32)


def _clouds(size: tuple[int, int], cells: int, rng: np.random.Generator) -> Floats:
    """Soft noise about 0 with ``cells`` blobs across, H×W float32."""
    grid = rng.normal(0, 1, (max(2, cells * size[1] // size[0]), cells)).astype(np.float32)
    return np.asarray(cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC), np.float32)


def lobby(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """An out-of-focus lobby above a wooden desk, H×W×3 float32 BGR."""
    width, height = size
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    wall = np.array((128, 142, 150), np.float32) * (1.08 - 0.5 * down)[..., None]
    image = np.repeat(wall, width, axis=1)
    for _ in range(7):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, 0.55 * height)))
        tone = float(rng.uniform(40, 200))
        colour = (tone * 0.86, tone * 0.95, tone)
        half = (int(rng.uniform(0.02, 0.08) * width), int(rng.uniform(0.08, 0.3) * height))
        corners = [(centre[0] + s * half[0], centre[1] + s * half[1]) for s in (-1, 1)]
        cv2.rectangle(image, corners[0], corners[1], colour, -1)
    image = cv2.GaussianBlur(image, (0, 0), width / 55)
    edge = 0.62
    grain = _clouds((width, height), 5, rng) * 0.6 + cv2.resize(
        _clouds((width // 4, height), 160, rng), size
    )
    rings = np.sin(6 * grain + down * 90)
    wood = np.array((62, 92, 128), np.float32) + (5.5 * rings + 4 * grain)[..., None]
    wood *= (0.72 + 0.5 * (down - edge))[..., None]
    below = np.clip((down - edge) * height / 6, 0, 1)[..., None]
    image = image + (wood - image) * below
    return np.asarray(image + 2.0 * _clouds(size, 24, rng)[..., None], np.float32)
