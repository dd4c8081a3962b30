"""Composes scenes: a picture as a webcam would give it, and where the document's corners are.

`compose(seed, assets, faces)` is a pure function of its seed (given the same fonts and assets).
About two fifths of the scenes hold no document. Corners are clockwise from the document's own
top-left; `image_order` in `placing` turns them to begin at the image's top-left.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from models.training.backgrounds import Assets, background
from models.training.camera import lens, light, sensor
from models.training.distractors import scatter
from models.training.documents import draw_face
from models.training.drawing import Pixels, Rng, skin, soft_noise
from models.training.face import Face
from models.training.hands import bare_hand, hold_from_behind, hold_over_edge
from models.training.placing import Quad, area, paste, pose

FRAME_PX = 220
"""Side of the composed picture; the detector squeezes every frame to this square."""
_CANVAS_PX = 320
_NEGATIVES = 0.38
_ASPECTS = (16 / 9, 4 / 3, 3 / 4, 9 / 16, 1.0)
_ASPECT_WEIGHTS = (0.6, 0.14, 0.1, 0.1, 0.06)


@dataclass(frozen=True, slots=True)
class Scene:
    """A composed picture with its truth.

    image: FRAME_PX×FRAME_PX×3 uint8 BGR, the frame squeezed to a square.
    quad: 4×2 float32 ratios of the frame, clockwise from the document's own top-left; corners
        of a cut document lie outside 0 to 1. All zero where `present` is false.
    kind: index into `face.KINDS`, -1 where there is none.
    upright: whether the document's own top-left can be told from its print.
    """

    image: Pixels
    quad: Quad
    present: bool
    kind: int
    upright: bool


@dataclass(frozen=True, slots=True)
class FacePool:
    """The faces a data set is made of: `count` seeds from `first` on; sets must not overlap."""

    first: int
    count: int

    def pick(self, rng: Rng) -> Face:
        """A face of the pool; drawn once per process."""
        return _drawn_face(self.first + int(rng.integers(self.count)))


TRAINING_FACES = FacePool(0, 1500)
VALIDATION_FACES = FacePool(1_000_000, 300)


@functools.lru_cache(maxsize=1800)
def _drawn_face(seed: int) -> Face:
    return draw_face(seed)


def _printed(rng: Rng, face: Face) -> Pixels:
    """The face as it looks in this light: faded, tinted, shaded, sometimes almost white."""
    patch = face.bgra.copy()
    paint = patch[..., :3].astype(np.float32)
    if rng.random() < 0.5:
        paint *= rng.uniform(0.8, 1.12, 3).astype(np.float32)
    if rng.random() < 0.3:
        paint += (paint.mean(2, keepdims=True) - paint) * rng.uniform(0.3, 0.9)
    if rng.random() < 0.15:
        paint += (paint.mean((0, 1)) - paint) * rng.uniform(0.3, 0.8)
    h, w = patch.shape[:2]
    paint *= 1.05 - soft_noise(rng, h, w, 3)[..., None] * rng.uniform(0, 0.35)
    patch[..., :3] = np.clip(paint * rng.uniform(0.72, 1.1), 0, 255).astype(np.uint8)
    return patch


def _drop_shadow(rng: Rng, canvas: Pixels, patch: Pixels, source: Quad, target: Quad) -> None:
    onto = cv2.getPerspectiveTransform(source, target)
    size = canvas.shape[0]
    alpha = cv2.warpPerspective(patch[..., 3], onto, (size, size)).astype(np.float32) / 255
    dx, dy = rng.normal(0, 3.5, 2)
    moved = cv2.warpAffine(alpha, np.array([[1, 0, dx], [0, 1, dy]], np.float32), (size, size))
    reach = 2 * int(rng.uniform(1, 9)) + 1
    soft = cv2.blur(moved, (reach, reach)) * rng.uniform(0.1, 0.7)
    canvas[:] = np.asarray(canvas * (1 - soft[..., None]), np.uint8)


def _underlay(rng: Rng, canvas: Pixels, quad_px: Quad, faces: FacePool) -> None:
    """Another sheet or a distractor under the document: larger, turned, mostly covered."""
    other = faces.pick(rng)
    middle = quad_px.mean(0)
    grown = (quad_px - middle) * rng.uniform(1.1, 2.2) + middle
    moved = grown + rng.normal(0, 0.08, 2) * canvas.shape[0] + rng.normal(0, 4, (4, 2))
    paste(canvas, other.bgra, other.outline_px, np.asarray(moved, np.float32))


def _add_document(rng: Rng, canvas: Pixels, face: Face, quad: Quad, faces: FacePool) -> None:
    """Hands behind, shadow, the document, hands in front; in place."""
    size = canvas.shape[0]
    quad_px = np.asarray(quad * size, np.float32)
    if rng.random() < 0.1:
        _underlay(rng, canvas, quad_px, faces)
    tone = skin(rng)
    px_per_mm = (
        float(np.sqrt(area(quad_px) / max(1.0, area(face.outline_px))))
        * float(np.linalg.norm(face.outline_px[1] - face.outline_px[0]))
        / face.width_mm
    )
    held = rng.random()
    if held < 0.32:
        hold_from_behind(canvas, rng, quad_px, px_per_mm, tone)
    patch = _printed(rng, face)
    if rng.random() < 0.7:
        _drop_shadow(rng, canvas, patch, face.outline_px, quad_px)
    paste(canvas, patch, face.outline_px, quad_px)
    if rng.random() < 0.2:
        rim = np.round(quad_px * 8).astype(np.int32)
        cv2.polylines(canvas, [rim], True, [int(rng.uniform(60, 255))] * 3, 1, cv2.LINE_AA, 3)
    if 0.06 < held < 0.42:
        hold_over_edge(canvas, rng, quad_px, px_per_mm, tone)


def _positive(rng: Rng, canvas: Pixels, faces: FacePool) -> tuple[Face, Quad] | None:
    face = faces.pick(rng)
    aspect = float(rng.choice(_ASPECTS, p=_ASPECT_WEIGHTS))
    height_mm = face.width_mm * float(
        np.linalg.norm(face.outline_px[3] - face.outline_px[0])
        / np.linalg.norm(face.outline_px[1] - face.outline_px[0])
    )
    quad = pose(rng, face.width_mm, height_mm, aspect, cut=rng.random() < 0.16)
    if quad is None:
        return None
    _add_document(rng, canvas, face, quad, faces)
    return face, quad


def compose(seed: int, assets: Assets, faces: FacePool) -> Scene:
    """Compose the scene of this seed."""
    rng = np.random.default_rng([seed, faces.first])
    canvas = background(rng, assets, _CANVAS_PX)
    wanted = rng.random() >= _NEGATIVES
    if rng.random() < (0.55 if wanted else 0.75):
        scatter(canvas, rng, assets, int(rng.choice([1, 1, 2, 3, 5, 8])), 0.7 if wanted else 1.0)
    found = _positive(rng, canvas, faces) if wanted else None
    if found is None:
        quad = np.zeros((4, 2), np.float32)
        if rng.random() < 0.3:
            bare_hand(canvas, rng)
    else:
        quad = found[1]
    if rng.random() < 0.05:
        scatter(canvas, rng, assets, 1, 0.2)
    middle = quad.mean(0) * _CANVAS_PX if found else rng.uniform(0, 1, 2) * _CANVAS_PX
    canvas = light(rng, canvas, (float(middle[0]), float(middle[1])))
    if rng.random() < 0.3:
        canvas, bent = lens(rng, canvas, quad)
        quad = bent if found else quad
    image = sensor(rng, canvas, FRAME_PX)
    if found is None:
        return Scene(image, quad, False, -1, False)
    return Scene(image, quad, True, found[0].kind, found[0].upright)
