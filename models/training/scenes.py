"""Composes scenes: a picture as a webcam would give it, and where the document's corners are.

`compose(seed, assets, faces)` is a pure function of its seed (given the same fonts and assets).
About two fifths of the scenes hold no document. Corners are clockwise from the document's own
top-left; `image_order` in `placing` turns them to begin at the image's top-left.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.backgrounds import Assets, background
from models.training.bound import folded
from models.training.camera import lens, light, sensor
from models.training.distractors import scatter
from models.training.documents import draw_face
from models.training.drawing import Pixels, Rng, colour, skin, soft_noise, tinted
from models.training.face import KINDS, Face
from models.training.hands import bare_hand, hold_from_behind, hold_over_edge
from models.training.placing import Quad, area, paste, pose
from models.training.signs import stand

FRAME_PX = 220
"""Side of the composed picture; the detector squeezes every frame to this square."""
_CANVAS_SHARE = 320 / 220
"""Scenes are drawn larger than they are given out, as a lens shows more than a sensor resolves."""
_NEGATIVES = 0.4
_SIGNS = 0.15
"""Of the scenes without a document, those with a sign as their subject."""
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
    band: 4×2 float32 ratios of the frame, the machine-readable zone's print; all zero where there
        is none.
    """

    image: Pixels
    quad: Quad
    present: bool
    kind: int
    upright: bool
    band: Quad = field(default_factory=lambda: np.zeros((4, 2), np.float32))


@dataclass(frozen=True, eq=False)
class FacePool:
    """The faces a data set is made of: `count` seeds from `first` on; sets must not overlap."""

    first: int
    count: int
    _drawn: dict[int, Face] = field(default_factory=dict, repr=False)

    def pick(self, rng: Rng, assets: Assets) -> Face:
        """A face of the pool; drawn once per process, with the pictures of the first call."""
        seed = self.first + int(rng.integers(self.count))
        if seed not in self._drawn:
            self._drawn[seed] = draw_face(seed, assets.photographs)
        return self._drawn[seed]

    def part(self, index: int) -> FacePool:
        """The pool beside this one, as large: what a shard of that number is made of."""
        return FacePool(self.first + index * self.count, self.count)


TRAINING_FACES = FacePool(0, 900)
"""Of the first shard: each has faces of its own, so that a thousand shards can be made."""
VALIDATION_FACES = FacePool(1_000_000, 400)


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
    if face.kind == KINDS.index("other") and face.width_mm > 95 and rng.random() < 0.22:
        paint *= folded(rng, patch)[..., None]
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


def _mount(rng: Rng, canvas: Pixels, quad_px: Quad) -> NDArray[np.float64]:
    """A folder, board, tray or stack under the document: larger on some sides, hardly turned.

    Returns its outline, 4×2 pixels in the document's order.
    """
    along, down = quad_px[1] - quad_px[0], quad_px[3] - quad_px[0]
    grow = np.where(rng.random(4) < 0.3, 0.0, rng.uniform(0.02, 0.35, 4))
    top, right, foot, left = (float(v) for v in grow)
    tilt = rng.normal(0, 1.5, (4, 2))
    corners = [
        quad_px[0] - along * left - down * top,
        quad_px[1] + along * right - down * top,
        quad_px[2] + along * right + down * foot,
        quad_px[3] - along * left + down * foot,
    ]
    quad = np.asarray(corners + tilt, np.float64)
    paint = colour(rng) if rng.random() < 0.6 else tinted(rng, rng.uniform(10, 250), 10)
    if rng.random() < 0.2:
        # A folder's other half, opened beside it and lit otherwise.
        fold = (quad[1] - quad[0]) * rng.uniform(0.7, 1.1)
        turn = rng.normal(0, 0.15, (2, 2)) * np.linalg.norm(fold)
        half = np.array([quad[0] - fold + turn[0], quad[0], quad[3], quad[3] - fold + turn[1]])
        shade = tuple(int(v * rng.uniform(0.6, 1.0)) for v in paint)
        cv2.fillPoly(canvas, [np.round(half * 8).astype(np.int32)], shade, cv2.LINE_AA, 3)
    outline = np.round(quad * 8).astype(np.int32)
    cv2.fillPoly(canvas, [outline], paint, cv2.LINE_AA, 3)
    if rng.random() < 0.5:
        edge = tinted(rng, rng.uniform(20, 240), 10)
        cv2.polylines(canvas, [outline], True, edge, 1, cv2.LINE_AA, 3)
    return quad


