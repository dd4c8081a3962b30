"""Finds the barcode of a driving licence on the pages of a capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import zxingcpp

from core.errors import BarcodeError, BarcodeFormatError, BarcodeNotFound
from pipeline.barcode.aamva import AamvaRead, parse_aamva
from pipeline.types import ImageU8

_SYMBOLOGIES = {
    zxingcpp.BarcodeFormat.PDF417: "PDF417",
    zxingcpp.BarcodeFormat.QRCode: "QR Code",
    zxingcpp.BarcodeFormat.Aztec: "Aztec Code",
}
"""Names by ISO/IEC 15438, 18004 and 24778."""
_FORMATS = zxingcpp.BarcodeFormats(list(_SYMBOLOGIES))
_CALM_SIGMA = 1.0
"""Gaussian, pixels: rows of a symbol seen through a sensor's noise hold together again."""


def read_licence(pages: Sequence[ImageU8]) -> AamvaRead:
    """The first licence on ``pages``: views of one document, best first, H×W×3 uint8 BGR or H×W.

    PDF417, which the standard asks for, and the same data in a QR or Aztec code, at any of the
    four turns; what other codes hold is not looked at. Takes some 50 to 100 ms a page without a
    symbol: for captures and uploads, not for every frame. Raises BarcodeNotFound where no page
    shows a symbol, BarcodeFormatError where its data are not a licence's.
    """
    told: BarcodeError = BarcodeNotFound("No barcode was found on the document.")
    for page in pages:
        luma = page if page.ndim == 2 else np.asarray(cv2.cvtColor(page, cv2.COLOR_BGR2GRAY))
        for symbology, payload in _payloads(np.ascontiguousarray(luma, np.uint8)):
            try:
                return replace(parse_aamva(payload), symbology=symbology)
            except BarcodeFormatError as error:
                told = error
    raise told


def _payloads(luma: ImageU8) -> list[tuple[str, bytes]]:
    """What the symbols of the picture hold, each with its symbology; a calmed picture is tried
    where there is none."""
    found = _symbols(luma)
    if not found:
        calm = cv2.GaussianBlur(luma, (0, 0), _CALM_SIGMA)
        found = _symbols(np.asarray(calm, np.uint8))
    return found


def _symbols(luma: ImageU8) -> list[tuple[str, bytes]]:
    symbols = zxingcpp.read_barcodes(luma, formats=_FORMATS, try_invert=False)
    found = [
        (_SYMBOLOGIES[symbol.format], bytes(symbol.bytes)) for symbol in symbols if symbol.valid
    ]
    # A card may show a web address beside its data.
    return sorted(found, key=lambda item: item[0] != "PDF417")
