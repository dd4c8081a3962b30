"""Draws specimens of every Doc 9303 format for the fictitious state of Utopia (UTO).

Sizes: TD3 125×88 mm (Part 4), TD1 85.6×54 mm (Part 5), TD2 105×74 mm (Part 6), MRV-A 120×80 mm
and MRV-B 105×74 mm (Part 7). The zone is printed in OCR-B, 10 characters per 25.4 mm, lines
6.35 mm apart (Part 3, section 4.2), inside the lowest 23.2 mm. Of a TD1 card it is the back.

    python -m models.training.specimen OUT [--format TD3] [--width 1000]
"""

from __future__ import annotations

import argparse
import functools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from core.errors import ModelNotFound
from models.training import specimen_art
from models.training.mrz_lines import DEFAULT_FIELDS, SpecimenFields, compose_lines
from pipeline.types import ImageU8, MrtdFormat, QuadPx

_OCR_B = Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf")
_DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
_PITCH_MM = 25.4 / 10
_LINE_STEP_MM = 6.35
_OCR_B_ADVANCE_EM = 0.723
_CAPITAL_MM = 2.5
_MRZ_HEIGHT_MM = 23.2

CARD_PORTRAIT_MM = (5.0, 16.0, 26.0, 33.4)
"""Left and upper edge, width and height of the portrait on a card's front."""
_INK = (24, 28, 36)
_LABEL = (72, 92, 118)
_ACCENT = (22, 74, 104)
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


@dataclass(frozen=True, slots=True)
class PageSize:
    """Size in mm; ``first_baseline_mm``: upper MRZ line's baseline above the lower edge."""

    width_mm: float
    height_mm: float
    mrz_left_mm: float
    first_baseline_mm: float


PAGE_SIZES = {
    MrtdFormat.TD3: PageSize(125.0, 88.0, 6.6, 14.5),
    MrtdFormat.TD1: PageSize(85.6, 54.0, 4.7, 17.6),
    MrtdFormat.TD2: PageSize(105.0, 74.0, 6.8, 14.5),
    MrtdFormat.MRVA: PageSize(120.0, 80.0, 4.1, 14.5),
    MrtdFormat.MRVB: PageSize(105.0, 74.0, 6.8, 14.5),
}

_TITLES = {
    MrtdFormat.TD3: "PASSPORT / PASSEPORT",
    MrtdFormat.TD1: "IDENTITY CARD / CARTE D'IDENTITÉ",
    MrtdFormat.TD2: "IDENTITY CARD / CARTE D'IDENTITÉ",
    MrtdFormat.MRVA: "VISA",
    MrtdFormat.MRVB: "VISA",
}

_TINTS = {
    MrtdFormat.TD3: ((214, 232, 236), (240, 226, 214), (86, 138, 160)),
    MrtdFormat.TD1: ((222, 236, 222), (236, 232, 208), (108, 150, 112)),
    MrtdFormat.TD2: ((230, 224, 240), (216, 232, 240), (120, 116, 168)),
    MrtdFormat.MRVA: ((238, 228, 212), (218, 234, 226), (158, 130, 92)),
    MrtdFormat.MRVB: ((238, 228, 212), (218, 234, 226), (158, 130, 92)),
}


@dataclass(frozen=True, slots=True)
class Specimen:
    """One drawn page.

    bgr: H×W×3 uint8. lines: the zone, exact. mrz_quad_px: 4×2 float32, pixels of ``bgr``,
    clockwise from the top-left of the zone's band. px_per_mm: scale of the drawing.
    """

    format: MrtdFormat
    fields: SpecimenFields
    bgr: ImageU8
    lines: tuple[str, ...]
    mrz_quad_px: QuadPx
    px_per_mm: float


@functools.lru_cache(maxsize=128)
def _font(path: Path, size_px: float) -> ImageFont.FreeTypeFont:
    if not path.is_file():
        package = "fonts-ocr-b" if path == _OCR_B else "fonts-dejavu-core"
        raise ModelNotFound(
            f"The font {path.name} is missing: install the Debian package {package}."
        )
    return ImageFont.truetype(str(path), size_px)


