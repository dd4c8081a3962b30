"""Does the page look like a screen's picture, or like a photocopy? Two measures; no verdict.

Screen: a display's red, green and blue stripes lie a third of a pixel apart. Whatever of that
raster a camera resolves, or folds into a moiré, has the colours out of phase with each other; print
has not, since ink takes from all colours in one place. So the spectra of red and blue are
compared: the share of their power that is a quarter turn apart, in the strongest bin.

Photocopy: the page's colours once its white is taken out. Identity documents are tinted; a copy
in black and white is not. Under a lamp of one colour everything has that colour alone, and
nothing can be said.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import ImageU8, PageWarning

SCREEN_FROM = 0.35
PHOTOCOPY_BELOW = 0.025
"""Chosen on composed scenes by ``python -m benchmarks.copies``, for one false alarm in a
hundred at most."""
_LAMP_COLOUR_LIMIT = 0.45
"""Above this saturation of the page's white the lamp, not the page, has the colour."""
_DARKEST_WHITE = 70.0
_BURNT_OUT = 245.0
_LEAST_WHOLE = 0.3
_BORDER = 0.06
_SMALL_WIDTH_PX = 320
_TILE_PX = 128
_LOWEST_BIN, _HIGHEST_BIN = 4, 52
"""Cycles a tile: below lies what is lit unevenly, above what video leaves of colours."""


@dataclass(frozen=True, slots=True)
class CopyMeasures:
    """raster: 0 to 1, the red and blue power a quarter turn apart in the strongest bin. chroma: 0
    to 1, saturation that a tenth of the page exceeds; None where the light allows no judgement."""

    raster: float
    chroma: float | None


def warnings_of(page: ImageU8) -> tuple[PageWarning, ...]:
    """What the page, flat, H×W×3 uint8 BGR, looks like beside an original.

    About 70 ms of one core for 1500×1056 pixels.
    """
    return judged(measure_copy(page))


def judged(measures: CopyMeasures) -> tuple[PageWarning, ...]:
    """The warnings that the measures give; none where the light allows no judgement."""
    if measures.chroma is None:
        return ()
    found = []
    if measures.raster >= SCREEN_FROM:
        found.append(PageWarning.SCREEN_SUSPECTED)
    if measures.chroma < PHOTOCOPY_BELOW:
        found.append(PageWarning.PHOTOCOPY_SUSPECTED)
    return tuple(found)


def measure_copy(page: ImageU8) -> CopyMeasures:
    """Both measures of a flat page, H×W×3 uint8 BGR; a grey picture has no raster."""
    height, width = page.shape[:2]
    rows, columns = round(_BORDER * height), round(_BORDER * width)
    inner = page[rows : height - rows or None, columns : width - columns or None]
    return CopyMeasures(_raster(inner), _chroma(inner))


def _chroma(inner: ImageU8) -> float | None:
    scale = min(1.0, _SMALL_WIDTH_PX / inner.shape[1])
    size = (max(1, round(inner.shape[1] * scale)), max(1, round(inner.shape[0] * scale)))
    small = cv2.resize(inner, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 1.5).astype(np.float32)
    # A channel that is burnt out says nothing of a pixel's colour.
    whole = small.max(axis=2) < _BURNT_OUT
    if whole.mean() < _LEAST_WHOLE:
        return None
    white = np.percentile(small[whole], 90, axis=0)
    if white.max() < _DARKEST_WHITE or 1 - white.min() / white.max() > _LAMP_COLOUR_LIMIT:
        return None
    balanced = small / white
    brightest = balanced.max(axis=2)
    lit = (brightest > 0.25) & whole
    if lit.mean() < 0.05:
        return None
    saturation = 1 - balanced.min(axis=2)[lit] / brightest[lit]
    return float(np.percentile(saturation, 90))


def _raster(inner: ImageU8) -> float:
    """Cross-spectrum of red and blue over tiles (Welch's method), its imaginary part's share."""
    tiles = _tiles(inner)
    if tiles is None:
        return 0.0
    spectra = np.fft.rfft2(tiles, axes=(1, 2))
    blue, red = spectra[..., 0], spectra[..., 1]
    quarter = np.abs((red * blue.conj()).imag.sum(axis=0))
    power = 0.5 * ((np.abs(red) ** 2).sum(axis=0) + (np.abs(blue) ** 2).sum(axis=0))
    rows = np.abs(np.fft.fftfreq(_TILE_PX) * _TILE_PX)[:, None]
    radius = np.hypot(rows, np.arange(_TILE_PX // 2 + 1)[None, :])
    band = (radius >= _LOWEST_BIN) & (radius <= _HIGHEST_BIN)
    # A bin counts by how far it stands out, too: noise is as often out of phase as in it.
    floor = np.median(power[band])
    share = quarter[band] / (power[band] + 4 * floor + 1e-6)
    return float(share.max())


def _tiles(inner: ImageU8) -> NDArray[np.float32] | None:
    """N×128×128×2 float32, blue and red, windowed, their mean taken out; None for a picture too
    small."""
    down, across = (size // _TILE_PX for size in inner.shape[:2])
    if down * across < 4:
        return None
    cut = inner[: down * _TILE_PX, : across * _TILE_PX, ::2].astype(np.float32)
    tiles = cut.reshape(down, _TILE_PX, across, _TILE_PX, 2).swapaxes(1, 2)
    tiles = tiles.reshape(-1, _TILE_PX, _TILE_PX, 2)
    tiles = tiles - tiles.mean(axis=(1, 2), keepdims=True)
    window = np.hanning(_TILE_PX).astype(np.float32)
    return np.asarray(tiles * (window[:, None] * window[None, :])[None, ..., None], np.float32)
