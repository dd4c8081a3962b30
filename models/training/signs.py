"""Signs as streets, shops and corridors have them: the text-bearing rectangles most like sheets.

A sign fills the picture as a document would; what tells it apart is its make (rim, rounded
corners, screws, large letters, arrows, pictograms) and its place (a post, a wall, another sign
above it). So `stand` puts one or several, large and hardly turned, as a lone subject of a picture.
"""

from __future__ import annotations

import itertools

import cv2
import numpy as np

from models.training.drawing import (
    Colour,
    Pen,
    Pixels,
    Rng,
    any_font,
    colour,
    soft_noise,
    tinted,
    words,
)
from models.training.placing import paste
from models.training.printed_matter import ideographs

_GROUNDS: tuple[Colour, ...] = (
    (245, 245, 245),
    (150, 80, 10),
    (120, 50, 0),
    (70, 110, 0),
    (60, 90, 20),
    (20, 20, 190),
    (0, 200, 245),
    (0, 130, 240),
    (40, 70, 110),
    (30, 30, 30),
    (190, 200, 205),
)
"""White, road blues, greens, red, yellow, orange, brown, black, bare metal, as BGR."""
_LONG_SIDE_PX = 300


def _arrow(image: Pixels, rng: Rng, centre: tuple[float, float], reach: float, ink: Colour) -> None:
    angle = int(rng.integers(8)) * np.pi / 4
    along = np.array([np.cos(angle), np.sin(angle)]) * reach
    tail, tip = np.array(centre) - along, np.array(centre) + along
    thick = max(2, int(reach * rng.uniform(0.15, 0.4)))
    ends = tail.astype(int).tolist(), tip.astype(int).tolist()
    cv2.arrowedLine(image, ends[0], ends[1], ink, thick, cv2.LINE_AA, 0, rng.uniform(0.3, 0.6))


def _pictogram(
    image: Pixels, rng: Rng, centre: tuple[float, float], reach: float, ink: Colour
) -> None:
    """A triangle, ring, struck ring or filled disc with something inside."""
    middle = (int(centre[0]), int(centre[1]))
    inner = max(2, int(reach * 0.4))
    if rng.random() < 0.4:
        turns = np.array([-90, 30, 150]) * np.pi / 180
        points = np.array(centre) + np.stack([np.cos(turns), np.sin(turns)], 1) * reach
        outline = [points.astype(np.int32)]
        cv2.fillPoly(image, outline, colour(rng), cv2.LINE_AA)
        cv2.polylines(image, outline, True, ink, max(2, int(reach * 0.1)), cv2.LINE_AA)
    else:
        cv2.circle(image, middle, int(reach), colour(rng), -1, cv2.LINE_AA)
        cv2.circle(image, middle, int(reach * 0.9), ink, max(2, int(reach * 0.15)), cv2.LINE_AA)
        if rng.random() < 0.4:
            slant = int(reach * 0.65)
            a, b = (middle[0] - slant, middle[1] - slant), (middle[0] + slant, middle[1] + slant)
            cv2.line(image, a, b, ink, max(2, int(reach * 0.15)), cv2.LINE_AA)
    for _ in range(int(rng.integers(1, 4))):
        at = np.array(middle) + rng.normal(0, inner * 0.4, 2)
        axes = (int(rng.uniform(2, inner + 2)), int(rng.uniform(2, inner + 2)))
        cv2.ellipse(image, at.astype(int).tolist(), axes, 0, 0, 360, ink, -1, cv2.LINE_AA)


def _lettering(
    image: Pixels, rng: Rng, box: tuple[float, float, float, float], ink: Colour
) -> Pixels:
    """One to five lines of large letters in x0, y0, x1, y1, of Latin or unknown script."""
    x0, y0, x1, y1 = box
    lines = int(rng.integers(1, 6))
    size_px = min((y1 - y0) / (lines * 1.25), (x1 - x0) * rng.uniform(0.12, 0.4))
    face = any_font(rng)
    for line in range(lines):
        at = (x0, y0 + line * size_px * 1.25)
        if rng.random() < 0.3:
            count = max(1, int((x1 - x0) / (size_px * 1.12)))
            ideographs(rng, image, at, size_px, ink, int(rng.integers(1, count + 1)))
            continue
        text = words(rng, 3)
        text = text.upper() if rng.random() < 0.6 else text.title()
        pen = Pen(image)
        room = max(2, int((x1 - x0) / (size_px * 0.62)))
        pen.text(at[0], at[1], text[:room], size_px, ink, face)
        image = pen.finish()
    return image


