"""A drawn signature at its place on the card.

A PNG becomes a stencil: ink or no ink, in the colour of ink, so that the line to sign on stays
visible and no page needs transparency. Strokes become lines.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image, UnidentifiedImageError
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    DictionaryObject,
    NameObject,
    NumberObject,
)

from core.errors import DocumentFillingError
from pipeline.card.order import Signature, Stroke
from pipeline.card.output import add_stream
from pipeline.card.widgets import Widget

MAX_PNG_BYTES = 300_000
MAX_PIXELS = 2_000_000
MAX_POINTS = 20_000
_INK = "0.05 0.10 0.30"
_PEN_PT = 1.3
_MARGIN_PT = 3.0
_DARK = 128
_ENLARGED_TO_PX = 1200
_NAME = "/CardSignature"


def draw(writer: PdfWriter, signature: Signature, place: Widget) -> tuple[bytes, DictionaryObject]:
    """Operators in the page's user space, and the resources they name.

    Raises DocumentFillingError (field ``signature``) for a picture that cannot be used, points
    outside 0 to 1, or no ink at all.
    """
    if signature.png is not None:
        return _stencil(writer, signature.png, place)
    return _lines(signature.strokes, signature.aspect, place), DictionaryObject()


def mark(place: Widget) -> bytes:
    """A small cross at the left end of the line: sign here."""
    left, bottom, side = place.left_pt + 4, place.bottom_pt + 6, 8.0
    return (
        f"q 0.18 0.40 0.44 RG 1.2 w {left:.2f} {bottom:.2f} m "
        f"{left + side:.2f} {bottom + side:.2f} l {left:.2f} {bottom + side:.2f} m "
        f"{left + side:.2f} {bottom:.2f} l S Q"
    ).encode("ascii")


def _fitted(place: Widget, aspect: float) -> tuple[float, float, float, float]:
    """Left, bottom, width, height of the largest box of that shape within the place, centred."""
    width, height = place.width_pt - 2 * _MARGIN_PT, place.height_pt - 2 * _MARGIN_PT
    scale = min(width, height * aspect)
    box = scale, scale / aspect
    return (
        place.left_pt + _MARGIN_PT + (width - box[0]) / 2,
        place.bottom_pt + _MARGIN_PT + (height - box[1]) / 2,
        *box,
    )


def _lines(strokes: Iterable[Stroke], aspect: float, place: Widget) -> bytes:
    drawn = [stroke for stroke in strokes if stroke]
    points = [point for stroke in drawn for point in stroke]
    if not points:
        raise _refused("the signature has no ink")
    if len(points) > MAX_POINTS:
        raise _refused(f"the signature has more than {MAX_POINTS} points")
    if not 0.1 <= aspect <= 20 or not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in points):
        raise _refused("the signature's points must be ratios from 0 to 1 of its pad")
    left, bottom, width, height = _fitted(place, aspect)
    out = [f"q {_INK} RG {_PEN_PT} w 1 J 1 j"]
    for stroke in drawn:
        path = stroke if len(stroke) > 1 else (stroke[0], stroke[0])
        for index, (x, y) in enumerate(path):
            at = f"{left + x * width:.2f} {bottom + (1 - y) * height:.2f}"
            out.append(f"{at} {'l' if index else 'm'}")
        out.append("S")
    return "\n".join([*out, "Q"]).encode("ascii")


def _stencil(writer: PdfWriter, png: bytes, place: Widget) -> tuple[bytes, DictionaryObject]:
    ink = _ink(png)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        raise _refused("the signature has no ink")
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height_px, width_px = ink.shape
    left, bottom, width, height = _fitted(place, width_px / height_px)
    image = add_stream(
        writer,
        np.packbits(~ink, axis=1).tobytes(),
        DictionaryObject(
            {
                NameObject("/Type"): NameObject("/XObject"),
                NameObject("/Subtype"): NameObject("/Image"),
                NameObject("/Width"): NumberObject(width_px),
                NameObject("/Height"): NumberObject(height_px),
                NameObject("/ImageMask"): BooleanObject(True),
                NameObject("/BitsPerComponent"): NumberObject(1),
                NameObject("/Decode"): ArrayObject([NumberObject(0), NumberObject(1)]),
            }
        ),
    )
    operators = f"q {_INK} rg {width:.2f} 0 0 {height:.2f} {left:.2f} {bottom:.2f} cm {_NAME} Do Q"
    named = DictionaryObject({NameObject(_NAME): image})
    return operators.encode("ascii"), DictionaryObject({NameObject("/XObject"): named})


def _ink(png: bytes) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """H x W, True where there is ink: dark, and not transparent."""
    if len(png) > MAX_PNG_BYTES:
        raise _refused(f"the signature's picture has more than {MAX_PNG_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            # The header tells the size before anything is unpacked.
            if picture.width * picture.height > MAX_PIXELS:
                raise _refused(f"the signature's picture has more than {MAX_PIXELS} pixels")
            seen = picture.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise _refused("the signature's picture is no readable PNG file") from None
    paper = Image.new("RGBA", seen.size, "white")
    paper.alpha_composite(seen)
    grey = paper.convert("L")
    factor = _ENLARGED_TO_PX / max(grey.size)
    if factor > 1:  # soft edges survive as a finer outline
        size = (max(1, round(grey.width * factor)), max(1, round(grey.height * factor)))
        grey = grey.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(grey) < _DARK


def _refused(message: str) -> DocumentFillingError:
    return DocumentFillingError(message, field="signature")
