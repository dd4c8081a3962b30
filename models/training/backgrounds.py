"""What lies behind a document: drawn wood, cloth, stone, paper and rooms, or photographs.

Photographs, textures and cut-out objects come from the folder that `fetch_assets` fills. Where it
is empty everything is drawn. All images are S×S×3 uint8 BGR, squeezed like the network's input.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from models.training.drawing import (
    Pixels,
    Plane,
    Rng,
    colour,
    portrait,
    soft_noise,
    tinted,
)


@dataclass(frozen=True, slots=True)
class Assets:
    """Pictures read once: photographs (BGR), textures (BGR), cut-outs (BGRA); may be empty."""

    photographs: tuple[Pixels, ...] = ()
    textures: tuple[Pixels, ...] = ()
    cutouts: tuple[Pixels, ...] = field(default=())


def load_assets(folder: Path) -> Assets:
    """Read what `fetch_assets` wrote; an absent folder gives no pictures and no error."""

    def read(pattern: str, flag: int) -> tuple[Pixels, ...]:
        images = (cv2.imread(str(path), flag) for path in sorted(folder.glob(pattern)))
        return tuple(np.asarray(image, np.uint8) for image in images if image is not None)

    return Assets(
        read("photo-*.jpg", cv2.IMREAD_COLOR),
        read("texture-*.jpg", cv2.IMREAD_COLOR),
        read("cutout-*.png", cv2.IMREAD_UNCHANGED),
    )


def part_of(assets: Assets, validation: bool) -> Assets:
    """Every eighth picture for validation, the others for training."""

    def share(images: tuple[Pixels, ...]) -> tuple[Pixels, ...]:
        return tuple(im for place, im in enumerate(images) if (place % 8 == 0) == validation)

    return Assets(share(assets.photographs), share(assets.textures), share(assets.cutouts))


def _turned(rng: Rng, image: Plane, size: int) -> Plane:
    """The image turned by any angle, mirrored at its borders so that no corner is empty."""
    centre = (size / 2, size / 2)
    turn = cv2.getRotationMatrix2D(centre, rng.uniform(0, 180), rng.uniform(1.0, 1.8))
    turned = cv2.warpAffine(image, turn, (size, size), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(turned, np.float32)


def _wood(rng: Rng, size: int) -> Plane:
    fine = rng.random((int(rng.integers(40, 160)), int(rng.integers(2, 8))), dtype=np.float32)
    grain = cv2.resize(fine, (size, size), interpolation=cv2.INTER_CUBIC)
    tone = rng.uniform(60, 235)
    base = tone * np.array([rng.uniform(0.35, 0.95), rng.uniform(0.65, 1.0), 1.0])
    image = base.astype(np.float32) * (grain * rng.uniform(0.1, 0.5) + 0.7)[..., None]
    if rng.random() < 0.4:
        for y in range(0, size, int(rng.integers(size // 8, size // 3))):
            image[y : y + max(1, size // 160)] *= 0.5
    return _turned(rng, np.asarray(image, np.float32), size)


def _stone(rng: Rng, size: int) -> Plane:
    base = np.array(tinted(rng, rng.uniform(30, 230), 18), np.float32)
    speckle = sum(
        (soft_noise(rng, size, size, cells) - 0.5) / level
        for level, cells in enumerate((4, 16, 64), start=1)
    )
    image = base + np.asarray(speckle)[..., None] * rng.uniform(20, 90)
    if rng.random() < 0.5:
        image += rng.normal(0, rng.uniform(3, 20), (size, size, 1))
    return np.asarray(image, np.float32)


def _cloth(rng: Rng, size: int) -> Plane:
    first = np.array(colour(rng), np.float32)
    second = np.array(colour(rng), np.float32)
    period = int(rng.integers(size // 40, size // 3))
    yy, xx = np.indices((size, size))
    pick = rng.random()
    if pick < 0.35:
        pattern = ((yy // period + xx // period) % 2).astype(np.float32)
    elif pick < 0.7:
        width = max(1, period // 12)
        pattern = (((yy % period) < width) | ((xx % period) < width)).astype(np.float32)
    else:
        pattern = ((xx // period) % 2).astype(np.float32)
    image = first + (second - first) * pattern[..., None] * rng.uniform(0.1, 0.9)
    weave = rng.normal(0, rng.uniform(2, 14), (size, size, 1)).astype(np.float32)
    folds = (soft_noise(rng, size, size, 3)[..., None] - 0.5) * rng.uniform(0, 60)
    return _turned(rng, np.asarray(image + weave + folds, np.float32), size)


def _plain(rng: Rng, size: int) -> Plane:
    """A desk top or wall: one tone, a soft change of light."""
    tone = tinted(rng, rng.uniform(10, 250), 20) if rng.random() < 0.7 else colour(rng)
    light = 1 - rng.uniform(0, 0.5) * soft_noise(rng, size, size, int(rng.integers(2, 6)))
    return np.asarray(np.array(tone, np.float32) * light[..., None], np.float32)


def _room(rng: Rng, size: int) -> Plane:
    """A lobby seen by a webcam: wall, floor, doors, windows and lamps, out of focus."""
    image = np.full((size, size, 3), tinted(rng, rng.uniform(60, 230), 20), np.uint8)
    floor = int(size * rng.uniform(0.55, 0.95))
    image[floor:] = tinted(rng, rng.uniform(30, 180), 25)
    for _ in range(int(rng.integers(2, 9))):
        x, y = int(rng.uniform(-0.1, 1) * size), int(rng.uniform(-0.1, 0.7) * size)
        w, h = int(rng.uniform(0.05, 0.4) * size), int(rng.uniform(0.05, 0.7) * size)
        tone = tinted(rng, rng.uniform(20, 255), 30)
        cv2.rectangle(image, (x, y), (x + w, y + h), tone, -1, cv2.LINE_AA)
        if rng.random() < 0.5:
            cv2.rectangle(image, (x, y), (x + w, y + h), tinted(rng, 90, 60), 3, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 4))):
        centre = (int(rng.uniform(0, size)), int(rng.uniform(0, size * 0.3)))
        cv2.circle(image, centre, int(rng.uniform(3, 18)), (235, 250, 255), -1, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 7))
    return np.asarray(blurred, np.float32)


_DRAWN = (_wood, _stone, _cloth, _plain, _room)


def drawn(rng: Rng, size: int) -> Pixels:
    """A background made by code alone."""
    image = _DRAWN[int(rng.integers(len(_DRAWN)))](rng, size)
    image = image + rng.normal(0, rng.uniform(0, 5), (size, size, 1)).astype(np.float32)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _crop(rng: Rng, image: Pixels, size: int) -> Pixels:
    h, w = image.shape[:2]
    share = rng.uniform(0.3, 1.0)
    ch = max(32, int(h * share))
    cw = max(32, int(min(w, ch * rng.uniform(0.8, 1.8))))
    y, x = int(rng.integers(0, h - ch + 1)), int(rng.integers(0, w - cw + 1))
    part = image[y : y + ch, x : x + cw]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.1:
        part = np.rot90(part, int(rng.integers(1, 4)))
    shrinks = max(part.shape[:2]) > size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (size, size), interpolation=method), np.uint8)


def _person(rng: Rng, image: Pixels) -> Pixels:
    """A figure in front of the background, where a guest sits before the webcam."""
    size = image.shape[0]
    grown = portrait(rng, size, size, image)
    shift = np.array(
        [[1, 0, rng.uniform(-0.3, 0.3) * size], [0, 1, rng.uniform(-0.15, 0.35) * size]], np.float32
    )
    moved = cv2.warpAffine(grown, shift, (size, size), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), rng.uniform(0.6, 3)), np.uint8)


def background(rng: Rng, assets: Assets, size: int, outdoors: bool = False) -> Pixels:
    """Any background: drawn, texture or photograph; one surface or two with an edge between.

    outdoors: mostly a photograph, where something stands that never lies on a table.
    """
    pick = rng.random() * (0.4 if outdoors else 1.0)
    if pick < 0.30 and assets.photographs:
        image = _crop(rng, assets.photographs[int(rng.integers(len(assets.photographs)))], size)
    elif pick < 0.58 and assets.textures:
        image = _crop(rng, assets.textures[int(rng.integers(len(assets.textures)))], size)
    else:
        image = drawn(rng, size)
    if rng.random() < 0.22:
        angle = rng.normal(0, 0.3) if rng.random() < 0.7 else rng.uniform(0, math.pi)
        yy, xx = np.mgrid[0:size, 0:size].astype(np.float32)
        x0, y0 = rng.uniform(0.1, 0.9, 2) * size
        side = (xx - x0) * math.sin(angle) + (yy - y0) * math.cos(angle) > 0
        image[side] = drawn(rng, size)[side]
    if rng.random() < 0.16:
        image = _person(rng, image)
    cast = 0.06 if rng.random() < 0.7 else 0.22
    gain = np.asarray(rng.uniform(1 - cast, 1 + cast, 3) * rng.uniform(0.65, 1.25), np.float32)
    image = np.asarray(np.clip(image * gain, 0, 255), np.uint8)
    if rng.random() < 0.3:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.6, 3.5)), np.uint8)
    return np.ascontiguousarray(image)