def sign(rng: Rng) -> Pixels:
    """A sign's front, BGRA uint8, its long side 300 pixels."""
    ratio = rng.uniform(0.45, 1.6) if rng.random() < 0.55 else rng.uniform(1.6, 5.0)
    w = _LONG_SIDE_PX if ratio > 1 else round(_LONG_SIDE_PX * ratio)
    h = round(_LONG_SIDE_PX / ratio) if ratio > 1 else _LONG_SIDE_PX
    pick = rng.random()
    if pick < 0.7:
        ground = np.array(_GROUNDS[int(rng.integers(len(_GROUNDS)))]) + rng.normal(0, 14, 3)
    else:
        ground = np.array(colour(rng))
    image = np.full((h, w, 3), np.clip(ground, 0, 255).astype(np.uint8), np.uint8)
    dark = float(image.mean()) < 120
    ink = tinted(rng, 245 if dark else 20, 8) if rng.random() < 0.75 else colour(rng)
    if rng.random() < 0.3:
        # A head or foot of another colour.
        share = int(h * rng.uniform(0.15, 0.5))
        band = image[:share] if rng.random() < 0.5 else image[h - share :]
        band[:] = colour(rng)
    reach = min(h, w) * rng.uniform(0.15, 0.32)
    pictured = rng.random()
    box = (w * 0.08, h * 0.1, w * 0.93, h * 0.93)
    if pictured < 0.4:
        beside = w > 1.4 * h
        centre = (
            (reach * 1.3, h / 2)
            if beside
            else (w * rng.uniform(0.4, 0.6), reach * rng.uniform(1.1, 1.5))
        )
        draw = _arrow if rng.random() < 0.4 else _pictogram
        draw(image, rng, centre, reach, ink)
        right, below = (reach * 2.7, h * 0.1), (w * 0.08, reach * 2.6)
        box = (*(right if beside else below), w * 0.94, h * 0.94)
    if pictured > 0.1 and box[2] - box[0] > 20 and box[3] - box[1] > 12:
        image = _lettering(image, rng, box, ink)
    radius = int(min(h, w) * rng.choice([0.0, 0.04, 0.09, 0.16]))
    if rng.random() < 0.85:
        inset = int(rng.uniform(2, 9))
        thick = int(rng.integers(2, 8))
        corner = max(0, radius - inset)
        rim = np.zeros((h, w), np.uint8)
        _rounded(rim, inset, corner)
        inner = np.zeros((h, w), np.uint8)
        _rounded(inner, inset + thick, max(0, corner - thick))
        image[(rim > 0) & (inner == 0)] = ink
    if rng.random() < 0.5:
        across, down = (
            ((0.5,), (0.06, 0.94)) if rng.random() < 0.5 else ((0.04, 0.96), (0.06, 0.94))
        )
        for x, y in itertools.product(across, down):
            cv2.circle(image, (int(w * x), int(h * y)), 3, tinted(rng, 130, 10), -1, cv2.LINE_AA)
    worn = 1.05 - soft_noise(rng, h, w, 4)[..., None] * rng.uniform(0, 0.4)
    image = np.asarray(np.clip(image * worn, 0, 255), np.uint8)
    alpha = np.zeros((h, w), np.uint8)
    _rounded(alpha, 0, radius)
    return np.dstack([image, alpha])


def _rounded(mask: Pixels, inset: int, radius: int) -> None:
    """Fill the mask's rectangle, `inset` from its edges, with 255 and round its corners."""
    h, w = mask.shape
    if 2 * inset >= min(h, w):
        return
    cv2.rectangle(mask, (inset, inset), (w - 1 - inset, h - 1 - inset), 255, -1)
    if radius < 2:
        return
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        left = inset if x == 0 else w - inset - radius
        top = inset if y == 0 else h - inset - radius
        mask[top : top + radius, left : left + radius] = 0
        centre = (left + (radius if x == 0 else 0), top + (radius if y == 0 else 0))
        cv2.circle(mask, centre, radius, 255, -1)


def _post(canvas: Pixels, rng: Rng, x: float, top: float) -> None:
    """A pole from `top` down out of the picture, lit from one side."""
    size = canvas.shape[0]
    half = rng.uniform(0.008, 0.04) * size
    foot = x + rng.normal(0, 0.03) * size
    outline = np.array([[x - half, top], [x + half, top], [foot + half, size], [foot - half, size]])
    cv2.fillPoly(canvas, [outline.astype(np.int32)], tinted(rng, rng.uniform(40, 210), 12))
    edge = tinted(rng, rng.uniform(20, 240), 10)
    ends = (int(x - half), int(top)), (int(foot - half), size)
    cv2.line(canvas, ends[0], ends[1], edge, 1, cv2.LINE_AA)


def stand(canvas: Pixels, rng: Rng) -> None:
    """Put a sign, or two or three one above the other, into the picture as its subject, in place.

    canvas: S×S×3 uint8 BGR, a frame squeezed to a square.
    """
    size = canvas.shape[0]
    count = int(rng.choice([1, 1, 1, 2, 3]))
    width = rng.uniform(0.25, 0.95) * size
    x = size / 2 + rng.normal(0, 0.12) * size
    fronts = [sign(rng) for _ in range(count)]
    squeeze = rng.choice([16 / 9, 4 / 3, 1.0, 3 / 4])
    heights = [width * f.shape[0] / f.shape[1] * squeeze for f in fronts]
    fit = min(1.0, rng.uniform(0.6, 1.0) * size / sum(heights))
    width, heights = width * fit, [v * fit for v in heights]
    top = (size - sum(heights)) * rng.uniform(0.1, 0.9)
    if rng.random() < 0.75:
        for shift in rng.uniform(-0.35, 0.35, int(rng.integers(1, 3))):
            _post(canvas, rng, x + shift * width, top - rng.uniform(-0.2, 0.2) * heights[0])
    turn = rng.normal(0, 0.05)
    lean = rng.normal(0, 0.06, (4, 2)) * min(width, sum(heights))
    y = top
    for front, height in zip(fronts, heights, strict=True):
        corners = np.array([[-0.5, 0], [0.5, 0], [0.5, 1], [-0.5, 1]]) * (width, height)
        cos, sin = np.cos(turn), np.sin(turn)
        target = corners @ np.array([[cos, sin], [-sin, cos]]) + (x, y) + lean
        h, w = front.shape[:2]
        source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
        paste(canvas, front, source, np.asarray(target, np.float32))
        y += height * rng.uniform(1.0, 1.06)