def _clip(rng: Rng, canvas: Pixels, board: NDArray[np.float64]) -> None:
    """A clipboard's clip at one end of the board, in place, reaching over the document's edge."""
    side = int(rng.choice([0, 0, 0, 1, 3]))
    a, b, inner = board[side], board[(side + 1) % 4], board[(side + 2) % 4]
    across, down = b - a, inner - b
    middle, half = 0.5 + rng.normal(0, 0.03), rng.uniform(0.1, 0.3)
    out, deep = rng.uniform(-0.06, 0.03), rng.uniform(0.03, 0.1)
    for share in (1.0, 0.5):
        reach = half * share
        foot = deep * (2 - share)
        outline = np.array(
            [
                a + across * (middle - reach) + down * out,
                a + across * (middle + reach) + down * out,
                a + across * (middle + reach * 1.1) + down * foot,
                a + across * (middle - reach * 1.1) + down * foot,
            ]
        )
        steel = tinted(rng, rng.uniform(20, 230), 6)
        rounded = [np.round(outline * 8).astype(np.int32)]
        if share == 1.0 and rng.random() < 0.4:
            cv2.polylines(canvas, rounded, True, steel, int(rng.integers(1, 4)), cv2.LINE_AA, 3)
        else:
            cv2.fillPoly(canvas, rounded, steel, cv2.LINE_AA, 3)


def _underlay(rng: Rng, canvas: Pixels, quad_px: Quad, other: Face) -> None:
    """Another sheet or a distractor under the document: larger, turned, mostly covered."""
    middle = quad_px.mean(0)
    grown = (quad_px - middle) * rng.uniform(1.1, 2.2) + middle
    moved = grown + rng.normal(0, 0.08, 2) * canvas.shape[0] + rng.normal(0, 4, (4, 2))
    paste(canvas, other.bgra, other.outline_px, np.asarray(moved, np.float32))


def _add_document(
    rng: Rng, canvas: Pixels, face: Face, quad: Quad, faces: FacePool, assets: Assets
) -> None:
    """Hands behind, shadow, the document, hands in front; in place."""
    size = canvas.shape[0]
    quad_px = np.asarray(quad * size, np.float32)
    if rng.random() < 0.1:
        _underlay(rng, canvas, quad_px, faces.pick(rng, assets))
    board = _mount(rng, canvas, quad_px) if rng.random() < 0.2 else None
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
    if board is not None and rng.random() < 0.45:
        _clip(rng, canvas, board)
    if rng.random() < 0.2:
        rim = np.round(quad_px * 8).astype(np.int32)
        cv2.polylines(canvas, [rim], True, [int(rng.uniform(60, 255))] * 3, 1, cv2.LINE_AA, 3)
    if 0.06 < held < 0.42:
        hold_over_edge(canvas, rng, quad_px, px_per_mm, tone)


def _positive(
    rng: Rng, canvas: Pixels, faces: FacePool, assets: Assets
) -> tuple[Face, Quad] | None:
    face = faces.pick(rng, assets)
    aspect = float(rng.choice(_ASPECTS, p=_ASPECT_WEIGHTS))
    height_mm = face.width_mm * float(
        np.linalg.norm(face.outline_px[3] - face.outline_px[0])
        / np.linalg.norm(face.outline_px[1] - face.outline_px[0])
    )
    quad = pose(rng, face.width_mm, height_mm, aspect, cut=rng.random() < 0.16)
    if quad is None:
        return None
    _add_document(rng, canvas, face, quad, faces, assets)
    return face, quad


def _carried(face: Face, quad: Quad) -> Quad:
    """Where the face's machine-readable zone comes to lie when its outline becomes `quad`."""
    if face.band_px is None:
        return np.zeros((4, 2), np.float32)
    onto = cv2.getPerspectiveTransform(face.outline_px, quad.astype(np.float32))
    return np.asarray(cv2.perspectiveTransform(face.band_px[None], onto)[0], np.float32)


def compose(seed: int, assets: Assets, faces: FacePool, frame_px: int = FRAME_PX) -> Scene:
    """Compose the scene of this seed, `frame_px` pixels wide and high."""
    canvas_px = round(frame_px * _CANVAS_SHARE)
    rng = np.random.default_rng([seed, faces.first])
    wanted = rng.random() >= _NEGATIVES
    signs = not wanted and rng.random() < _SIGNS
    canvas = background(rng, assets, canvas_px, outdoors=signs)
    if signs:
        stand(canvas, rng)
    elif rng.random() < (0.55 if wanted else 0.88):
        scatter(canvas, rng, assets, int(rng.choice([1, 1, 2, 3, 5, 8])), 0.7 if wanted else 1.0)
    found = _positive(rng, canvas, faces, assets) if wanted else None
    if found is None:
        quad = band = np.zeros((4, 2), np.float32)
        if rng.random() < 0.3:
            bare_hand(canvas, rng)
    else:
        quad = found[1]
        band = _carried(found[0], quad)
    if rng.random() < 0.05:
        scatter(canvas, rng, assets, 1, 0.2)
    middle = quad.mean(0) * canvas_px if found else rng.uniform(0, 1, 2) * canvas_px
    canvas = light(rng, canvas, (float(middle[0]), float(middle[1])))
    if rng.random() < 0.3:
        canvas, bent = lens(rng, canvas, np.concatenate([quad, band]))
        quad, band = (bent[:4], bent[4:]) if found else (quad, band)
    image = sensor(rng, canvas, frame_px)
    if found is None:
        return Scene(image, quad, False, -1, False)
    if found[0].band_px is None:
        band = np.zeros((4, 2), np.float32)
    return Scene(image, quad, True, found[0].kind, found[0].upright, band)
