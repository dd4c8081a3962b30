"""Any document: identity documents, sheets, receipts, bank cards, covers, banknotes.

Sheets have ISO 216 and letter sizes. All print is random. A face's long side is about 400 pixels:
scenes show it smaller.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from models.training.bound import ajar
from models.training.drawing import (
    Pen,
    Rng,
    any_font,
    colour,
    paragraph,
    portrait,
    security_print,
    tinted,
    word,
    words,
)
from models.training.face import Face, canvas_px, whole
from models.training.identity_documents import booklet, td1, td2, td3, visa
from models.training.printed_matter import (
    Photographs,
    book,
    brochure,
    cheque,
    form,
    framed,
)


def page(rng: Rng) -> Face:
    """A letter, form or printed sheet, upright or on its side."""
    width, height = ((210.0, 297.0), (216.0, 279.0), (148.0, 210.0))[int(rng.integers(3))]
    h, w, scale = canvas_px(width, height)
    image = np.full((h, w, 3), tinted(rng, rng.uniform(205, 252), 5), np.uint8)
    if rng.random() < 0.15:
        image = np.asarray(image * rng.uniform(0.5, 0.95, 3), np.uint8)
    ink = tinted(rng, 45, 12)
    margin = rng.uniform(0.05, 0.13) * w
    columns = int(rng.integers(1, 3))
    size_px = rng.uniform(3.0, 6.0) * scale
    pen = Pen(image)
    if rng.random() < 0.7:
        pen.text(
            margin,
            margin * 0.7,
            words(rng, 3).title(),
            size_px * rng.uniform(1.2, 3),
            ink,
            any_font(rng),
        )
    for column in range(columns if rng.random() < 0.9 else 0):
        x0 = margin + (w - 2 * margin) * column / columns
        x1 = x0 + (w - 2 * margin) / columns - 4
        paragraph(rng, pen, (x0, margin * 2, x1, h * rng.uniform(0.5, 0.97)), size_px, ink)
    image = pen.finish()
    if rng.random() < 0.3:
        x, y = int(rng.uniform(0, w * 0.6)), int(rng.uniform(0, h * 0.7))
        block = image[
            y : y + int(h * rng.uniform(0.1, 0.3)), x : x + int(w * rng.uniform(0.2, 0.4))
        ]
        block[:] = security_print(rng, *block.shape[:2])
    if rng.random() < 0.12:
        image = np.ascontiguousarray(np.rot90(image))
    return whole(image, 0.0, "other", False, image.shape[1] / scale)


def receipt(rng: Rng) -> Face:
    """A till receipt: narrow, long, sparse print."""
    height = rng.uniform(90, 240)
    h, w, scale = canvas_px(80.0, height)
    image = np.full((h, w, 3), tinted(rng, rng.uniform(210, 250), 4), np.uint8)
    pen = Pen(image)
    size_px = rng.uniform(3.5, 5.5) * scale
    for fraction in (0.05, 0.6):
        box = (w * fraction, h * 0.05, w * (fraction + 0.36), h * 0.95)
        paragraph(rng, pen, box, size_px, tinted(rng, 70, 10))
    return whole(pen.finish(), 0.0, "other", False, 80.0)


def card(rng: Rng) -> Face:
    """A bank, key or loyalty card: bold colours, a chip, digits; sometimes upright."""
    h, w, scale = canvas_px(85.6, 54.0)
    image = (
        security_print(rng, h, w)
        if rng.random() < 0.5
        else np.full((h, w, 3), colour(rng, 0, 255), np.uint8)
    )
    if rng.random() < 0.5:
        image = np.asarray(image * rng.uniform(0.15, 1.0, 3), np.uint8)
    if rng.random() < 0.4:
        centre = (int(rng.uniform(0, w)), int(rng.uniform(0, h)))
        cv2.circle(image, centre, int(rng.uniform(0.2, 0.9) * h), colour(rng), -1, cv2.LINE_AA)
    if rng.random() < 0.6:
        x, y = int(w * 0.09), int(h * 0.36)
        cv2.rectangle(image, (x, y), (x + int(12 * scale), y + int(9 * scale)), (110, 180, 210), -1)
    pen = Pen(image)
    light = image.mean() < 120
    ink = tinted(rng, 230 if light else 40, 15)
    digits = "".join(str(v) for v in rng.integers(0, 10, 16))
    pen.text(w * 0.08, h * 0.58, digits, h * 0.1, ink, any_font(rng))
    pen.text(w * 0.08, h * 0.8, words(rng, 2).upper(), h * 0.07, ink, any_font(rng))
    pen.text(
        w * rng.uniform(0.05, 0.6),
        h * 0.07,
        word(rng).upper(),
        h * rng.uniform(0.08, 0.2),
        ink,
        any_font(rng),
    )
    image = pen.finish()
    if rng.random() < 0.12:
        image = np.ascontiguousarray(np.rot90(image))
    return whole(image, 3.18 * scale, "other", False, image.shape[1] / scale)


def cover(rng: Rng) -> Face:
    """A closed booklet: dark cloth or card, an emblem and a few golden words."""
    h, w, scale = canvas_px(88.0, 125.0)
    base = np.array(colour(rng, 8, 110 if rng.random() < 0.7 else 200), np.float32)
    grain = rng.normal(0, rng.uniform(2, 10), (h, w, 1)).astype(np.float32)
    image = np.asarray(
        np.clip(base + cv2.GaussianBlur(grain, (0, 0), 0.8)[..., None], 0, 255), np.uint8
    )
    gold = (70, 160, 200) if rng.random() < 0.7 else (210, 210, 210)
    centre = (w // 2, int(h * rng.uniform(0.4, 0.5)))
    for _ in range(int(rng.integers(2, 6))):
        axes = (int(w * rng.uniform(0.04, 0.22)), int(w * rng.uniform(0.04, 0.22)))
        cv2.ellipse(image, centre, axes, 0, 0, 360, gold, int(rng.integers(1, 4)), cv2.LINE_AA)
    pen = Pen(image)
    for fraction in (0.1, 0.18, 0.78):
        if rng.random() < 0.8:
            line = words(rng, 2).upper()[:16]
            size_px = h * rng.uniform(0.04, 0.075)
            x = w / 2 - len(line) * size_px * 0.31
            pen.text(x, h * fraction, line, size_px, gold, any_font(rng))
    face = whole(pen.finish(), 3.2 * scale, "other", False, 88.0)
    return ajar(rng, face) if rng.random() < 0.4 else face


def note(rng: Rng) -> Face:
    """A banknote or cheque: wide, printed all over, sharp corners."""
    width, height = rng.uniform(125, 200), rng.uniform(62, 90)
    h, w, _scale = canvas_px(width, height)
    image = security_print(rng, h, w)
    if rng.random() < 0.5:
        side = int(h * 0.75)
        x, y = int(rng.uniform(0, w - side)), int(h * 0.12)
        image[y : y + side, x : x + side] = portrait(
            rng, side, side, image[y : y + side, x : x + side]
        )
    pen = Pen(image)
    for _ in range(int(rng.integers(3, 8))):
        pen.text(
            rng.uniform(0, w * 0.8),
            rng.uniform(0, h * 0.85),
            words(rng, 2).upper(),
            h * rng.uniform(0.06, 0.22),
            tinted(rng, 70, 30),
            any_font(rng),
        )
    return whole(pen.finish(), 0.0, "other", False, width)


_MIX: tuple[tuple[Callable[[Rng], Face], float], ...] = (
    (td3, 0.17),
    (booklet, 0.15),
    (td1, 0.18),
    (td2, 0.04),
    (visa, 0.02),
    (card, 0.06),
    (page, 0.09),
    (receipt, 0.03),
    (cover, 0.06),
    (note, 0.03),
)
_COLOURFUL: tuple[tuple[Callable[[Rng, Photographs], Face], float], ...] = (
    (brochure, 0.08),
    (book, 0.14),
    (framed, 0.06),
    (form, 0.03),
    (cheque, 0.02),
)


def draw_face(seed: int, photographs: Photographs = ()) -> Face:
    """A random face; the same seed draws the same face where fonts and pictures are the same."""
    rng = np.random.default_rng(seed)
    weights = np.array([weight for _, weight in (*_MIX, *_COLOURFUL)])
    index = int(rng.choice(len(weights), p=weights / weights.sum()))
    if index < len(_MIX):
        return _MIX[index][0](rng)
    return _COLOURFUL[index - len(_MIX)][0](rng, photographs)
