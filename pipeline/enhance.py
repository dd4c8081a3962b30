"""Optional filters on a flat page before its zone is read.

All are off unless the settings or a request name them: ``benchmarks/enhance.py`` measures what
each does to the reader. They run in the order in which noise does
least harm: what is denoised is not yet sharpened, and what is enlarged is not yet noisy.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from core.settings import EnhanceSettings
from pipeline.types import ImageU8

LumaFilter = Callable[[ImageU8], ImageU8]
_CLAHE_TILES = (8, 8)
_UNSHARP_SIGMA_PX = 1.5
_TEMPLATE_PX, _SEARCH_PX = 7, 15
"""Non-local means: the patch that is compared, and how far around it is searched."""
_MAX_PIXELS = 16_000_000
"""No page grows beyond this, however tall it is."""


def enhance(page: ImageU8, settings: EnhanceSettings) -> ImageU8:
    """The page with the filters that are on; H×W×3 uint8 BGR in and out.

    The page itself, not a copy, when none is. Upscaling changes the size, and nothing else does.
    Blocks: 20 ms for most, a second and more a page for non-local means.
    """
    if settings.enable_denoise:
        page = _on_luma(page, lambda luma: _denoised(luma, settings.denoise_strength))
    if settings.enable_upscaling:
        page = _upscaled(page, settings.target_width)
    if settings.enable_contrast:
        clahe = cv2.createCLAHE(settings.clahe_clip_limit, _CLAHE_TILES)
        page = _on_luma(page, lambda luma: np.asarray(clahe.apply(luma), np.uint8))
    if settings.enable_sharpening:
        page = _sharpened(page, settings.sharpen_amount)
    return page


def _on_luma(page: ImageU8, change: LumaFilter) -> ImageU8:
    """Change brightness and leave the colours: print is told apart by brightness."""
    lab = cv2.cvtColor(page, cv2.COLOR_BGR2LAB)
    lab[:, :, 0] = change(np.ascontiguousarray(lab[:, :, 0], np.uint8))
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), np.uint8)


def _denoised(luma: ImageU8, strength: float) -> ImageU8:
    smooth = cv2.fastNlMeansDenoising(luma, None, strength, _TEMPLATE_PX, _SEARCH_PX)
    return np.asarray(smooth, np.uint8)


def _upscaled(page: ImageU8, width_px: int) -> ImageU8:
    height, width = page.shape[:2]
    size = (width_px, max(1, round(height * width_px / width)))
    if width >= width_px or size[0] * size[1] > _MAX_PIXELS:
        return page
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)


def _sharpened(page: ImageU8, amount: float) -> ImageU8:
    soft = cv2.GaussianBlur(page, (0, 0), _UNSHARP_SIGMA_PX)
    return np.asarray(cv2.addWeighted(page, 1 + amount, soft, -amount, 0), np.uint8)
