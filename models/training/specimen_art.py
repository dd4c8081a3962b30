"""The ornaments of a specimen: guilloche background, rosette, portrait, emblem, signature.

All of it is computed; nothing is copied from a real document and the portrait shows nobody.
Images are RGB, H×W×3 uint8, origin top-left, sizes in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFilter

Plane = NDArray[np.float32]
Rgb = tuple[int, int, int]

_Oval = Callable[[float, float, float, float, Rgb], None]
"""Draws an ellipse: centre and radii as shares of the picture, colour."""

_OVERSAMPLE = 3


def _blend(image: Plane, colour: Rgb, amount: Plane) -> None:
    """Move ``image`` towards ``colour`` by ``amount`` (0 to 1 per pixel), in place."""
    image += (np.asarray(colour, np.float32) - image) * amount[..., None]


def _line(phase: Plane, width: float) -> Plane:
    """Soft lines where ``phase`` crosses multiples of pi; ``width`` as a share of the period."""
    return np.asarray(np.clip(1.0 - np.abs(np.sin(phase)) / width, 0, 1), np.float32)


def guilloche(width_px: int, height_px: int, tints: tuple[Rgb, Rgb, Rgb]) -> NDArray[np.uint8]:
    """A security-print background: gradient, woven waves and one large rosette.

    ``tints``: left and right end of the gradient, and the ink of the lines.
    """
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    u, v = x / width_px, y / width_px
    left, right, ink = (np.asarray(tint, np.float32) for tint in tints)
    mix = np.clip(0.5 + 0.7 * (u - 0.5) + 0.25 * np.sin(5 * v + 2 * u), 0, 1)
    image = left + (right - left) * mix[..., None]
    line_ink = (int(ink[0]), int(ink[1]), int(ink[2]))
    for k in range(3):
        wave = 0.020 * np.sin(14 * u + 2.1 * k) + 0.012 * np.sin(31 * u - 1.3 * k + 4 * v)
        _blend(image, line_ink, 0.20 * _line((v + wave) * (190 + 26 * k), 0.42))
    rise = 0.03 * np.sin(11 * v + 1) + 0.016 * np.sin(27 * v)
    _blend(image, line_ink, 0.10 * _line((u + rise + 0.35 * v) * 150, 0.35))
    _blend(image, line_ink, 0.30 * _rosette(u, v, (0.72, 0.5 * height_px / width_px), 0.20))
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _rosette(u: Plane, v: Plane, centre: tuple[float, float], radius: float) -> Plane:
    """Interlaced petals that fade towards the rim, strength 0 to 1."""
    dx, dy = u - centre[0], v - centre[1]
    distance, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
    petals = np.zeros_like(distance)
    for turn in (1, -1):
        swirl = 16 * distance / radius * math.pi + turn * 2.6 * np.sin(12 * angle)
        petals = np.maximum(petals, _line(np.asarray(swirl, np.float32), 0.4))
    fade = np.clip(1.15 - distance / radius, 0, 1) * np.clip(distance / radius * 6, 0, 1)
    return np.asarray(petals * fade, np.float32)


def portrait(width_px: int, height_px: int) -> PilImage.Image:
    """Head and shoulders of nobody, in soft flat shapes, before a light background."""
    w, h = width_px * _OVERSAMPLE, height_px * _OVERSAMPLE
    image = PilImage.new("RGB", (w, h), (222, 230, 235))
    draw = ImageDraw.Draw(image)

    def oval(cx: float, cy: float, rx: float, ry: float, fill: Rgb) -> None:
        box = ((cx - rx) * w, (cy - ry) * h, (cx + rx) * w, (cy + ry) * h)
        draw.ellipse(box, fill=fill)

    hair, skin, shade, coat = (92, 62, 44), (233, 196, 170), (214, 172, 146), (48, 66, 92)
    oval(0.50, 0.45, 0.295, 0.315, hair)
    draw.rounded_rectangle((0.21 * w, 0.42 * h, 0.79 * w, 0.72 * h), 0.12 * w, fill=hair)
    oval(0.50, 1.06, 0.47, 0.32, coat)
    draw.polygon([(0.36 * w, 0.77 * h), (0.64 * w, 0.77 * h), (0.5 * w, 0.96 * h)], (238, 238, 240))
    draw.rounded_rectangle((0.42 * w, 0.60 * h, 0.58 * w, 0.80 * h), 0.06 * w, fill=shade)
    oval(0.50, 0.815, 0.085, 0.05, shade)
    oval(0.50, 0.475, 0.205, 0.245, skin)
    draw.chord((0.27 * w, 0.15 * h, 0.73 * w, 0.53 * h), 187, 353, fill=hair)
    oval(0.50, 0.375, 0.19, 0.055, skin)
    for side in (-1, 1):
        _eye(draw, w, h, 0.5 + side * 0.085, oval)
    draw.line([(0.5 * w, 0.47 * h), (0.485 * w, 0.555 * h), (0.515 * w, 0.56 * h)], shade, w // 90)
    draw.chord((0.43 * w, 0.585 * h, 0.57 * w, 0.645 * h), 8, 172, fill=(190, 104, 100))
    image = image.filter(ImageFilter.GaussianBlur(w / 260))
    return image.resize((width_px, height_px), PilImage.Resampling.LANCZOS)


def _eye(draw: ImageDraw.ImageDraw, w: int, h: int, x: float, oval: _Oval) -> None:
    oval(x, 0.462, 0.042, 0.017, (250, 250, 250))
    oval(x, 0.462, 0.018, 0.0165, (74, 92, 104))
    oval(x, 0.462, 0.008, 0.0075, (20, 24, 28))
    box = ((x - 0.055) * w, 0.405 * h, (x + 0.055) * w, 0.46 * h)
    draw.arc(box, 205, 335, fill=(82, 56, 42), width=max(1, w // 80))


def ghost(
    picture: PilImage.Image, width_px: int, ink: Rgb
) -> tuple[PilImage.Image, PilImage.Image]:
    """A faint second portrait: a one-colour picture and its mask, ``width_px`` wide."""
    height_px = round(picture.height * width_px / picture.width)
    grey = picture.convert("L").resize((width_px, height_px), PilImage.Resampling.LANCZOS)
    dark = np.clip(235.0 - np.asarray(grey, np.float32), 0, 255) * 0.42
    rows = np.arange(height_px, dtype=np.float32)[:, None] / height_px - 0.5
    columns = np.arange(width_px, dtype=np.float32)[None] / width_px - 0.5
    oval = np.clip((0.5 - np.hypot(rows, columns)) * 12, 0, 1)
    mask = PilImage.fromarray(np.asarray(dark * oval, np.uint8))
    return PilImage.new("RGB", (width_px, height_px), ink), mask


def emblem(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, ink: Rgb) -> None:
    """Utopia's arms: an island under a rising sun within a ring."""
    cx, cy = centre
    ring = (cx - radius, cy - radius, cx + radius, cy + radius)
    stroke = max(1, round(radius / 9))
    draw.ellipse(ring, outline=ink, width=stroke)
    sun = 0.34 * radius
    draw.pieslice((cx - sun, cy - sun, cx + sun, cy + sun), 180, 360, fill=ink)
    for step in range(9):
        angle = math.pi * (1 + step / 8)
        near, far = 0.46 * radius, (0.78 if step % 2 == 0 else 0.64) * radius
        ends = [(cx + r * math.cos(angle), cy + r * math.sin(angle)) for r in (near, far)]
        draw.line(ends, fill=ink, width=stroke)
    for row in range(3):
        half = (0.72 - 0.17 * row) * radius
        level = cy + (0.17 + 0.22 * row) * radius
        draw.line([(cx - half, level), (cx + half, level)], fill=ink, width=stroke)


def signature(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], ink: Rgb) -> None:
    """A running scrawl inside ``box`` (left, top, right, bottom)."""
    left, top, right, bottom = box
    t = np.linspace(0, 1, 160)
    swing = np.sin(t * 34) * (0.42 - 0.25 * t) + 0.16 * np.sin(t * 11 + 1)
    xs = left + (right - left) * (t + 0.025 * np.sin(t * 34 + 1.2))
    ys = top + (bottom - top) * (0.55 - swing)
    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
    draw.line(points, fill=ink, width=max(2, round((bottom - top) / 14)), joint="curve")
