"""How good a view of a document is: Frame, outline -> Quality.

Everything is measured on luma, on the document's region brought to one fixed scale, so that
neither the camera's resolution nor the surroundings change what a figure means. Each measure
earns a mark from 0 to 1 against its threshold, and the score is the weighted sum of the marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.settings import QualitySettings
from pipeline.geometry import SIZE_MM, homography, rectangle, side_lengths, span, tilt_deg
from pipeline.types import Frame, ImageU8, MrtdFormat, QuadPx, Quality
from pipeline.zone import look_at_zone

REGION_LONG_SIDE_PX = 512
"""The fixed scale: 4 pixels per millimetre of a TD3 page, where a stroke of the MRZ is just over
one pixel wide and blur that ruins reading shows."""
_MIN_SIDE_PX = 16
_INSET = 0.03
"""Share of the region cut off at each edge: a corner a little off must not bring in the table."""
_STRONG_EDGE = 100
"""Sum of the absolute 3×3 Sobel derivatives (8-bit luma) from which an edge is strong."""
_BURNT_OUT = 250
"""Luma from which a pixel holds no more detail."""
_NO_MARK_SHARE = 0.25
"""A measure at this share of its threshold, or under, earns nothing."""
_GLYPH_HEIGHT_MM = 2.6
"""Height of a capital of the MRZ: OCR-B size 1 (ISO 1073-2), asked for by Doc 9303 Part 3,
section 4.1; about this high with its stroke."""

_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""J. Immerkaer, "Fast noise variance estimation", 1996: blind to constant slopes; white noise of
sigma 1 leaves it with sigma 6."""
_IMMERKAER_GAIN = 6.0
_MEDIAN_TO_SIGMA = 1 / 0.6745
"""Median absolute value of a normal distribution -> its sigma."""
_SHARPNESS_NOISE_GAIN = float(
    np.sum(np.outer(np.convolve([0.25, 0.5, 0.25], [1, -2, 1]), [0.25, 0.5, 0.25]) ** 2)
)
"""Variance that white noise of sigma 1 adds to one smoothed second derivative."""


@dataclass(frozen=True, slots=True)
class _Measures:
    """Quality's figures, without the score."""

    sharpness: float
    contrast: float
    brightness: float
    edge_density: float
    noise: float
    glare: float


def measure_quality(
    frame: Frame,
    quad_px: QuadPx | None,
    settings: QualitySettings,
    mrtd_format: MrtdFormat | None = None,
    zone_px: QuadPx | None = None,
) -> Quality:
    """Quality of the document outlined by ``quad_px``, or of the whole frame for None.

    About 1 ms at 720p. A format that is not known is taken for TD3, the passport. Where the place
    of the machine-readable zone is known (``zone_px``), sharpness is that of its lines.
    """
    tilt = 0.0 if quad_px is None else tilt_deg(quad_px, frame.width_px, frame.height_px)
    if quad_px is None:
        quad_px = rectangle(0, 0, frame.width_px, frame.height_px)
    region = _region(frame.luma, quad_px)
    zone = look_at_zone(region, _INSET, quad_px, zone_px, mrtd_format)
    measures = _measure(region, zone.band if zone else region)
    return Quality(
        sharpness=measures.sharpness,
        contrast=measures.contrast,
        brightness=measures.brightness,
        edge_density=measures.edge_density,
        noise=measures.noise,
        glare=measures.glare,
        glyph_height_px=glyph_height_px(quad_px, mrtd_format),
        score=_score(measures, settings),
        zone_glare=zone.glare if zone else None,
        zone_covered=zone.covered if zone else None,
        tilt_deg=tilt,
    )


def glyph_height_px(quad_px: QuadPx, mrtd_format: MrtdFormat | None = None) -> float:
    """Expected height of an MRZ capital in pixels of the source frame."""
    width_mm, _ = SIZE_MM[mrtd_format or MrtdFormat.TD3]
    return span(quad_px).long_side / width_mm * _GLYPH_HEIGHT_MM


