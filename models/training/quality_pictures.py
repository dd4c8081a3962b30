"""Draws ``docs/quality.png``: what each measure of quality sees low and high.

Specimens of Utopia are posed before a made-up camera; the figure under each picture is what
``pipeline/quality.py`` measures in it.

    python -m models.training.quality_pictures docs/quality.png
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.settings import QualitySettings
from models.training.specimen import draw_specimen
from pipeline.geometry import homography, mapped, rectangle
from pipeline.quality import measure_quality
from pipeline.still import still_frame
from pipeline.types import ImageU8, MrtdFormat, QuadPx, Quality

_SIZE = (640, 360)
_CELL = (320, 180)
_CAPTION_PX = 22
_Light = Callable[[ImageU8], ImageU8]


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of the specimen: its corners in pixels, and what light and lens do to it."""

    share: float = 0.72
    narrowing: float = 0.0
    change: _Light = lambda bgr: bgr


def blurred(sigma: float) -> _Light:
    return lambda bgr: np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma), np.uint8)


def exposed(gain: float, lift: float = 0.0) -> _Light:
    return lambda bgr: np.asarray(cv2.convertScaleAbs(bgr, alpha=gain, beta=lift), np.uint8)


def grainy(sigma: float) -> _Light:
    def change(bgr: ImageU8) -> ImageU8:
        grain = np.random.default_rng(1).normal(0, sigma, bgr.shape)
        return np.asarray(np.clip(bgr + grain, 0, 255), np.uint8)

    return change


def lamp(x: int, y: int, radius: int) -> _Light:
    def change(bgr: ImageU8) -> ImageU8:
        spot = cv2.circle(np.zeros(bgr.shape[:2], np.float32), (x, y), radius, 1.0, -1)
        light = 300 * cv2.GaussianBlur(spot, (0, 0), 6)[..., None]
        return np.asarray(np.clip(bgr + light, 0, 255), np.uint8)

    return change


def finger(x: int) -> _Light:
    def change(bgr: ImageU8) -> ImageU8:
        covered = bgr.copy()
        cv2.line(covered, (x, 318), (x + 12, 420), (120, 150, 200), 62)
        return covered

    return change


_ROWS: tuple[tuple[str, Shot, Shot], ...] = (
    ("sharpness", Shot(change=blurred(2.2)), Shot()),
    ("contrast", Shot(change=exposed(0.25, 120)), Shot()),
    ("brightness", Shot(change=exposed(0.25)), Shot(change=exposed(1.15, 12))),
    ("edge_density", Shot(change=exposed(0.3, 60)), Shot()),
    ("noise", Shot(), Shot(change=grainy(14))),
    ("glare", Shot(), Shot(change=lamp(420, 130, 70))),
    ("zone_glare", Shot(), Shot(change=lamp(420, 298, 24))),
    ("zone_covered", Shot(), Shot(change=finger(300))),
    ("glyph_height_px", Shot(share=0.3), Shot()),
    ("tilt_deg", Shot(), Shot(narrowing=0.3)),
)


def take(shot: Shot) -> tuple[ImageU8, Quality]:
    """The picture and what is measured in it."""
    specimen = draw_specimen(MrtdFormat.TD3, width_px=1000)
    page = specimen.bgr
    width, height = _SIZE
    wide = shot.share * width
    high = wide * page.shape[0] / page.shape[1] * (1 - shot.narrowing)
    quad_px = rectangle(
        (width - wide) / 2, (height - high) / 2, (width + wide) / 2, (height + high) / 2
    )
    quad_px[:2, 0] += np.array([1, -1]) * wide * shot.narrowing / 2
    whole = rectangle(0, 0, page.shape[1], page.shape[0])
    matrix = homography(whole, quad_px)
    desk = (84, 88, 92)
    soft = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.45 * page.shape[1] / wide), np.uint8)
    bgr = np.asarray(cv2.warpPerspective(soft, matrix, _SIZE, borderValue=desk), np.uint8)
    bgr = shot.change(bgr)
    zone_px: QuadPx = mapped(specimen.mrz_quad_px, matrix)
    quality = measure_quality(still_frame(bgr), quad_px, QualitySettings(), MrtdFormat.TD3, zone_px)
    return bgr, quality


def draw() -> ImageU8:
    """The sheet: a row for each measure, low on the left, high on the right; uint8 BGR."""
    rows = []
    for name, *shots in _ROWS:
        cells = []
        for shot in shots:
            bgr, quality = take(shot)
            cell = np.full((_CELL[1] + _CAPTION_PX, _CELL[0], 3), 255, np.uint8)
            cell[: _CELL[1]] = cv2.resize(bgr, _CELL, interpolation=cv2.INTER_AREA)
            value = getattr(quality, name)
            caption = f"{name}  {value:.1f}"
            place = (4, _CELL[1] + 16)
            cv2.putText(
                cell, caption, place, cv2.FONT_HERSHEY_SIMPLEX, 0.48, (40, 40, 40), 1, cv2.LINE_AA
            )
            cells.append(cell)
        rows.append(np.hstack(cells))
    half = len(rows) // 2
    gap = np.full((half * rows[0].shape[0], 16, 3), 255, np.uint8)
    return np.hstack([np.vstack(rows[:half]), gap, np.vstack(rows[half:])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    cv2.imwrite(str(parser.parse_args().out), draw(), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