def draw_specimen(
    mrtd_format: MrtdFormat = MrtdFormat.TD3,
    fields: SpecimenFields | None = None,
    width_px: int = 1500,
) -> Specimen:
    """Draw one page ``width_px`` wide, its height by the format's proportions.

    ``fields`` default to Doc 9303's example for the format. The same arguments give the same
    pixels. Raises ModelNotFound naming the Debian package when a font is missing, ValueError
    when a field is too long for the zone.
    """
    fields = fields or DEFAULT_FIELDS[mrtd_format]
    lines = compose_lines(mrtd_format, fields)
    page = _Page(mrtd_format, width_px)
    if mrtd_format is MrtdFormat.TD1:
        _draw_card_back(page, fields)
    else:
        _draw_data_page(page, fields)
    page.print_mrz(lines)
    bgr = np.ascontiguousarray(np.asarray(page.image)[:, :, ::-1])
    return Specimen(mrtd_format, fields, bgr, lines, page.mrz_quad(lines), page.px_per_mm)


class _Page:
    """A canvas whose coordinates are millimetres from the page's top-left."""

    def __init__(self, mrtd_format: MrtdFormat, width_px: int) -> None:
        self.format = mrtd_format
        self.size = PAGE_SIZES[mrtd_format]
        self.px_per_mm = width_px / self.size.width_mm
        height_px = round(self.size.height_mm * self.px_per_mm)
        background = specimen_art.guilloche(width_px, height_px, _TINTS[mrtd_format])
        self.image = PilImage.fromarray(background)
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def px(self, *mm: float) -> tuple[float, ...]:
        return tuple(value * self.px_per_mm for value in mm)

    def text(
        self,
        x_mm: float,
        baseline_mm: float,
        text: str,
        size_mm: float,
        colour: specimen_art.Rgb = _INK,
        face: str = "DejaVuSans",
        anchor: str = "ls",
    ) -> None:
        font = _font(_DEJAVU / f"{face}.ttf", size_mm * self.px_per_mm)
        x, y = self.px(x_mm, baseline_mm)
        self.draw.text((x, y), text, font=font, fill=colour, anchor=anchor)

    def field(self, x_mm: float, top_mm: float, label: str, value: str) -> None:
        """A small label with its value below it."""
        self.text(x_mm, top_mm, label, 1.75, _LABEL, "DejaVuSansCondensed")
        self.text(x_mm, top_mm + 3.7, value or "-", 3.1, _INK, "DejaVuSansCondensed-Bold")

    def picture(self, x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> None:
        """The portrait with a thin frame."""
        x, y, w, h = (round(value) for value in self.px(x_mm, y_mm, width_mm, height_mm))
        self.image.paste(specimen_art.portrait(w, h), (x, y))
        self.draw.rectangle((x, y, x + w, y + h), outline=(*_ACCENT, 150), width=max(1, w // 220))

    def ghost(self, x_mm: float, y_mm: float, width_mm: float) -> None:
        """The faint second portrait."""
        x, y, w = (round(value) for value in self.px(x_mm, y_mm, width_mm))
        ink, mask = specimen_art.ghost(specimen_art.portrait(2 * w, round(2.57 * w)), w, _ACCENT)
        self.image.paste(ink, (x, y), mask)

    def watermark(self, centre_mm: tuple[float, float], size_mm: float, turn_deg: float) -> None:
        """SPECIMEN across the page, see-through."""
        font = _font(_DEJAVU / "DejaVuSans-Bold.ttf", size_mm * self.px_per_mm)
        left, top, right, bottom = font.getbbox("SPECIMEN", anchor="lt")
        stamp = PilImage.new("L", (round(right - left) + 8, round(bottom - top) + 8), 0)
        ImageDraw.Draw(stamp).text((4, 4), "SPECIMEN", font=font, fill=74, anchor="lt")
        stamp = stamp.rotate(turn_deg, PilImage.Resampling.BICUBIC, expand=True)
        x, y = self.px(*centre_mm)
        place = (round(x - stamp.width / 2), round(y - stamp.height / 2))
        self.image.paste(PilImage.new("RGB", stamp.size, (176, 30, 44)), place, stamp)

    def print_mrz(self, lines: tuple[str, ...]) -> None:
        """The zone: a lighter band and each character at its own place on the pitch."""
        width_px, height_px = self.image.size
        top = height_px - self.px(_MRZ_HEIGHT_MM)[0]
        self.draw.rectangle((0, top, width_px, height_px), fill=(250, 250, 247, 150))
        font = _font(_OCR_B, _PITCH_MM * self.px_per_mm / _OCR_B_ADVANCE_EM)
        for row, line in enumerate(lines):
            baseline = self._baseline_mm(row)
            for column, character in enumerate(line):
                x, y = self.px(self.size.mrz_left_mm + column * _PITCH_MM, baseline)
                self.draw.text((x, y), character, font=font, fill=(18, 18, 22), anchor="ls")

    def mrz_quad(self, lines: tuple[str, ...]) -> QuadPx:
        """The box around the printed characters, 0.6 mm wider on each side."""
        left, right = self.size.mrz_left_mm, self.size.mrz_left_mm + len(lines[0]) * _PITCH_MM
        top, bottom = self._baseline_mm(0) - _CAPITAL_MM, self._baseline_mm(len(lines) - 1)
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        margin_mm = 0.6
        quad = [
            self.px(x + sx * margin_mm, y + sy * margin_mm)
            for (x, y), (sx, sy) in zip(corners, signs, strict=True)
        ]
        return np.asarray(quad, np.float32)

    def _baseline_mm(self, row: int) -> float:
        return self.size.height_mm - self.size.first_baseline_mm + row * _LINE_STEP_MM


def _printed_date(yymmdd: str) -> str:
    """YYMMDD as a visual zone prints it, "12 AUG 74" (Part 3, section 3.8)."""
    year, month, day = yymmdd[:2], yymmdd[2:4], yymmdd[4:]
    name = _MONTHS[int(month) - 1] if month.isdigit() and 1 <= int(month) <= 12 else ""
    known = [part for part in (day, name, year) if part.strip("<")]
    return " ".join(known) or "UNKNOWN"


def _draw_heading(page: _Page) -> None:
    """Emblem, state and kind of document over a thin rule."""
    right = page.size.width_mm - 6
    specimen_art.emblem(page.draw, (page.px(11)[0], page.px(8.2)[0]), page.px(4.6)[0], _ACCENT)
    page.text(18.2, 9.0, "UTOPIA", 5.6, _ACCENT, "DejaVuSerif-Bold")
    page.text(18.4, 12.4, "STATE OF UTOPIA / ÉTAT D'UTOPIE", 1.7, _LABEL, "DejaVuSansCondensed")
    page.text(right, 9.0, _TITLES[page.format], 3.0, _ACCENT, "DejaVuSansCondensed-Bold", "rs")
    y = page.px(14.2)[0]
    page.draw.line((page.px(6)[0], y, page.px(right)[0], y), (*_ACCENT, 200), 2)


def _draw_data_page(page: _Page, fields: SpecimenFields) -> None:
    """TD3, TD2 and the visas: portrait left, fields right, signature below."""
    width, height = page.size.width_mm, page.size.height_mm
    _draw_heading(page)
    free_mm = height - _MRZ_HEIGHT_MM - 17.0
    portrait_mm = min(44.0, free_mm - 1.5)
    page.picture(6, 16.8, portrait_mm * 35 / 45, portrait_mm)
    page.ghost(width - 25, 33.5 if height > 80 else 26.0, 19 if height > 80 else 14)
    page.watermark((width * 0.62, 17 + free_mm * 0.55), 10.5 if height > 80 else 8.0, 14)
    left = 6 + portrait_mm * 35 / 45 + 4.5
    columns = (left, left + (width - left) * 0.36, left + (width - left) * 0.70)
    step = free_mm / 5.7
    rows = [18.8 + step * row for row in range(6)]
    page.field(columns[0], rows[0], "Type / Type", fields.document_code.strip("<"))
    page.field(columns[1], rows[0], "Code / Code", fields.issuing_state.strip("<"))
    page.field(columns[2], rows[0], "Document No. / N°", fields.document_number)
    page.field(columns[0], rows[1], "Surname / Nom", fields.primary_identifier)
    page.field(columns[0], rows[2], "Given names / Prénoms", fields.secondary_identifier)
    page.field(columns[0], rows[3], "Nationality / Nationalité", _nationality(fields))
    born = _printed_date(fields.date_of_birth)
    page.field(columns[1], rows[3], "Date of birth / Date de naissance", born)
    page.field(columns[0], rows[4], "Sex / Sexe", fields.sex.replace("<", "X"))
    expiry = _printed_date(fields.date_of_expiry)
    page.field(columns[1], rows[4], "Date of expiry / Date d'expiration", expiry)
    box = page.px(columns[2], height - _MRZ_HEIGHT_MM - 7.5, width - 6, height - _MRZ_HEIGHT_MM - 1)
    specimen_art.signature(page.draw, (box[0], box[1], box[2], box[3]), (34, 48, 110))


def _nationality(fields: SpecimenFields) -> str:
    return "UTOPIAN" if fields.nationality == "UTO" else fields.nationality


def _draw_card_back(page: _Page, fields: SpecimenFields) -> None:
    """TD1: the back of the card, which carries the zone."""
    width = page.size.width_mm
    specimen_art.emblem(
        page.draw, (page.px(width - 9.5)[0], page.px(8.5)[0]), page.px(4)[0], _ACCENT
    )
    page.text(6, 7.6, "UTOPIA", 4.2, _ACCENT, "DejaVuSerif-Bold")
    page.text(6, 10.6, _TITLES[page.format], 1.9, _LABEL, "DejaVuSansCondensed")
    page.field(6, 15.2, "Authority / Autorité", "MINISTRY OF THE INTERIOR")
    page.field(6, 22.4, "Place of birth / Lieu de naissance", "ZENITH")
    page.field(34, 22.4, "Document No. / N°", fields.document_number)
    page.ghost(width - 19, 14.5, 12)
    page.watermark((width * 0.55, 19.0), 6.6, 10)


def draw_card_front(fields: SpecimenFields | None = None, width_px: int = 1500) -> ImageU8:
    """The front of a TD1 card, the side without a zone: H×W×3 uint8 BGR, ``width_px`` wide.

    ``fields`` default to Doc 9303's example. Raises ModelNotFound as `draw_specimen` does.
    """
    fields = fields or DEFAULT_FIELDS[MrtdFormat.TD1]
    page = _Page(MrtdFormat.TD1, width_px)
    specimen_art.emblem(page.draw, (page.px(9)[0], page.px(8.2)[0]), page.px(4)[0], _ACCENT)
    page.text(15, 8.4, "UTOPIA", 4.2, _ACCENT, "DejaVuSerif-Bold")
    page.text(15, 11.4, _TITLES[page.format], 1.9, _LABEL, "DejaVuSansCondensed")
    page.picture(*CARD_PORTRAIT_MM)
    page.ghost(page.size.width_mm - 17, 33.0, 11)
    page.watermark((page.size.width_mm * 0.62, 30.0), 7.0, 12)
    left, step = CARD_PORTRAIT_MM[0] + CARD_PORTRAIT_MM[2] + 4.0, 7.2
    rows = [18.4 + step * row for row in range(5)]
    page.field(left, rows[0], "Surname / Nom", fields.primary_identifier)
    page.field(left, rows[1], "Given names / Prénoms", fields.secondary_identifier)
    page.field(left, rows[2], "Nationality / Nationalité", _nationality(fields))
    page.field(left + 25, rows[2], "Sex / Sexe", fields.sex.replace("<", "X"))
    born, expiry = (_printed_date(date) for date in (fields.date_of_birth, fields.date_of_expiry))
    page.field(left, rows[3], "Date of birth / Date de naissance", born)
    page.field(left, rows[4], "Date of expiry / Date d'expiration", expiry)
    page.text(left + 28, rows[4] + 3.7, fields.document_number, 3.1, _INK)
    return np.ascontiguousarray(np.asarray(page.image)[:, :, ::-1])


def main() -> None:
    """Write one specimen as a PNG."""
    parser = argparse.ArgumentParser(description="Draw a specimen document of Utopia.")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--format", default="TD3", choices=[f.value for f in MrtdFormat])
    parser.add_argument("--width", type=int, default=1000, help="width in pixels")
    arguments = parser.parse_args()
    drawn = draw_specimen(MrtdFormat(arguments.format), width_px=2 * arguments.width)
    size = (arguments.width, round(drawn.bgr.shape[0] / 2))
    small = cv2.resize(drawn.bgr, size, interpolation=cv2.INTER_AREA)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    picture = PilImage.fromarray(np.ascontiguousarray(small[:, :, ::-1]))
    picture = picture.quantize(256, kmeans=1, dither=PilImage.Dither.FLOYDSTEINBERG)
    picture.save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
