"""Parts that drawn documents and distractors are made of: colours, patterns, text, portraits.

Everything is random, seeded by the generator passed in, and shows nobody: names are syllables,
numbers are digits, portraits are ovals. Colours are BGR, images H×W×3 uint8, origin top-left.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Colour = tuple[int, int, int]
Rng = np.random.Generator

_FONT_FOLDERS = ("/usr/share/fonts/truetype/dejavu", "/usr/share/fonts/truetype/liberation")
_OCR_B = Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf")
_VOWELS = "aeiou"
_CONSONANTS = "bcdfghjklmnprstvz"
_MRZ_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@functools.lru_cache(maxsize=1)
def text_fonts() -> tuple[Path, ...]:
    """The installed text fonts, sorted so that a seed always means the same drawing."""
    found = [path for folder in _FONT_FOLDERS for path in Path(folder).glob("*.ttf")]
    return tuple(sorted(path for path in found if "Math" not in path.name))


@functools.lru_cache(maxsize=512)
def font(path: Path | None, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of the given size; Pillow's own where the system has none."""
    if path is None or not path.exists():
        return ImageFont.load_default(size=max(6, size_px))
    return ImageFont.truetype(str(path), max(6, size_px))


def any_font(rng: Rng) -> Path | None:
    """A random text font, or None where none is installed."""
    fonts = text_fonts()
    return fonts[int(rng.integers(len(fonts)))] if fonts else None


def colour(rng: Rng, low: int = 0, high: int = 255) -> Colour:
    """A random colour with every channel in [low, high]."""
    b, g, r = (int(v) for v in rng.integers(low, high + 1, 3))
    return b, g, r


def tinted(rng: Rng, value: float, spread: float = 25.0) -> Colour:
    """A colour around a grey of the given value: how most real surfaces look."""
    b, g, r = (int(v) for v in np.clip(value + rng.normal(0, spread, 3), 0, 255))
    return b, g, r


def word(rng: Rng) -> str:
    """A pronounceable word of two to five syllables."""
    syllables = int(rng.integers(1, 5))
    letters = [
        _CONSONANTS[int(rng.integers(len(_CONSONANTS)))] + _VOWELS[int(rng.integers(5))]
        for _ in range(syllables)
    ]
    return "".join(letters)


def words(rng: Rng, count: int) -> str:
    """Several words and numbers, separated by spaces."""
    return " ".join(
        str(rng.integers(1, 9999)) if rng.random() < 0.2 else word(rng) for _ in range(count)
    )


def soft_noise(rng: Rng, height: int, width: int, cells: int) -> Plane:
    """Smooth noise in [0, 1], H×W float32; `cells` is how many bumps fit along a side."""
    small = rng.random((cells + 1, cells + 1), dtype=np.float32)
    grown = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grown, 0.0, 1.0), np.float32)


