"""Prints lines of characters at a fixed pitch: typefaces, weight of the stroke, wear.

Glyphs are kept as distances from their outline, so that any weight of stroke, and ink that ran or
dried up, is one threshold. A canvas holds ``PITCH_PX`` pixels a character; planes are float32,
1 where ink covers the paper.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from core.errors import ModelNotFound
from models.training.drawing import Plane, Rng
from pipeline.mrz.check_digits import ALPHABET, DIGITS

PITCH_PX = 24
_FINE = 4
"""Glyphs are drawn this many times larger before distances are measured."""
_CELL = (2 * PITCH_PX, 2 * PITCH_PX)
_CAPITAL_PITCHES = 0.986
"""Height of OCR-B's capitals over the pitch."""
_DIGIT_OVER_CAPITAL = 1.084
_REACH_PX = 6.0
_OPENTYPE = Path("/usr/share/fonts/opentype/ocr-b")
_TRUETYPE = Path("/usr/share/fonts/truetype")


@dataclass(frozen=True, slots=True)
class _Face:
    """A font, whether its digits are brought to the height of capitals, how often it is used."""

    path: Path
    levelled: bool
    share: float


_FACES = (
    _Face(_OPENTYPE / "OCRB.otf", False, 0.36),
    _Face(_OPENTYPE / "OCRB.otf", True, 0.26),
    _Face(_OPENTYPE / "OCRBS.otf", False, 0.12),
    _Face(_OPENTYPE / "OCRBS.otf", True, 0.12),
    _Face(_OPENTYPE / "OCRBL.otf", False, 0.05),
    _Face(_TRUETYPE / "liberation/LiberationMono-Regular.ttf", False, 0.02),
    _Face(_TRUETYPE / "liberation/LiberationMono-Bold.ttf", False, 0.01),
    _Face(_TRUETYPE / "dejavu/DejaVuSansMono.ttf", False, 0.03),
    _Face(_TRUETYPE / "liberation/LiberationSans-Regular.ttf", False, 0.03),
)
"""OCR-B above all; typewriter faces and a proportional one, as misprinted cards have them."""


@functools.lru_cache(maxsize=len(_FACES))
def _distances(face: _Face) -> NDArray[np.float32]:
    """37×48×48: how far inside the outline each pixel lies, in canvas pixels, up to a reach."""
    if not face.path.is_file():
        raise ModelNotFound(
            f"The font {face.path.name} is missing: install the Debian packages fonts-ocr-b, "
            "fonts-dejavu-core and fonts-liberation."
        )
    side = _CELL[0] * _FINE
    capital = _CAPITAL_PITCHES * PITCH_PX * _FINE
    probe = ImageFont.truetype(str(face.path), 200)
    _, top, _, bottom = probe.getbbox("H", anchor="ls")
    font = ImageFont.truetype(str(face.path), 200 * capital / (bottom - top))
    found = np.empty((len(ALPHABET), *_CELL), np.float32)
    for index, character in enumerate(ALPHABET):
        cell = PilImage.new("L", (side, side), 0)
        baseline = (side + capital) / 2
        draw = ImageDraw.Draw(cell)
        draw.text((side / 2, baseline), character, font=font, fill=255, anchor="ms")
        if face.levelled and character in DIGITS:
            factor = _DIGIT_OVER_CAPITAL
            moved = (1, 0, 0, 0, factor, baseline * (1 - factor))
            cell = cell.transform(
                cell.size, PilImage.Transform.AFFINE, moved, PilImage.Resampling.BICUBIC
            )
        solid = (np.asarray(cell) > 127).astype(np.uint8)
        inside = cv2.distanceTransform(solid, cv2.DIST_L2, 5)
        outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5)
        signed = np.clip((inside - outside) / _FINE, -_REACH_PX, _REACH_PX)
        found[index] = cv2.resize(signed, _CELL, interpolation=cv2.INTER_AREA)
    return found


@dataclass(frozen=True, slots=True)
class Style:
    """How one document is printed. Lengths are canvas pixels."""

    face: _Face
    weight_px: float
    width: float
    height: float
    jitter_px: float
    wear: float

    @classmethod
    def pick(cls, rng: Rng) -> Style:
        """Mostly clean OCR-B; now and then a typewriter's worn letters."""
        shares = np.array([face.share for face in _FACES])
        face = _FACES[int(rng.choice(len(_FACES), p=shares / shares.sum()))]
        return cls(
            face,
            float(rng.normal(0.1, 0.35)),
            float(np.clip(rng.normal(1, 0.04), 0.88, 1.12)),
            float(np.clip(rng.normal(1, 0.1), 0.75, 1.3)),
            float(rng.choice((0, 0, 0.5, 1))),
            float(rng.random() ** 2 * 0.9 if rng.random() < 0.35 else 0),
        )


def print_line(
    canvas: Plane, text: str, left_px: float, middle_px: float, style: Style, rng: Rng
) -> None:
    """Put ``text`` onto the canvas, its first cell beginning at ``left_px``.

    Capitals are centred at ``middle_px``; what lies outside the canvas is left out.
    """
    size = (round(_CELL[0] * style.width), round(_CELL[1] * style.height))
    shift = rng.normal(0, style.jitter_px, (len(text), 2)) if style.jitter_px else None
    field = _distances(style.face)
    for place, character in enumerate(text):
        glyph = cv2.resize(field[ALPHABET.index(character)], size)
        weight = style.weight_px + (rng.normal(0, 0.25) if style.wear else 0)
        x = left_px + (place + 0.5) * PITCH_PX - size[0] / 2
        y = middle_px - size[1] / 2
        if shift is not None:
            x, y = x + shift[place, 0], y + shift[place, 1]
        _stamp(canvas, np.clip(0.5 + glyph + weight, 0, 1), round(x), round(y))


def _stamp(canvas: Plane, glyph: Plane, x: int, y: int) -> None:
    height, width = canvas.shape
    top, left = max(0, y), max(0, x)
    bottom, right = min(height, y + glyph.shape[0]), min(width, x + glyph.shape[1])
    if top < bottom and left < right:
        part = canvas[top:bottom, left:right]
        np.maximum(part, glyph[top - y : bottom - y, left - x : right - x], out=part)


def worn(ink: Plane, wear: float, rng: Rng) -> Plane:
    """Ink that has rubbed off in spots and paled in patches; 0 leaves it as it is."""
    if wear <= 0:
        return ink
    height, width = ink.shape
    spots = rng.normal(0, 1, (height // 2, width // 2)).astype(np.float32)
    soft = cv2.GaussianBlur(spots, (0, 0), float(rng.uniform(0.6, 1.6)))
    spots = np.asarray(cv2.resize(soft / (soft.std() + 1e-6), (width, height)), np.float32)
    kept = np.clip(1 - np.maximum(spots - 2.2 + 1.8 * wear, 0) * 1.2, 0, 1)
    patches = cv2.resize(
        rng.uniform(1 - 0.6 * wear, 1, (2, 13)).astype(np.float32), (width, height)
    )
    return np.asarray(ink * kept * patches, np.float32)
