"""Documents full of pictures and colour: brochures, books, certificates, forms, cheques.

A detector that knows white sheets alone ends a page where its picture begins, and takes a printed
frame for the paper's edge. Photographs are cut from the background pictures, else drawn.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.training.backgrounds import drawn
from models.training.bound import ajar, thick
from models.training.drawing import (
    Colour,
    Pen,
    Pixels,
    Rng,
    any_font,
    colour,
    paragraph,
    portrait,
    security_print,
    tinted,
    words,
)
from models.training.face import Face, canvas_px, whole

Photographs = tuple[Pixels, ...]

_SHEETS_MM = ((210.0, 297.0), (148.0, 210.0), (99.0, 210.0), (216.0, 279.0), (105.0, 148.0))


def picture(rng: Rng, height: int, width: int, photographs: Photographs) -> Pixels:
    """A photograph or drawing of any content, H×W×3; sometimes one colour on white."""
    height, width = max(4, height), max(4, width)
    if photographs and rng.random() < 0.7:
        source = photographs[int(rng.integers(len(photographs)))]
        h, w = source.shape[:2]
        share = rng.uniform(0.3, 1.0)
        ch, cw = max(8, int(h * share)), max(8, int(w * share))
        y, x = int(rng.integers(0, h - ch + 1)), int(rng.integers(0, w - cw + 1))
        image = cv2.resize(
            source[y : y + ch, x : x + cw], (width, height), interpolation=cv2.INTER_AREA
        )
    else:
        image = cv2.resize(drawn(rng, 64), (width, height), interpolation=cv2.INTER_LINEAR)
        if rng.random() < 0.6:
            image = portrait(rng, height, width, np.asarray(image, np.uint8))
    if rng.random() < 0.25:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[..., None] / 255
        ink = np.array(colour(rng, 0, 160), np.float32)
        image = ink + (np.float32(250) - ink) * grey
    return np.asarray(image, np.uint8)


def ideographs(
    rng: Rng, image: Pixels, at: tuple[float, float], size_px: float, ink: Colour, count: int
) -> None:
    """Characters of random strokes in squares, in place: what unknown scripts look like."""
    x, y = at
    thick = max(1, int(size_px * rng.uniform(0.05, 0.14)))
    for index in range(count):
        left = x + index * size_px * 1.12
        for _ in range(int(rng.integers(4, 9))):
            a = np.array([left, y]) + rng.uniform(0, 1, 2) * size_px * 0.95
            reach = size_px * rng.uniform(0.3, 0.9)
            step = np.array(((reach, 0), (0, reach), (reach * 0.5, reach * 0.5))[rng.integers(3)])
            b = np.minimum(a + step, [left + size_px, y + size_px])
            cv2.line(image, a.astype(int).tolist(), b.astype(int).tolist(), ink, thick, cv2.LINE_AA)


def _figures(rng: Rng, image: Pixels) -> None:
    """A row of people or things cut out on the paper itself, from side to side, in place.

    The paper goes on between and around them: a page does not end where its picture begins.
    """
    h, w = image.shape[:2]
    count = int(rng.integers(3, 9))
    tall = int(h * rng.uniform(0.12, 0.4))
    top = h - tall - int(h * rng.uniform(0, 0.08)) if rng.random() < 0.6 else int(h * 0.05)
    wide = w / count
    for index in range(count):
        x0, x1 = int(wide * index), int(wide * (index + 1))
        y0 = top + int(tall * rng.uniform(0, 0.25))
        view = image[y0 : top + tall, x0:x1]
        if min(view.shape[:2]) > 6:
            view[:] = portrait(rng, view.shape[0], view.shape[1], view.copy())


def _ornaments(rng: Rng, image: Pixels) -> None:
    """Bars, blocks, discs and slanted bands that run to the paper's edge, in place."""
    h, w = image.shape[:2]
    for _ in range(int(rng.integers(0, 4))):
        paint, pick = colour(rng), rng.random()
        if pick < 0.5:
            thick = int(min(h, w) * rng.uniform(0.04, 0.3))
            side = int(rng.integers(4))
            view = (image[:thick], image[h - thick :], image[:, :thick], image[:, w - thick :])
            view[side][:] = paint
        elif pick < 0.75:
            centre = (int(rng.uniform(0, w)), int(rng.uniform(0, h)))
            radius = int(min(h, w) * rng.uniform(0.08, 0.5))
            cv2.circle(image, centre, radius, paint, -1, cv2.LINE_AA)
        else:
            points = rng.uniform(-0.2, 1.2, (int(rng.integers(3, 5)), 2)) * (w, h)
            cv2.fillPoly(image, [points.astype(np.int32)], paint, cv2.LINE_AA)


