"""Identity documents drawn by code: TD1 and TD2 cards, TD3 data pages, booklets, visas.

Sizes are those of ICAO Doc 9303 (TD1 Part 5, TD2 Part 6, TD3 Part 4, visas Part 7). What is
printed on them is random and belongs to no state; no real document was copied.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from models.training.drawing import (
    Pen,
    Pixels,
    Rng,
    any_font,
    colour,
    mrz_line,
    paragraph,
    portrait,
    security_print,
    soft_noise,
    tinted,
    words,
)
from models.training.face import Face, canvas_px, shaped, whole


def _labelled_fields(
    rng: Rng, pen: Pen, box: tuple[float, float, float, float], step_px: float
) -> None:
    """Rows of a small label over a larger value, in one to three columns."""
    x0, y0, x1, y1 = box
    face, label_ink, ink = any_font(rng), tinted(rng, 110), tinted(rng, 35, 15)
    columns = int(rng.integers(1, 4))
    y = y0
    while y < y1 - step_px:
        for column in range(columns):
            if rng.random() < 0.2:
                continue
            x = x0 + (x1 - x0) * column / columns
            fits = max(2, int((x1 - x0) / columns / (step_px * 0.36)))
            pen.text(x, y, words(rng, 2)[: fits * 2], step_px * 0.3, label_ink, face)
            pen.text(x, y + step_px * 0.32, words(rng, 2).upper()[:fits], step_px * 0.5, ink, face)
        y += step_px


def _put_portrait(rng: Rng, image: Pixels, band: int) -> tuple[int, int]:
    """Draw a portrait above row `band`, in place; its left edge and its width in pixels."""
    h, w = image.shape[:2]
    face_h = int((band - h * 0.16) * rng.uniform(0.6, 0.92))
    face_w = int(face_h * rng.uniform(0.72, 0.85))
    face_x = int(w * 0.04) if rng.random() < 0.75 else int(w * 0.95 - face_w)
    face_y = int(h * 0.17 + (band - h * 0.17 - face_h) * rng.uniform(0, 0.8))
    ground = image[face_y : face_y + face_h, face_x : face_x + face_w]
    image[face_y : face_y + face_h, face_x : face_x + face_w] = portrait(
        rng, face_h, face_w, ground.copy() if rng.random() < 0.3 else None
    )
    return face_x, face_w


def _identity(
    rng: Rng, width_mm: float, height_mm: float, kind: str, lines: int, length: int
) -> Face:
    """A card or data page: heading, portrait, fields and, mostly, an MRZ at the foot."""
    h, w, scale = canvas_px(width_mm, height_mm)
    image = security_print(rng, h, w)
    if rng.random() < 0.25:
        image = np.asarray(255 - (255 - image) * 0.35, np.uint8)
    mrz_mm = lines * 4.6 + rng.uniform(3, 7) if lines else 0.0
    band = int(h - mrz_mm * scale)
    if lines and rng.random() < 0.6:
        image[band:] = np.asarray(image[band:] * 0.2 + 0.8 * rng.uniform(200, 250), np.uint8)
    if rng.random() < 0.5:
        stripe = int(h * rng.uniform(0.08, 0.18))
        image[:stripe] = colour(rng, 20, 230)
    face_x, face_w = _put_portrait(rng, image, band)
    pen = Pen(image)
    pen.text(
        w * rng.uniform(0.04, 0.3),
        h * 0.03,
        words(rng, 3).upper(),
        h * rng.uniform(0.05, 0.09),
        tinted(rng, 40 if rng.random() < 0.8 else 240, 20),
        any_font(rng),
    )
    left = face_x + face_w + w * 0.03 if face_x < w / 2 else w * 0.04
    right = w * 0.97 if face_x < w / 2 else face_x - w * 0.02
    _labelled_fields(rng, pen, (left, h * 0.16, right, band), h * rng.uniform(0.09, 0.15))
    ink = tinted(rng, 30, 12)
    pitch = mrz_mm * scale / (lines + 0.3)
    for index in range(lines):
        y = band + pitch * (index + 0.25)
        pen.spaced(w * 0.035, y, w * 0.93, mrz_line(rng, length), ink)
    radius = 3.18 * scale if kind == "td1" else rng.uniform(0, 3.2) * scale
    face = whole(pen.finish(), radius, kind, True, width_mm)
    if not lines:
        return face
    top, foot = band + pitch * 0.2, min(band + pitch * (lines + 0.1), h - 1.0)
    left, right = w * 0.03, w * 0.97
    zone = np.array([[left, top], [right, top], [right, foot], [left, foot]], np.float32)
    return replace(face, band_px=zone)


def td1(rng: Rng) -> Face:
    """An ID-1 card: portrait side (mostly without MRZ) or the side with three lines of 30."""
    lines = 0 if rng.random() < 0.55 else 3
    return _identity(rng, 85.6, 54.0, "td1", lines, 30)


def td2(rng: Rng) -> Face:
    """A TD2 card, 105×74 mm, two lines of 36."""
    return _identity(rng, 105.0, 74.0, "td2", 2, 36)


def td3(rng: Rng) -> Face:
    """A passport's data page, 125×88 mm, two lines of 44, alone."""
    return _identity(rng, 125.0, 88.0, "td3", 2, 44)


