"""Draws the OCR-B glyphs that the reader compares characters with.

    python -m models.training.mrz_glyphs [models/mrz/glyphs.npz]

The file holds ``glyphs``: cuts×37×112×80 uint8, 255 where there is print, in the order of the MRZ
alphabet. One cell is one pitch wide and 1.4 pitches high, four times the reader's resolution;
the middle of a capital is the middle of the cell. Drawn with Debian's fonts-ocr-b, in which
digits stand a little higher than capitals; the last cut levels them, as many printers do.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from core.errors import ModelNotFound
from pipeline.mrz.check_digits import ALPHABET, DIGITS

_FONTS = Path("/usr/share/fonts/opentype/ocr-b")
_CUTS = (("OCRB.otf", False), ("OCRBS.otf", False), ("OCRB.otf", True))
"""Font, and whether digits are as high as capitals."""
_CELL = (80, 112)
_ADVANCE_EM = 0.723
_CAPITAL_EM = 0.713
_DIGIT_EM = 0.773


def draw_glyphs() -> NDArray[np.uint8]:
    """Every glyph of every cut; ModelNotFound naming the Debian package without the fonts."""
    width, height = _CELL
    drawn = np.zeros((len(_CUTS), len(ALPHABET), height, width), np.uint8)
    for cut, (name, levelled) in enumerate(_CUTS):
        path = _FONTS / name
        if not path.is_file():
            raise ModelNotFound(
                f"The font {name} is missing: install the Debian package fonts-ocr-b."
            )
        font = ImageFont.truetype(str(path), width / _ADVANCE_EM)
        baseline = (height + _CAPITAL_EM / _ADVANCE_EM * width) / 2
        for index, character in enumerate(ALPHABET):
            cell = PilImage.new("L", _CELL, 0)
            ImageDraw.Draw(cell).text((0, baseline), character, font=font, fill=255, anchor="ls")
            if levelled and character in DIGITS:
                cell = _lowered(cell, baseline)
            drawn[cut, index] = np.asarray(cell)
    return drawn


def _lowered(cell: PilImage.Image, baseline: float) -> PilImage.Image:
    """A digit shrunk towards the baseline, to the height of a capital."""
    factor = _DIGIT_EM / _CAPITAL_EM
    coefficients = (1, 0, 0, 0, factor, baseline * (1 - factor))
    return cell.transform(
        cell.size, PilImage.Transform.AFFINE, coefficients, PilImage.Resampling.BICUBIC
    )


def main() -> None:
    """Write the glyph file."""
    parser = argparse.ArgumentParser(description="Draw the OCR-B glyphs of the MRZ reader.")
    parser.add_argument("out", type=Path, nargs="?", default=Path("models/mrz/glyphs.npz"))
    out: Path = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, glyphs=draw_glyphs())


if __name__ == "__main__":
    main()