def _title(rng: Rng, image: Pixels, largest: float) -> Pixels:
    """A few large words, sometimes in unknown script, sometimes outlined."""
    h, w = image.shape[:2]
    ink = tinted(rng, 245 if image.mean() < 120 else 25, 12) if rng.random() < 0.7 else colour(rng)
    y = h * rng.uniform(0.03, 0.4)
    for _ in range(int(rng.integers(1, 4))):
        size_px = h * rng.uniform(0.04, largest)
        x = w * rng.uniform(0.03, 0.25)
        if rng.random() < 0.25:
            fits = max(1, int((w - x) / (size_px * 1.15)))
            ideographs(rng, image, (x, y), size_px, ink, int(rng.integers(1, fits + 1)))
        else:
            pen = Pen(image)
            line = words(rng, 3).upper()[: max(2, int((w - x) / (size_px * 0.62)))]
            pen.text(x, y, line, size_px, ink, any_font(rng))
            image = pen.finish()
        y += size_px * rng.uniform(1.2, 2.4)
    return image


def _ground(rng: Rng, h: int, w: int, photographs: Photographs) -> Pixels:
    pick = rng.random()
    if pick < 0.35:
        return picture(rng, h, w, photographs)
    tone = colour(rng) if pick < 0.75 else tinted(rng, rng.uniform(15, 250), 8)
    return np.full((h, w, 3), tone, np.uint8)


def brochure(rng: Rng, photographs: Photographs) -> Face:
    """A page of a magazine, leaflet or newspaper: columns, pictures, colours to the edge."""
    width, height = _SHEETS_MM[int(rng.integers(len(_SHEETS_MM)))]
    if rng.random() < 0.3:
        height = width * rng.uniform(0.6, 1.7)
    h, w, scale = canvas_px(width, height)
    image = np.full((h, w, 3), tinted(rng, rng.uniform(215, 252), 5), np.uint8)
    _ornaments(rng, image)
    if rng.random() < 0.75:
        image = _title(rng, image, 0.1)
    pen = Pen(image)
    columns, margin = int(rng.integers(1, 4)), w * rng.uniform(0.03, 0.1)
    top = h * rng.uniform(0.1, 0.4)
    for column in range(columns):
        x0 = margin + (w - 2 * margin) * column / columns
        x1 = x0 + (w - 2 * margin) / columns - 5
        foot = h * rng.uniform(0.5, 0.97)
        paragraph(rng, pen, (x0, top, x1, foot), rng.uniform(3, 5.5) * scale, tinted(rng, 50, 15))
    image = pen.finish()
    for _ in range(int(rng.integers(1, 4))):
        ph, pw = int(h * rng.uniform(0.12, 0.5)), int(w * rng.uniform(0.25, 1.0))
        if rng.random() < 0.35:
            pw = w
        y = h - ph if rng.random() < 0.3 else int(rng.uniform(0, h - ph))
        x = int(rng.uniform(0, w - pw + 1))
        image[y : y + ph, x : x + pw] = picture(rng, ph, pw, photographs)[:ph, :pw]
    if rng.random() < 0.35:
        _figures(rng, image)
    return whole(image, 0.0, "other", False, width)


def book(rng: Rng, photographs: Photographs) -> Face:
    """A book, magazine or folder from the front: colour or a picture, great letters."""
    width, height = (rng.uniform(105, 215), rng.uniform(148, 297))
    h, w, scale = canvas_px(width, height)
    image = _ground(rng, h, w, photographs)
    _ornaments(rng, image)
    image = _title(rng, image, 0.28)
    if rng.random() < 0.4:
        inset = int(min(h, w) * rng.uniform(0.03, 0.12))
        paint = tinted(rng, rng.uniform(0, 255), 30)
        cv2.rectangle(image, (inset, inset), (w - inset, h - inset), paint, int(rng.integers(1, 5)))
    if rng.random() < 0.3:
        image = np.ascontiguousarray(np.rot90(image))
    face = whole(image, rng.uniform(0, 4) * scale, "other", False, image.shape[1] / scale)
    pick = rng.random()
    if pick < 0.1:
        return ajar(rng, face)
    return thick(rng, face) if pick < 0.45 else face


def framed(rng: Rng, photographs: Photographs) -> Face:
    """Paper with a white margin and a printed field inside: certificate, note, coupon, ticket."""
    width, height = rng.uniform(80, 297), rng.uniform(60, 210)
    h, w, _scale = canvas_px(width, height)
    image = np.full((h, w, 3), tinted(rng, rng.uniform(220, 252), 4), np.uint8)
    margins = (rng.uniform(0.012, 0.08, 4) * min(h, w)).astype(int) + 2
    top, right, foot, left = (int(v) for v in margins)
    inner_h, inner_w = h - top - foot, w - left - right
    pick = rng.random()
    if pick < 0.5:
        field = security_print(rng, inner_h, inner_w)
        if rng.random() < 0.5:
            field = np.asarray(field * rng.uniform(0.4, 0.9), np.uint8)
    elif pick < 0.7:
        field = picture(rng, inner_h, inner_w, photographs)
    else:
        field = np.full((inner_h, inner_w, 3), tinted(rng, rng.uniform(180, 250), 8), np.uint8)
    for inset in range(0, int(rng.integers(1, 14)), int(rng.integers(2, 6))):
        paint = tinted(rng, rng.uniform(10, 160), 25)
        corner = (inner_w - 1 - inset, inner_h - 1 - inset)
        cv2.rectangle(field, (inset, inset), corner, paint, int(rng.integers(1, 3)))
    if rng.random() < 0.5:
        side = int(inner_h * rng.uniform(0.4, 0.8))
        across, down = (int(rng.uniform(0, max(1, n - side))) for n in (inner_w, inner_h))
        view = field[down : down + side, across : across + side]
        view[:] = portrait(rng, view.shape[0], view.shape[1], view.copy())
    image[top : top + inner_h, left : left + inner_w] = field
    pen = Pen(image)
    for _ in range(int(rng.integers(2, 8))):
        x, y = rng.uniform(left, w * 0.7), rng.uniform(top, h * 0.85)
        size_px = h * rng.uniform(0.03, 0.16)
        pen.text(x, y, words(rng, 2)[:18], size_px, tinted(rng, 50, 30), any_font(rng))
    return whole(pen.finish(), 0.0, "other", False, width)


