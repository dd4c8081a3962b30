"""Turns composed scenes into padded, varied batches for training and evaluation.

The network's input is the frame squeezed to a square with a grey border, so that corners a little
outside the frame still lie on the picture. `PADDING_RATIO` of the frame's size on each side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Pixels, Rng
from models.training.placing import Quad, area, image_order
from models.training.scenes import Scene

PADDING_RATIO = 9 / 110
BORDER_GREY = 127


@dataclass(frozen=True, slots=True)
class Batch:
    """B pictures with their truth.

    pictures: B×3×S×S float32 BGR 0 to 255; quads: B×4×2 float32 ratios of the padded square, in
    image order; seen: B×4, whether the corner lies on the padded square; mask and band: B×G×G
    float32, the document and its machine-readable zone;
    turn: B int64, image corner that is the document's own top-left, -1 where unknown; kind: B
    int64, -1 where none; present: B float32.
    """

    pictures: NDArray[np.float32]
    quads: NDArray[np.float32]
    seen: NDArray[np.bool_]
    mask: NDArray[np.float32]
    turn: NDArray[np.int64]
    kind: NDArray[np.int64]
    present: NDArray[np.float32]
    band: NDArray[np.float32]


def _inner(size: int) -> tuple[int, int]:
    """Side of the frame within a padded square of `size` pixels, and where it begins."""
    inner = round(size / (1 + 2 * PADDING_RATIO))
    return inner, (size - inner) // 2


def padded(image: Pixels, size: int) -> Pixels:
    """The frame squeezed into a size×size square with its grey border, uint8 BGR."""
    inner, at = _inner(size)
    method = cv2.INTER_AREA if inner < image.shape[0] else cv2.INTER_LINEAR
    square = np.full((size, size, 3), BORDER_GREY, np.uint8)
    square[at : at + inner, at : at + inner] = cv2.resize(
        image, (inner, inner), interpolation=method
    )
    return square


def to_padded(quad: Quad) -> Quad:
    """Ratios of the frame → ratios of the padded square."""
    return np.asarray((quad + PADDING_RATIO) / (1 + 2 * PADDING_RATIO), np.float32)


def to_frame(quad: Quad) -> Quad:
    """Ratios of the padded square → ratios of the frame."""
    return np.asarray(quad * (1 + 2 * PADDING_RATIO) - PADDING_RATIO, np.float32)


def _visible_share(quad: Quad) -> float:
    """How much of a quad (ratios) lies inside the frame, 0 to 1."""
    frame = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    inside, _outline = cv2.intersectConvexConvex(quad, frame)
    return float(inside) / max(area(quad), 1e-6)


def _varied(rng: Rng, scene: Scene) -> Scene:
    """A mirrored, turned, cropped scene; mirrored print no longer tells its own top-left."""
    image, quad, band, upright = scene.image, scene.quad, scene.band, scene.upright
    side = image.shape[0]
    if rng.random() < 0.4:
        # Some lose much of the document, as when it enters the frame or leaves it.
        entering = rng.random() < 0.35
        w, h = (int(v) for v in rng.uniform(0.55 if entering else 0.8, 1.0, 2) * side)
        x, y = int(rng.integers(0, side - w + 1)), int(rng.integers(0, side - h + 1))
        moved = np.asarray((quad * side - (x, y)) / (w, h), np.float32)
        beyond = max(-float(moved.min()), float(moved.max()) - 1)
        fits = _visible_share(moved) > 0.35 if entering else beyond < PADDING_RATIO
        if not scene.present or fits:
            image, quad = image[y : y + h, x : x + w], moved
            band = np.asarray((band * side - (x, y)) / (w, h), np.float32)
    if rng.random() < 0.3:
        image = image[:, ::-1]
        quad, band = ((q * (-1, 1) + (1, 0))[[1, 0, 3, 2]] for q in (quad, band))
        upright = False
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 4))):
            image = np.rot90(image)
            quad, band = (np.stack([q[:, 1], 1 - q[:, 0]], 1) for q in (quad, band))
    return Scene(
        np.ascontiguousarray(image),
        np.asarray(quad, np.float32),
        scene.present,
        scene.kind,
        upright,
        np.asarray(band, np.float32),
    )


def _recoloured(rng: Rng, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Other exposure, white balance and contrast; sometimes grey."""
    if rng.random() < 0.6:
        gain = rng.uniform(0.85, 1.15, 3) * rng.uniform(0.6, 1.35)
        picture = picture * gain.astype(np.float32) + np.float32(rng.uniform(-18, 18))
    if rng.random() < 0.1:
        picture = np.repeat(picture.mean(2, keepdims=True), 3, 2)
    return np.asarray(np.clip(picture, 0, 255), np.float32)


def make_batch(scenes: Sequence[Scene], size: int, rng: Rng | None) -> Batch:
    """Stack scenes at size×size pixels; varied where a generator is given."""
    grid = size // 4
    inner, at = _inner(size)
    count = len(scenes)
    pictures = np.empty((count, size, size, 3), np.float32)
    quads = np.zeros((count, 4, 2), np.float32)
    mask, band = (np.zeros((count, grid, grid), np.float32) for _ in range(2))
    turn = np.full(count, -1, np.int64)
    kinds = np.full(count, -1, np.int64)
    for place, scene in enumerate(scenes):
        if rng is not None:
            scene = _varied(rng, scene)
        picture = padded(scene.image, size).astype(np.float32)
        pictures[place] = picture
        if rng is not None:
            frame = pictures[place, at : at + inner, at : at + inner]
            frame[:] = _recoloured(rng, frame)
        if not scene.present:
            continue
        quads[place], places = image_order(to_padded(scene.quad))
        turn[place] = -places % 4 if scene.upright else -1
        kinds[place] = scene.kind
        for plane, outline in ((mask, quads[place]), (band, to_padded(scene.band))):
            if area(outline) > 0:
                corners = np.round((outline * grid - 0.5) * 16).astype(np.int32)
                cv2.fillPoly(plane[place], [corners], 1.0, shift=4)
    seen = np.asarray(((quads > 0) & (quads < 1)).all(2), np.bool_)
    present = np.array([scene.present for scene in scenes], np.float32)
    return Batch(
        np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)),
        quads,
        seen,
        mask,
        turn,
        kinds,
        present,
        band,
    )