def _opposite_page(rng: Rng, h: int, w: int, like: Pixels) -> Pixels:
    """The page across the fold: plain, printed, stamped or another data page."""
    pick = rng.random()
    if pick < 0.3:
        page = security_print(rng, h, w)
    elif pick < 0.45:
        page = np.full((h, w, 3), colour(rng, 10, 120), np.uint8)
    else:
        tone = like.reshape(-1, 3).mean(0) + rng.normal(0, 12, 3)
        shade = (soft_noise(rng, h, w, 6)[..., None] - 0.5) * 30
        page = np.asarray(np.clip(tone + shade, 0, 255), np.uint8)
    pen = Pen(page)
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(0, w * 0.5), rng.uniform(0, h * 0.9)
        box = (x, y, min(w - 4.0, x + w * rng.uniform(0.2, 0.7)), y + h * rng.uniform(0.05, 0.3))
        paragraph(rng, pen, box, h * rng.uniform(0.035, 0.09), tinted(rng, 90, 40))
    return pen.finish()


def booklet(rng: Rng) -> Face:
    """An open passport: data page below the fold, another page above, the cover's rim around."""
    page = td3(rng)
    lower = np.ascontiguousarray(page.bgra[..., :3])
    h, w = lower.shape[:2]
    upper = _opposite_page(rng, h, w, lower)
    fold = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    depth = rng.uniform(0, 0.5)
    upper = np.asarray(upper * (1 - depth * np.clip((fold - 0.85) / 0.15, 0, 1) ** 2), np.uint8)
    lower = np.asarray(lower * (1 - depth * np.clip((0.1 - fold) / 0.1, 0, 1) ** 2), np.uint8)
    rim = int(w * rng.uniform(0, 0.03)) if rng.random() < 0.7 else 0
    both = cv2.copyMakeBorder(
        np.vstack([upper, lower]),
        rim,
        rim,
        rim,
        rim,
        cv2.BORDER_CONSTANT,
        value=colour(rng, 5, 110),
    )
    outline = np.array([[0, h], [w, h], [w, 2 * h], [0, 2 * h]], np.float32) + rim
    outer = shaped(np.asarray(both, np.uint8), 3.0 * w / 125)
    zone = None if page.band_px is None else page.band_px + np.array([rim, h + rim], np.float32)
    return Face(outer, outline, page.kind, True, page.width_mm, zone)


def visa(rng: Rng) -> Face:
    """A visa label, MRV-A or MRV-B; its outline is the sticker's."""
    wide = rng.random() < 0.6
    return _identity(
        rng, 120.0 if wide else 105.0, 80.0 if wide else 74.0, "other", 2, 44 if wide else 36
    )