def form(rng: Rng, photographs: Photographs) -> Face:
    """A form, bill or table: rules, boxes, a coloured head, a code of bars, a stamp."""
    width, height = _SHEETS_MM[int(rng.integers(len(_SHEETS_MM)))]
    if rng.random() < 0.25:
        width, height = height, width
    h, w, scale = canvas_px(width, height)
    image = np.full((h, w, 3), tinted(rng, rng.uniform(205, 252), 6), np.uint8)
    rule = tinted(rng, rng.uniform(40, 190), 20)
    margin = int(min(h, w) * rng.uniform(0.02, 0.1))
    if rng.random() < 0.5:
        image[margin : margin + int(h * rng.uniform(0.04, 0.14)), margin : w - margin] = colour(rng)
    rows, columns = int(rng.integers(3, 22)), int(rng.integers(1, 6))
    top = int(h * rng.uniform(0.1, 0.35))
    for y in np.linspace(top, h - margin, rows).astype(int):
        cv2.line(image, (margin, int(y)), (w - margin, int(y)), rule, 1)
    if rng.random() < 0.7:
        for x in np.linspace(margin, w - margin, columns + 1).astype(int):
            cv2.line(image, (int(x), top), (int(x), h - margin), rule, 1)
    pen = Pen(image)
    for _ in range(int(rng.integers(8, 60))):
        x, y = rng.uniform(margin, w * 0.85), rng.uniform(margin, h * 0.95)
        pen.text(x, y, words(rng, 2)[:14], rng.uniform(3, 5) * scale, tinted(rng, 50), None)
    image = pen.finish()
    if rng.random() < 0.3:
        x, y = int(rng.uniform(0, w * 0.6)), int(rng.uniform(0, h * 0.85))
        bars = (rng.random(int(w * 0.3)) < 0.5).astype(np.uint8) * 255
        view = image[y : y + int(h * 0.08), x : x + len(bars)]
        view[:] = bars[None, : view.shape[1], None]
    if rng.random() < 0.25:
        corner = picture(rng, h // 4, w // 4, photographs)
        image[margin : margin + h // 4, margin : margin + w // 4] = corner
    return whole(image, 0.0, "other", False, width)


def cheque(rng: Rng, photographs: Photographs) -> Face:
    """A cheque, ticket or voucher: wide, pale, a few lines, digits at the foot.

    Often the tint ends above the digits, and the paper goes on white.
    """
    del photographs
    width = rng.uniform(140, 205)
    height = width / rng.uniform(1.9, 2.8)
    h, w, _scale = canvas_px(width, height)
    image = security_print(rng, h, w)
    image = np.asarray(255 - (255 - image) * rng.uniform(0.1, 0.9), np.uint8)
    if rng.random() < 0.5:
        bare = rng.uniform(0.02, 0.12, 4) * (rng.random(4) < 0.4)
        bare[2] = rng.uniform(0.1, 0.24)
        top, right, foot, left = (int(v) for v in bare * h)
        paper = np.full_like(image, tinted(rng, rng.uniform(215, 250), 6))
        within = np.s_[top : h - foot, left : w - right]
        paper[within] = image[within]
        image = paper
    for _ in range(int(rng.integers(2, 6))):
        at = (int(rng.uniform(0.03, 0.6) * w), int(rng.uniform(0.2, 0.8) * h))
        reach = int(rng.uniform(0.15, 0.5) * w)
        cv2.line(image, at, (at[0] + reach, at[1]), tinted(rng, 60), 1)
    pen = Pen(image)
    for _ in range(int(rng.integers(4, 10))):
        x, y = rng.uniform(0.02, 0.75) * w, rng.uniform(0.04, 0.8) * h
        pen.text(x, y, words(rng, 3)[:20], h * rng.uniform(0.05, 0.1), tinted(rng, 40), None)
    digits = "".join(str(v) for v in rng.integers(0, 10, 26))
    pen.spaced(w * 0.06, h * 0.87, w * rng.uniform(0.5, 0.85), digits, tinted(rng, 25, 10))
    return whole(pen.finish(), 0.0, "other", False, width)
