"""A TrueType font as a PDF font whose character codes are Unicode code points.

The font is a composite one (ISO 32000-1, 9.7): encoding Identity-H, character identifiers equal
to the code points of the Basic Multilingual Plane, and a CIDToGIDMap (9.7.4.3) that leads from
there to the glyphs. A string on the page is therefore plain UTF-16BE: a viewer that types into
the template's fields and this package write the same bytes, and text copied from the card is
never ambiguous, not even where two characters share one glyph.
"""

from __future__ import annotations

import io
import itertools
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping

from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)
from reportlab.pdfbase.ttfonts import TTFError, TTFontFile

from core.errors import SettingsError
from pipeline.card.cmap import of_code_points

LAST_CODE_POINT = 0xFFFF
"""Identity-H has two-byte codes: no character beyond the Basic Multilingual Plane."""


class CardFont:
    """One TrueType font; safe to use from several threads.

    ``data`` is the whole font file. ``cap_height`` is the height of a capital letter as a share
    of the font size. Raises SettingsError when ``data`` is no TrueType font that can be embedded.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            self._face = TTFontFile(io.BytesIO(data))
        except TTFError as error:
            raise SettingsError(f"the card's font cannot be used: {error}") from None
        self.name: str = self._face.name.decode("ascii")
        self.cap_height: float = self._face.capHeight / 1000
        self._glyphs: dict[int, int] = {
            code: glyph
            for code, glyph in self._face.charToGlyph.items()
            if glyph and code <= LAST_CODE_POINT
        }
        self._widths: dict[int, int] = {
            code: round(self._face.charWidths[code]) for code in self._glyphs
        }
        # The parser seeks in its buffer while it makes a subset.
        self._seeking = threading.Lock()

    @property
    def code_points(self) -> frozenset[int]:
        """Every code point that has a glyph."""
        return frozenset(self._glyphs)

    def covers(self, character: str) -> bool:
        """True when the font has a glyph of its own for ``character``."""
        return ord(character) in self._glyphs

    def width_pt(self, text: str, size_pt: float) -> float:
        """Length of ``text`` in points; every character of it must be covered."""
        return sum(self._widths[ord(character)] for character in text) * size_pt / 1000

    def embed_whole(self, writer: PdfWriter) -> IndirectObject:
        """Add the font with all its glyphs, for a form that is still to be typed into."""
        return self._embed(writer, self.data, self.name, self._glyphs)

    def embed_subset(self, writer: PdfWriter, characters: Iterable[str]) -> IndirectObject:
        """Add the font with the glyphs of ``characters`` only; each must be covered."""
        codes = sorted({ord(character) for character in characters})
        with self._seeking:
            program: bytes = self._face.makeSubset(codes)
        renumbered: dict[int, int] = {}
        for code in codes:
            renumbered.setdefault(self._glyphs[code], len(renumbered) + 1)
        glyphs = {code: renumbered[self._glyphs[code]] for code in codes}
        return self._embed(writer, program, f"{_subset_tag(codes)}+{self.name}", glyphs)

    def _embed(
        self, writer: PdfWriter, program: bytes, name: str, glyphs: Mapping[int, int]
    ) -> IndirectObject:
        codes = sorted(glyphs)
        descendant = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/CIDFontType2"),
                NameObject("/BaseFont"): NameObject(f"/{name}"),
                NameObject("/CIDSystemInfo"): _system_info(),
                NameObject("/FontDescriptor"): self._descriptor(writer, program, name),
                NameObject("/DW"): NumberObject(round(self._face.defaultWidth)),
                NameObject("/W"): self._width_array(codes),
                NameObject("/CIDToGIDMap"): _add_stream(writer, _glyph_map(glyphs)),
            }
        )
        return writer._add_object(
            DictionaryObject(
                {
                    NameObject("/Type"): NameObject("/Font"),
                    NameObject("/Subtype"): NameObject("/Type0"),
                    NameObject("/BaseFont"): NameObject(f"/{name}"),
                    NameObject("/Encoding"): NameObject("/Identity-H"),
                    NameObject("/DescendantFonts"): ArrayObject([writer._add_object(descendant)]),
                    NameObject("/ToUnicode"): _add_stream(writer, of_code_points(_runs(codes))),
                }
            )
        )

    def _descriptor(self, writer: PdfWriter, program: bytes, name: str) -> IndirectObject:
        face = self._face
        length = {"/Length1": len(program)}
        return writer._add_object(
            DictionaryObject(
                {
                    NameObject("/Type"): NameObject("/FontDescriptor"),
                    NameObject("/FontName"): NameObject(f"/{name}"),
                    NameObject("/Flags"): NumberObject(face.flags),
                    NameObject("/FontBBox"): ArrayObject(
                        [NumberObject(round(edge)) for edge in face.bbox]
                    ),
                    NameObject("/ItalicAngle"): NumberObject(round(face.italicAngle)),
                    NameObject("/Ascent"): NumberObject(round(face.ascent)),
                    NameObject("/Descent"): NumberObject(round(face.descent)),
                    NameObject("/CapHeight"): NumberObject(round(face.capHeight)),
                    NameObject("/StemV"): NumberObject(round(face.stemV)),
                    NameObject("/FontFile2"): _add_stream(writer, program, length),
                }
            )
        )

    def _width_array(self, codes: list[int]) -> ArrayObject:
        widths = ArrayObject()
        for first, last in _runs(codes):
            widths.append(NumberObject(first))
            widths.append(
                ArrayObject(NumberObject(self._widths[code]) for code in range(first, last + 1))
            )
        return widths


def encode(text: str) -> bytes:
    """``text`` as the operand of a Tj operator in this font: a hexadecimal string."""
    return b"<" + text.encode("utf-16-be").hex().encode("ascii") + b">"


def _system_info() -> DictionaryObject:
    return DictionaryObject(
        {
            NameObject("/Registry"): TextStringObject("Adobe"),
            NameObject("/Ordering"): TextStringObject("Identity"),
            NameObject("/Supplement"): NumberObject(0),
        }
    )


def _add_stream(
    writer: PdfWriter, data: bytes, entries: Mapping[str, int] | None = None
) -> IndirectObject:
    plain = DecodedStreamObject()
    plain.set_data(data)
    stream: StreamObject = plain.flate_encode(9)
    for key, value in (entries or {}).items():
        stream[NameObject(key)] = NumberObject(value)
    return writer._add_object(stream)


def _glyph_map(glyphs: Mapping[int, int]) -> bytes:
    """Two bytes, big-endian, for each code point from 0 to the last one used."""
    table = bytearray(2 * (max(glyphs, default=0) + 1))
    for code, glyph in glyphs.items():
        table[2 * code : 2 * code + 2] = glyph.to_bytes(2, "big")
    return bytes(table)


def _runs(codes: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbours; no run crosses a change of the high byte.

    A range in a ToUnicode CMap may differ in its last byte only (ISO 32000-1, 9.10.3).
    """
    numbered = enumerate(codes)
    for _, run in itertools.groupby(numbered, key=lambda pair: (pair[1] - pair[0], pair[1] >> 8)):
        members = [code for _, code in run]
        yield members[0], members[-1]


def _subset_tag(codes: list[int]) -> str:
    """Six capitals that tell subsets apart (ISO 32000-1, 9.6.4)."""
    number = zlib.crc32(b"".join(code.to_bytes(2, "big") for code in codes))
    letters = []
    for _ in range(6):
        number, letter = divmod(number, 26)
        letters.append(chr(ord("A") + letter))
    return "".join(letters)