def _region(luma: ImageU8, quad_px: QuadPx) -> ImageU8:
    """The document, flat, its long side `REGION_LONG_SIDE_PX` long."""
    sides = span(quad_px)
    scale = REGION_LONG_SIDE_PX / max(sides.long_side, 1.0)
    luma, quad = _thinned(luma, quad_px, int(1 / scale))
    width = max(_MIN_SIDE_PX, round(sides.width * scale))
    height = max(_MIN_SIDE_PX, round(sides.height * scale))
    inset_x, inset_y = _INSET * width, _INSET * height
    target = rectangle(-inset_x, -inset_y, width + inset_x, height + inset_y)
    if min(side_lengths(quad)) < 1:
        quad = rectangle(0, 0, luma.shape[1], luma.shape[0])
    flat = cv2.warpPerspective(
        luma, homography(quad, target), (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, np.uint8)


def _thinned(luma: ImageU8, quad_px: QuadPx, factor: int) -> tuple[ImageU8, QuadPx]:
    """Crop around the quad, shrunk by a whole factor: sampling alone would skip pixels."""
    if factor < 2:
        return luma, quad_px
    limit = np.array([luma.shape[1], luma.shape[0]])
    low = np.clip(np.floor(quad_px.min(axis=0)), 0, limit - factor).astype(int)
    high = np.clip(np.ceil(quad_px.max(axis=0)), low + factor, limit).astype(int)
    size = (high - low) // factor
    crop = luma[low[1] : low[1] + size[1] * factor, low[0] : low[0] + size[0] * factor]
    small = cv2.resize(crop, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), ((quad_px - low) / factor).astype(np.float32)


def _measure(region: ImageU8, band: ImageU8) -> _Measures:
    """Of a document's flat luma; sharpness is that of ``band``, a part of it."""
    smooth = _smooth(region)
    noise = _noise_sigma(region)
    mean, deviation = cv2.meanStdDev(region)
    across, down = cv2.spatialGradient(smooth)
    edges = np.asarray(cv2.add(cv2.convertScaleAbs(across), cv2.convertScaleAbs(down)), np.uint8)
    return _Measures(
        sharpness=_sharpness(smooth if band is region else _smooth(band), noise),
        contrast=float(deviation[0, 0]),
        brightness=float(mean[0, 0]) / 2.55,
        edge_density=_share_from(edges, _STRONG_EDGE),
        noise=noise,
        glare=_share_from(smooth, _BURNT_OUT),
    )


def _smooth(plane: ImageU8) -> ImageU8:
    return np.asarray(cv2.GaussianBlur(plane, (3, 3), 0), np.uint8)


def _sharpness(smooth: ImageU8, noise: float) -> float:
    """Laplacian variance as twice that of its weaker direction, less what noise gives.

    Motion blurs along its path only and leaves the other direction crisp: the sum of both would
    call such a picture sharp.
    """
    spread = []
    for dx, dy in ((2, 0), (0, 2)):
        second = cv2.Sobel(smooth, cv2.CV_16S, dx, dy, ksize=1)
        # The mean of a second derivative is next to nothing, so its power is its variance.
        spread.append(cv2.norm(second, cv2.NORM_L2SQR) / second.size)
    return max(0.0, 2 * (min(spread) - _SHARPNESS_NOISE_GAIN * noise**2))


def _noise_sigma(region: ImageU8) -> float:
    """Sigma of the noise in luma steps: a median, since edges are the smaller part of a page."""
    response = cv2.convertScaleAbs(cv2.filter2D(region, cv2.CV_16S, _IMMERKAER))
    counts = cv2.calcHist([response], [0], None, [256], [0, 256]).ravel()
    half = response.size / 2
    below = np.cumsum(counts)
    level = int(np.searchsorted(below, half))
    before = float(below[level - 1]) if level else 0.0
    median = level - 0.5 + (half - before) / max(1.0, float(counts[level]))
    return max(0.0, median) * _MEDIAN_TO_SIGMA / _IMMERKAER_GAIN


def _share_from(plane: ImageU8, level: int) -> float:
    """Percent of the values that are ``level`` or more."""
    return 100 * np.count_nonzero(plane >= level) / plane.size


def _score(measures: _Measures, settings: QualitySettings) -> float:
    """0 to 100."""
    weights = settings.weights
    marks = (
        weights.sharpness * _mark(measures.sharpness / settings.sharpness)
        + weights.contrast * _mark(measures.contrast / settings.contrast)
        + weights.brightness * _brightness_mark(measures.brightness, settings)
        + weights.edge_density * _mark(measures.edge_density / settings.edge_density)
        + weights.noise * min(1.0, settings.noise / max(measures.noise, 1e-6))
    )
    return 100 * marks


def _mark(share: float) -> float:
    """0 at `_NO_MARK_SHARE` of the threshold, 1 at the threshold, straight between."""
    return min(1.0, max(0.0, (share - _NO_MARK_SHARE) / (1 - _NO_MARK_SHARE)))


def _brightness_mark(brightness: float, settings: QualitySettings) -> float:
    """1 within the limits, falling to 0 at half the lower limit and halfway up to white."""
    low, high = settings.brightness_low, settings.brightness_high
    if brightness < low:
        return max(0.0, 2 * brightness / low - 1)
    if brightness > high:
        return max(0.0, 1 - 2 * (brightness - high) / max(100 - high, 1e-6))
    return 1.0
