"""Driving licences of nowhere: barcode payloads of every version, and the back of a card."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import zxingcpp

from pipeline.types import ImageU8

ISSUER = "636999"
"""No jurisdiction's number."""
ELEMENTS = {
    "DAQ": "D12345678",
    "DCS": "WAYFARER",
    "DDE": "N",
    "DAC": "ILSE",
    "DDF": "N",
    "DAD": "MAREN,LUISE",
    "DDG": "T",
    "DCU": "NONE",
    "DCA": "D",
    "DBD": "06062019",
    "DBB": "08121974",
    "DBA": "12102030",
    "DBC": "2",
    "DAU": "068 in",
    "DAY": "BRO",
    "DAG": "12 HARBOUR LANE",
    "DAI": "PORT EXAMPLE",
    "DAJ": "UT",
    "DAK": "000010000",
    "DCF": "24242444747477862",
    "DCG": "UTO",
}
_CARD_MM = (85.6, 53.98)
_SYMBOL_MM = (74.0, 24.0)
_SYMBOL_AT_MM = (5.8, 14.0)


def payload(
    elements: dict[str, str] | None = None,
    *,
    version: int = 10,
    kind: str = "DL",
    issuer: str = ISSUER,
    entries: int = 1,
    offset: int | None = None,
    length: int | None = None,
    further: str = "",
) -> bytes:
    """A payload as the standard has it; ``offset`` and ``length`` state other figures than the
    right ones, ``further`` is another subfile, ``ZU``."""
    chosen = ELEMENTS if elements is None else elements
    body = kind + "\n".join(name + value for name, value in chosen.items()) + "\r"
    jurisdiction = "" if version < 2 else "00"
    header = f"@\n\x1e\rANSI {issuer}{version:02d}{jurisdiction}{entries + bool(further):02d}"
    start = len(header) + 10 * (2 if further else 1)
    stated = (start if offset is None else offset, len(body) if length is None else length)
    own = f"{kind}{stated[0]:04d}{stated[1]:04d}"
    other = f"ZU{start + len(body):04d}{len(further):04d}" if further else ""
    return (header + own + other + body + further).encode("iso-8859-1")


def symbol(data: bytes, scale: int = 4) -> ImageU8:
    """The payload as PDF417, error correction level 5, H×W uint8."""
    made = zxingcpp.create_barcode(data, zxingcpp.BarcodeFormat.PDF417, ec_level="5")
    return np.array(made.to_image(scale=scale), np.uint8)


@functools.cache
def licence_back(data: bytes, width_px: int = 1712) -> ImageU8:
    """The back of a card of ID-1 size: stripe, tinted ground, print, symbol; H×W×3 uint8 BGR."""
    unit = width_px / _CARD_MM[0]
    height_px = round(_CARD_MM[1] * unit)
    rows, columns = np.mgrid[0:height_px, 0:width_px]
    waves = 8 * np.sin(columns / (1.3 * unit) + 3 * np.sin(rows / (4 * unit)))
    card = np.stack([224 + waves, 230 - waves, 214 + waves / 2], axis=-1)
    card[: round(8 * unit)] = 40
    left, top = (round(value * unit) for value in _SYMBOL_AT_MM)
    size = (round(_SYMBOL_MM[0] * unit), round(_SYMBOL_MM[1] * unit))
    drawn = cv2.resize(symbol(data), size, interpolation=cv2.INTER_AREA)
    card[top : top + size[1], left : left + size[0]] = drawn[..., None]
    page = np.ascontiguousarray(card.clip(0, 255), np.uint8)
    for line, text in enumerate(("CLASS D  NO RESTRICTIONS", "UTOPIA ROADS OFFICE  SPECIMEN")):
        place = (round(6 * unit), round((43 + 5 * line) * unit))
        cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.1 * unit, (60, 40, 30), 2)
    return page
