"""Booklets and books as things with pages and a thickness: what looks out beside a cover.

The outline stays the cover's, for that is the side a reader of documents wants.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.drawing import Pixels, Rng, colour, security_print, tinted
from models.training.face import Face


def thick(rng: Rng, cover: Face) -> Face:
    """A closed book seen a little from the side: the edges of its pages, its back cover.

    They look out on the one or two sides that the camera sees, by up to a tenth of its size.
    """
    h, w = cover.bgra.shape[:2]
    pad = int(max(h, w) * 0.12)
    block = np.zeros((h + 2 * pad, w + 2 * pad, 4), np.uint8)
    angle = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.5:
        angle = np.round(angle / (np.pi / 2)) * (np.pi / 2) + rng.normal(0, 0.12)
    away = np.array([np.cos(angle), np.sin(angle)]) * min(h, w) * rng.uniform(0.01, 0.12)
    # What is farther from the camera is a little smaller.
    smaller = 1 - float(np.hypot(*away)) / max(h, w) * rng.uniform(0, 0.5)
    middle = np.array([w, h]) / 2
    rim = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    inset = rng.uniform(0, 0.012) * max(h, w) if rng.random() < 0.5 else 0.0
    paper = np.array(tinted(rng, rng.uniform(150, 245), 8), np.float64)
    steps = max(2, int(np.hypot(*away)))
    back = (*colour(rng), 255)
    for index in range(steps, 0, -1):
        part = index / steps
        shrunk = (rim - middle) * (1 + (smaller - 1) * part) + middle + away * part
        if index == steps:
            tone = back if rng.random() < 0.6 else (*(float(v) for v in paper * 0.8), 255)
        else:
            shrunk = shrunk - np.sign(shrunk - middle) * inset
            shade = rng.uniform(0.7, 1.0)
            tone = (*(float(v) for v in paper * shade), 255)
        cv2.fillPoly(block, [np.round((shrunk + pad) * 8).astype(np.int32)], tone, cv2.LINE_AA, 3)
    return _behind(block, pad, cover)


def ajar(rng: Rng, cover: Face) -> Face:
    """A closed booklet whose pages stand open a little: they look out beside its cover.

    The outline stays the cover's. The pages turn about the spine, the left edge.
    """
    h, w = cover.bgra.shape[:2]
    pad = int(max(h, w) * 0.35)
    page = np.zeros((h + 2 * pad, w + 2 * pad, 4), np.uint8)
    spread, drop = rng.uniform(-0.02, 0.3, 2) * rng.choice([0.5, 1.0])
    last = security_print(rng, *page.shape[:2])
    far = w * (1 + rng.uniform(-0.1, 0.06))
    sheets = int(rng.integers(2, 7))
    for index in range(sheets, 0, -1):
        part = index / sheets
        outline = np.array(
            [
                [0, 0],
                [far, -spread * h * part * rng.uniform(0.5, 1)],
                [far, h * (1 + drop * part)],
                [0, h],
            ]
        )
        outline = np.round((outline + pad) * 8).astype(np.int32)
        tone = (*tinted(rng, rng.uniform(190, 250), 6), 255)
        cv2.fillPoly(page, [outline], tone, cv2.LINE_AA, 3)
        if index == sheets:
            # What lies lowest shows the most of itself, print and all.
            printed = page[..., 3] > 0
            page[printed, :3] = last[printed]
        cv2.polylines(page, [outline], True, (*tinted(rng, 140, 15), 255), 1, cv2.LINE_AA, 3)
    return _behind(page, pad, cover)


def _behind(pages: Pixels, pad: int, cover: Face) -> Face:
    """The cover over `pages` (H×W×4, larger by `pad` on every side), cut to what is seen."""
    h, w = cover.bgra.shape[:2]
    share = cover.bgra[..., 3:].astype(np.float32) / 255
    view = pages[pad : pad + h, pad : pad + w]
    view[..., :3] = np.asarray(cover.bgra[..., :3] * share + view[..., :3] * (1 - share), np.uint8)
    view[..., 3] = np.maximum(view[..., 3], cover.bgra[..., 3])
    x, y, wide, tall = cv2.boundingRect(np.ascontiguousarray(pages[..., 3]))
    outline_px = cover.outline_px + np.array([pad - x, pad - y], np.float32)
    return replace(cover, bgra=pages[y : y + tall, x : x + wide].copy(), outline_px=outline_px)


def folded(rng: Rng, bgra: Pixels) -> NDArray[np.float32]:
    """Light over a sheet that was folded once to three times, H×W, about 1: panels and creases."""
    h, w = bgra.shape[:2]
    light = np.ones((h, w), np.float32)
    for axis, length in ((0, h), (1, w)):
        count = int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.25, 0.05]))
        places = np.arange(length, dtype=np.float32)
        profile = np.ones(length, np.float32)
        for index in range(count):
            crease = (index + 1) / (count + 1) * length + rng.normal(0, length * 0.01)
            profile[int(crease) :] *= rng.uniform(0.88, 1.12)
            near = np.exp(-np.abs(places - crease) / (length * rng.uniform(0.003, 0.06)))
            profile *= 1 + near * rng.uniform(-0.25, 0.18)
        light *= profile[:, None] if axis == 0 else profile[None, :]
    return light
