"""Rectangles that are no documents: screens, keyboards, phones, signs, plates, books, panels.

The most embarrassing failure of a detector is an outline where no document lies, so scenes are
full of these, with and without a document beside them. Patches are BGRA uint8, about 200 pixels.
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np

from models.training.backgrounds import Assets
from models.training.drawing import (
    Pen,
    Pixels,
    Rng,
    any_font,
    colour,
    paragraph,
    soft_noise,
    tinted,
    words,
)
from models.training.placing import paste
from models.training.printed_matter import ideographs

_LONG_SIDE_PX = 220


def _sheet(rng: Rng, ratio: float, tone: tuple[int, int, int]) -> Pixels:
    h, w = (_LONG_SIDE_PX, round(_LONG_SIDE_PX / ratio))
    if rng.random() < 0.5:
        h, w = w, h
    return np.full((h, w, 3), tone, np.uint8)


def _screen(rng: Rng) -> Pixels:
    """A monitor or laptop: bezel, windows, text, a picture."""
    image = _sheet(rng, 1.6, tinted(rng, rng.uniform(10, 245), 20))
    if image.shape[0] > image.shape[1]:
        image = np.ascontiguousarray(image.transpose(1, 0, 2))
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(0, 5))):
        x, y = int(rng.uniform(0, w * 0.8)), int(rng.uniform(0, h * 0.8))
        corner = (x + int(rng.uniform(0.1, 0.6) * w), y + int(rng.uniform(0.1, 0.6) * h))
        cv2.rectangle(image, (x, y), corner, tinted(rng, rng.uniform(10, 250), 35), -1)
    pen = Pen(image)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.uniform(0, w * 0.7), rng.uniform(0, h * 0.7)
        box = (x, y, x + w * rng.uniform(0.15, 0.5), y + h * rng.uniform(0.1, 0.5))
        paragraph(rng, pen, box, rng.uniform(5, 12), tinted(rng, rng.uniform(0, 255)))
    bezel = int(rng.uniform(8, 20))
    framed = cv2.copyMakeBorder(
        pen.finish(),
        bezel,
        bezel + int(rng.uniform(0, 12)),
        bezel,
        bezel,
        cv2.BORDER_CONSTANT,
        value=tinted(rng, rng.uniform(5, 70), 6),
    )
    return np.asarray(framed, np.uint8)


def _keyboard(rng: Rng) -> Pixels:
    """Rows of keys with letters."""
    dark = rng.random() < 0.7
    image = _sheet(rng, rng.uniform(1.8, 3.2), tinted(rng, 30 if dark else 210, 12))
    if image.shape[0] > image.shape[1]:
        image = np.ascontiguousarray(image.transpose(1, 0, 2))
    h, w = image.shape[:2]
    rows, keys = int(rng.integers(3, 7)), int(rng.integers(8, 17))
    key = tinted(rng, 55 if dark else 240, 12)
    ink = tinted(rng, 220 if dark else 40, 10)
    for row in range(rows):
        x = 4.0
        while x < w - 8:
            wide = (w - 8) / keys * (1 if rng.random() < 0.88 else rng.uniform(1.5, 4))
            y = 4 + (h - 8) * row / rows
            a = (int(x), int(y))
            b = (int(min(w - 4, x + wide - 2)), int(y + (h - 8) / rows - 2))
            cv2.rectangle(image, a, b, key, -1)
            cv2.circle(image, ((a[0] + b[0]) // 2, (a[1] + b[1]) // 2), 2, ink, -1)
            x += wide
    return image


def _phone(rng: Rng) -> Pixels:
    """A telephone, dark or lit, seen from the front or the back."""
    image = _sheet(rng, 2.05, tinted(rng, rng.uniform(5, 60), 6))
    h, w = image.shape[:2]
    if rng.random() < 0.5:
        inset = int(min(h, w) * 0.05) + 2
        image[inset : h - inset, inset : w - inset] = colour(rng)
        glow = soft_noise(rng, h, w, 3)[..., None]
        image = np.asarray(image * (0.6 + 0.4 * glow), np.uint8)
    cv2.circle(image, (w // 8 + 4, h // 12 + 5), 5, tinted(rng, 20, 10), -1, cv2.LINE_AA)
    return image


def _sign(rng: Rng) -> Pixels:
    """A sign on a wall or post: few large words, a border, screws."""
    image = _sheet(rng, rng.uniform(1.0, 4.0), colour(rng))
    h, w = image.shape[:2]
    ink = (245, 245, 245) if image.mean() < 130 else tinted(rng, 25, 15)
    if rng.random() < 0.35:
        # A street's sign: its name above, a second field of another colour below.
        image[int(h * rng.uniform(0.5, 0.75)) :] = tinted(rng, rng.uniform(20, 245), 20)
    if rng.random() < 0.25:
        size_px = min(h, w) * rng.uniform(0.2, 0.5)
        fits = max(1, int(w * 0.8 / (size_px * 1.12)))
        ideographs(rng, image, (w * 0.08, h * 0.1), size_px, ink, fits)
    if rng.random() < 0.85:
        inset = int(rng.uniform(2, 9))
        cv2.rectangle(image, (inset, inset), (w - inset, h - inset), ink, int(rng.integers(2, 7)))
    if rng.random() < 0.3:
        centre, radius = (w // 2, h // 2), int(min(h, w) * rng.uniform(0.2, 0.4))
        cv2.circle(image, centre, radius, colour(rng), int(rng.choice([-1, 6])), cv2.LINE_AA)
    pen = Pen(image)
    size_px = rng.uniform(0.12, 0.5) * min(h, w)
    y = h * 0.12
    while y < h * 0.9 - size_px:
        line = words(rng, 2).upper()[: max(2, int(w * 0.85 / (size_px * 0.62)))]
        pen.text(w * 0.08, y, line, size_px, ink, any_font(rng))
        y += size_px * 1.3
    return pen.finish()


def _plate(rng: Rng) -> Pixels:
    """A vehicle's or door's number plate."""
    image = _sheet(rng, rng.uniform(2, 4.8), tinted(rng, 225, 20))
    if image.shape[0] > image.shape[1]:
        image = np.ascontiguousarray(image.transpose(1, 0, 2))
    h, w = image.shape[:2]
    cv2.rectangle(image, (1, 1), (w - 2, h - 2), (20, 20, 20), 2)
    pen = Pen(image)
    line = words(rng, 3).upper()[:8]
    pen.text(
        w * 0.1, h * 0.12, line, min(h * 0.7, w / len(line) * 1.3), (25, 20, 20), any_font(rng)
    )
    return pen.finish()


def _books(rng: Rng) -> Pixels:
    """A row of spines."""
    image = _sheet(rng, rng.uniform(1.1, 2.2), (40, 40, 40))
    h, w = image.shape[:2]
    x = 0
    while x < w:
        wide = int(rng.uniform(8, 34))
        top = int(rng.uniform(0, h * 0.25))
        image[top:, x : x + wide] = colour(rng)
        image[top + h // 6 : top + h // 6 + 4, x : x + wide] = colour(rng)
        x += wide + 1
    return image


def _panel(rng: Rng) -> Pixels:
    """A plain rectangle: a door, drawer, tile, switch, box or mat."""
    tone = tinted(rng, rng.uniform(5, 250), 25) if rng.random() < 0.6 else colour(rng)
    image = _sheet(rng, rng.uniform(1.0, 3.0), tone)
    h, w = image.shape[:2]
    image = np.asarray(image * (0.75 + 0.25 * soft_noise(rng, h, w, 3)[..., None]), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        inset = int(rng.uniform(2, min(h, w) / 3))
        edge = tinted(rng, rng.uniform(0, 255), 20)
        cv2.rectangle(image, (inset, inset), (w - inset, h - inset), edge, int(rng.integers(1, 4)))
    # A handle: without it a plain rectangle is a cover as well as a door.
    centre = (int(rng.uniform(0.05, 0.95) * w), int(rng.uniform(0.05, 0.95) * h))
    cv2.circle(image, centre, int(rng.uniform(4, min(h, w) / 5)), colour(rng), -1, cv2.LINE_AA)
    return image


_LYING = (_keyboard, _phone)
_UPRIGHT = (_screen, _screen, _sign, _sign, _sign, _plate, _books, _panel)
"""What stands or hangs. Lying turned on a table it could as well be a document."""


@functools.lru_cache(maxsize=800)
def _patch(seed: int) -> tuple[Pixels, bool]:
    """A thing, and whether it may lie turned by any angle."""
    rng = np.random.default_rng(seed)
    draw = (*_LYING, *_UPRIGHT)[int(rng.integers(len(_LYING) + len(_UPRIGHT)))]
    image = draw(rng)
    alpha = np.full(image.shape[:2], 255, np.uint8)
    return np.ascontiguousarray(np.dstack([image, alpha])), draw in _LYING


def _place(canvas: Pixels, rng: Rng, patch: Pixels, largest: float, lying: bool) -> None:
    """Paste a patch anywhere, turned and slightly in perspective."""
    size = canvas.shape[0]
    h, w = patch.shape[:2]
    long_px = rng.uniform(0.12, largest) * size
    half = np.array([w, h]) / max(w, h) * long_px / 2 * rng.uniform(0.75, 1.25, 2)
    turned = lying and rng.random() < 0.6
    angle = rng.uniform(-math.pi, math.pi) if turned else rng.normal(0, 0.1)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    corners = corners * rng.uniform(0.88, 1.12, (4, 2))
    target = corners @ turn.T + rng.uniform(0, 1, 2) * size
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    paste(canvas, patch, source, np.asarray(target, np.float32))


def scatter(canvas: Pixels, rng: Rng, assets: Assets, count: int, largest: float) -> None:
    """Put `count` things on the canvas in place; `largest` is a share of its side."""
    for _ in range(count):
        if rng.random() < 0.35 and assets.cutouts:
            patch, lying = assets.cutouts[int(rng.integers(len(assets.cutouts)))], True
        else:
            patch, lying = _patch(int(rng.integers(800)))
        _place(canvas, rng, patch, largest, lying)