def security_print(rng: Rng, height: int, width: int) -> Pixels:
    """A two-colour ground with wavy line patterns, as identity documents and banknotes have."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    first = np.array(colour(rng, 130, 250), np.float32)
    second = np.array(colour(rng, 130, 250), np.float32)
    if rng.random() < 0.25:
        first = first * 0.55
    ramp = (xx / width if rng.random() < 0.5 else yy / height)[..., None]
    ground = first + (second - first) * ramp
    for _ in range(int(rng.integers(1, 4))):
        angle = rng.uniform(0, math.pi)
        wave = np.sin(xx * rng.uniform(0.005, 0.06) + rng.uniform(0, 6)) * rng.uniform(2, 25)
        along = xx * math.cos(angle) + yy * math.sin(angle) + wave
        lines = np.sin(along * rng.uniform(0.1, 0.9))
        sharp = (np.abs(lines) < rng.uniform(0.1, 0.5)).astype(np.float32)
        mix = (sharp if rng.random() < 0.6 else (lines + 1) / 2)[..., None]
        ink = np.array(colour(rng, 60, 230), np.float32)
        ground += (ink - ground) * mix * rng.uniform(0.05, 0.3)
    if rng.random() < 0.4:
        cx, cy = rng.uniform(0, width), rng.uniform(0, height)
        radius = np.hypot(xx - cx, yy - cy)
        petals = np.sin(np.arctan2(yy - cy, xx - cx) * int(rng.integers(4, 14)))
        rosette = np.abs(np.sin(radius * rng.uniform(0.1, 0.5) + petals * 3)) < 0.35
        ink = np.array(colour(rng, 60, 230), np.float32)
        ground += (ink - ground) * rosette[..., None] * rng.uniform(0.08, 0.3)
    if rng.random() < 0.55:
        # Most papers are pale and hardly coloured.
        grey = ground.mean(2, keepdims=True)
        ground += (grey - ground) * rng.uniform(0.3, 0.9)
        ground = 255 - (255 - ground) * rng.uniform(0.35, 1.0)
    return np.asarray(np.clip(ground, 0, 255), np.uint8)


SKINS: tuple[Colour, ...] = (
    (176, 200, 236),
    (130, 160, 205),
    (80, 105, 150),
    (50, 65, 95),
    (150, 185, 225),
    (105, 135, 180),
)
HAIRS: tuple[Colour, ...] = (
    (20, 25, 30),
    (25, 45, 70),
    (45, 85, 120),
    (110, 170, 200),
    (125, 125, 125),
    (200, 205, 210),
)


def skin(rng: Rng) -> Plane:
    """A skin tone, 3 float32 in BGR."""
    tone = np.array(SKINS[int(rng.integers(len(SKINS)))], np.float32)
    return np.asarray(np.clip(tone + rng.normal(0, 8, 3), 20, 250), np.float32)


def portrait(rng: Rng, height: int, width: int, ground: Pixels | None = None) -> Pixels:
    """A figure of ovals on a plain ground (or on `ground`): head, hair, shoulders, features."""
    if ground is None:
        ground = np.full((height, width, 3), colour(rng, 150, 245), np.uint8)
    image = np.ascontiguousarray(ground)
    tone = tuple(int(v) for v in skin(rng))
    hair = HAIRS[int(rng.integers(len(HAIRS)))]
    cloth = colour(rng, 10, 220)
    cx = int(width * rng.uniform(0.46, 0.54))
    cy = int(height * rng.uniform(0.4, 0.47))
    half_w, half_h = int(width * rng.uniform(0.2, 0.28)), int(height * rng.uniform(0.24, 0.31))

    def oval(x: float, y: float, a: float, b: float, paint: tuple[int, ...]) -> None:
        axes = (max(1, int(a)), max(1, int(b)))
        cv2.ellipse(image, (int(x), int(y)), axes, 0, 0, 360, paint, -1, cv2.LINE_AA)

    if rng.random() < 0.4:
        oval(cx, cy + half_h * 0.3, half_w * 1.35, half_h * 1.4, hair)
    oval(cx, height * 1.08, width * 0.48, height * 0.33, cloth)
    oval(cx, cy + half_h, half_w * 0.5, half_h * 0.6, tone)
    oval(cx, cy - half_h * 0.15, half_w * 1.08, half_h * 1.0, hair)
    oval(cx, cy + half_h * 0.1, half_w, half_h * 0.95, tone)
    for side in (-1, 1):
        oval(cx + side * half_w * 0.42, cy, half_w * 0.14, half_h * 0.07, (40, 35, 40))
        oval(cx + side * half_w * 0.42, cy - half_h * 0.2, half_w * 0.22, half_h * 0.04, hair)
    oval(cx, cy + half_h * 0.55, half_w * 0.3, half_h * 0.05, (80, 80, 150))
    if rng.random() < 0.45:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    return image


class Pen:
    """Draws text onto a BGR image through Pillow; `finish` gives the pixels back."""

    def __init__(self, image: Pixels) -> None:
        self._picture = PilImage.fromarray(np.ascontiguousarray(image[..., ::-1]))
        self._draw = ImageDraw.Draw(self._picture)

    def text(
        self, x: float, y: float, line: str, size_px: float, ink: Colour, face: Path | None
    ) -> None:
        """Write one line with its top-left at (x, y) pixels."""
        self._draw.text((x, y), line, font=font(face, round(size_px)), fill=ink[::-1])

    def spaced(self, x: float, y: float, width: float, line: str, ink: Colour) -> None:
        """Write one line in OCR-B, its characters spread evenly over `width` pixels."""
        step = width / len(line)
        face = font(_OCR_B, round(step * 1.62))
        for index, character in enumerate(line):
            self._draw.text((x + index * step, y), character, font=face, fill=ink[::-1])

    def finish(self) -> Pixels:
        """The drawn image, H×W×3 uint8 BGR."""
        return np.ascontiguousarray(np.asarray(self._picture)[..., ::-1])


def mrz_line(rng: Rng, length: int) -> str:
    """A line that looks like a machine-readable zone; it carries no meaning."""
    filled = int(rng.integers(length // 2, length + 1))
    picks = rng.integers(0, len(_MRZ_ALPHABET), filled)
    line = "".join(_MRZ_ALPHABET[int(i)] if rng.random() > 0.1 else "<" for i in picks)
    return line.ljust(length, "<")


def paragraph(
    rng: Rng, pen: Pen, box: tuple[float, float, float, float], size_px: float, ink: Colour
) -> None:
    """Fill a box (x0, y0, x1, y1 in pixels) with lines of text, some of them short."""
    x0, y0, x1, y1 = box
    face = any_font(rng)
    fits = max(2, int((x1 - x0) / (size_px * 0.52)))
    y = y0
    while y < y1 - size_px:
        if rng.random() > 0.08:
            length = fits if rng.random() < 0.7 else int(rng.integers(1, fits + 1))
            line = words(rng, max(1, fits // 5))[:length]
            pen.text(x0, y, line, size_px, ink, face)
        y += size_px * 1.35
