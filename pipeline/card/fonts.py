"""Fonts for what the card's own font lacks: found at run time, embedded as subsets.

Debian's ``fonts-noto-core`` and ``fonts-noto-cjk`` (SIL Open Font License) bring one font for each
script. A file is opened when its script is first met, and then kept.
"""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uharfbuzz as hb
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    IndirectObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from core.errors import SettingsError
from pipeline.card.cmap import of_texts

FONT_FOLDERS = (
    Path("/usr/share/fonts/truetype/noto"),
    Path("/usr/share/fonts/opentype/noto"),
)
"""Where Debian's packages put them."""

_FILES = {
    "Arab": "NotoSansArabic",
    "Armn": "NotoSansArmenian",
    "Beng": "NotoSansBengali",
    "Cyrl": "NotoSans",
    "Deva": "NotoSansDevanagari",
    "Ethi": "NotoSansEthiopic",
    "Geor": "NotoSansGeorgian",
    "Grek": "NotoSans",
    "Gujr": "NotoSansGujarati",
    "Guru": "NotoSansGurmukhi",
    "Hebr": "NotoSansHebrew",
    "Khmr": "NotoSansKhmer",
    "Knda": "NotoSansKannada",
    "Laoo": "NotoSansLao",
    "Latn": "NotoSans",
    "Mlym": "NotoSansMalayalam",
    "Mymr": "NotoSansMyanmar",
    "Orya": "NotoSansOriya",
    "Sinh": "NotoSansSinhala",
    "Syrc": "NotoSansSyriac",
    "Taml": "NotoSansTamil",
    "Telu": "NotoSansTelugu",
    "Thaa": "NotoSansThaana",
    "Thai": "NotoSansThai",
    "Tibt": "NotoSerifTibetan",
}
"""ISO 15924 code -> file, without ``-Regular.ttf``."""

_HAN_SCRIPTS = frozenset({"Hani", "Hira", "Kana", "Hang", "Bopo"})
_HAN_FILE = "NotoSansCJK-Regular.ttc"
_HAN_FACES = {"JPN": 0, "KOR": 1, "PRK": 1, "CHN": 2, "SGP": 2, "TWN": 3, "HKG": 4, "MAC": 4}
"""State (ISO 3166-1 alpha-3) -> face of the collection: the same code points, other habits."""
_DEFAULT_HAN_FACE = 2


@dataclass(frozen=True, slots=True)
class Subset:
    """A font as it is embedded: ``glyphs`` leads from the file's glyph numbers to the codes."""

    reference: IndirectObject
    glyphs: Mapping[int, int]


class ShelfFont:
    """One font file, loaded; safe to use from several threads.

    Raises SettingsError when the file cannot be read or may not be embedded.
    """

    def __init__(self, path: Path, index: int = 0) -> None:
        try:
            blob = hb.Blob.from_file_path(str(path))
            self.face = hb.Face(blob, index)
        except (OSError, hb.HarfBuzzError):
            raise SettingsError(f"the font {path.name} cannot be read") from None
        if not self.face.glyph_count:
            raise SettingsError(f"the font {path.name} has no glyphs")
        self.font = hb.Font(self.face)
        self.upem: int = self.face.upem
        self.name = _postscript_name(self.face, path.stem)
        self._unicodes = frozenset(self.face.unicodes)
        self.lock = threading.Lock()

    def covers(self, character: str) -> bool:
        return ord(character) in self._unicodes

    def embed(self, writer: PdfWriter, texts: Mapping[int, str]) -> Subset:
        """Add the glyphs that ``texts`` names, each with the text it stands for.

        A composite font, Identity-H: the codes are the subset's own glyph numbers.
        """
        program, glyphs = self._subset(sorted(texts))
        is_cff = program[:4] == b"OTTO"
        name = f"{_tag(sorted(texts))}+{self.name}"
        codes = {glyphs[glyph]: text for glyph, text in texts.items()}
        widths = {
            code: round(self.font.get_glyph_h_advance(glyph) * 1000 / self.upem)
            for glyph, code in glyphs.items()
        }
        descendant = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/CIDFontType0" if is_cff else "/CIDFontType2"),
                NameObject("/BaseFont"): NameObject(f"/{name}"),
                NameObject("/CIDSystemInfo"): DictionaryObject(
                    {
                        NameObject("/Registry"): TextStringObject("Adobe"),
                        NameObject("/Ordering"): TextStringObject("Identity"),
                        NameObject("/Supplement"): NumberObject(0),
                    }
                ),
                NameObject("/FontDescriptor"): self._descriptor(writer, program, name, is_cff),
                NameObject("/DW"): NumberObject(1000),
                NameObject("/W"): ArrayObject(
                    part
                    for code in sorted(widths)
                    for part in (NumberObject(code), ArrayObject([NumberObject(widths[code])]))
                ),
            }
        )
        if not is_cff:
            descendant[NameObject("/CIDToGIDMap")] = NameObject("/Identity")
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type0"),
                NameObject("/BaseFont"): NameObject(f"/{name}"),
                NameObject("/Encoding"): NameObject("/Identity-H"),
                NameObject("/DescendantFonts"): ArrayObject([writer._add_object(descendant)]),
                NameObject("/ToUnicode"): _stream(writer, of_texts(codes), {}),
            }
        )
        return Subset(writer._add_object(font), glyphs)

    def _subset(self, glyphs: Sequence[int]) -> tuple[bytes, dict[int, int]]:
        wanted = hb.SubsetInput()
        wanted.sets(hb.SubsetInputSets.GLYPH_INDEX).update(glyphs)
        wanted.sets(hb.SubsetInputSets.DROP_TABLE_TAG).update(
            int.from_bytes(tag, "big") for tag in (b"GSUB", b"GPOS", b"GDEF", b"BASE", b"VORG")
        )
        wanted.flags = (
            hb.SubsetFlags.NO_HINTING
            | hb.SubsetFlags.NO_LAYOUT_CLOSURE
            | hb.SubsetFlags.NOTDEF_OUTLINE
            | hb.SubsetFlags.CFF_IDENTITY_CHARSET
            | hb.SubsetFlags.DESUBROUTINIZE
        )
        with self.lock:
            plan = hb.SubsetPlan(self.face, wanted)
            program = bytes(plan.execute().blob.data)
            numbers = dict(plan.old_to_new_glyph_mapping)
        return program, {glyph: numbers[glyph] for glyph in glyphs}

    def _descriptor(
        self, writer: PdfWriter, program: bytes, name: str, is_cff: bool
    ) -> IndirectObject:
        scale = 1000 / self.upem
        box = struct.unpack(">4h", self.face.reference_table("head").data[36:44])
        rise, drop = struct.unpack(">2h", self.face.reference_table("hhea").data[4:8])
        data, key = program, "/FontFile2"
        entries: dict[str, object] = {"/Length1": NumberObject(len(program))}
        if is_cff:
            data = bytes(hb.Face(hb.Blob(program)).reference_table("CFF ").data)
            key, entries = "/FontFile3", {"/Subtype": NameObject("/CIDFontType0C")}
        return writer._add_object(
            DictionaryObject(
                {
                    NameObject("/Type"): NameObject("/FontDescriptor"),
                    NameObject("/FontName"): NameObject(f"/{name}"),
                    NameObject("/Flags"): NumberObject(4),
                    NameObject("/FontBBox"): ArrayObject(
                        NumberObject(round(edge * scale)) for edge in box
                    ),
                    NameObject("/ItalicAngle"): NumberObject(0),
                    NameObject("/Ascent"): NumberObject(round(rise * scale)),
                    NameObject("/Descent"): NumberObject(round(drop * scale)),
                    NameObject("/CapHeight"): NumberObject(714),
                    NameObject("/StemV"): NumberObject(80),
                    NameObject(key): _stream(writer, data, entries),
                }
            )
        )


def named_folders(folders: Sequence[Path], name: str) -> tuple[Path, ...]:
    """Folders of fonts that an operator gave by the option ``name``. Raises SettingsError for one
    that is not there: unlike one of the system's, it was meant to be."""
    for folder in folders:
        if not folder.is_dir():
            raise SettingsError(f"{name}: there is no folder {folder}")
    return tuple(folders)


class FontShelf:
    """The fonts of an installation, by script; safe to use from several threads.

    ``folders`` are searched in their order, themselves and one level below.
    """

    def __init__(self, folders: Sequence[Path] = FONT_FOLDERS) -> None:
        self._folders = tuple(folders)
        self._loaded: dict[tuple[str, int], ShelfFont | None] = {}
        self._loading = threading.Lock()

    def find(self, script: str, state: str = "") -> ShelfFont | None:
        """The font of a script (ISO 15924); None where none is installed.

        ``state`` (ISO 3166-1 alpha-3) chooses among the ways of drawing Chinese characters.
        """
        if script in _HAN_SCRIPTS:
            face = {"Hira": 0, "Kana": 0, "Hang": 1}.get(
                script, _HAN_FACES.get(state, _DEFAULT_HAN_FACE)
            )
            return self._load(_HAN_FILE, face)
        return self._load(f"{_FILES[script]}-Regular.ttf", 0) if script in _FILES else None

    def latin(self) -> bytes | None:
        """A whole font file for forms that embed none; None where it is not installed."""
        font = self.find("Latn")
        return bytes(font.face.blob.data) if font else None

    def installed(self) -> dict[str, bool]:
        """Script -> whether its font is there; for ``template check``."""
        scripts = sorted({*_FILES, *_HAN_SCRIPTS})
        return {script: self.find(script) is not None for script in scripts}

    def _load(self, name: str, index: int) -> ShelfFont | None:
        with self._loading:
            if (name, index) not in self._loaded:
                path = next(filter(Path.is_file, self._places(name)), None)
                self._loaded[name, index] = ShelfFont(path, index) if path else None
            return self._loaded[name, index]

    def _places(self, name: str) -> list[Path]:
        found = []
        for folder in self._folders:
            found.append(folder / name)
            found.extend(sorted(folder.glob(f"*/{name}")))
        return found


def _postscript_name(face: hb.Face, otherwise: str) -> str:
    name = face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or otherwise
    return "".join(c for c in name if c.isascii() and (c.isalnum() or c == "-"))


def _tag(glyphs: Sequence[int]) -> str:
    """Six capitals that tell subsets apart (ISO 32000-1, 9.6.4)."""
    number = zlib.crc32(b"".join(glyph.to_bytes(2, "big") for glyph in glyphs))
    letters = ""
    for _ in range(6):
        number, letter = divmod(number, 26)
        letters += chr(ord("A") + letter)
    return letters


def _stream(writer: PdfWriter, data: bytes, entries: Mapping[str, object]) -> IndirectObject:
    plain = DecodedStreamObject()
    plain.set_data(data)
    packed = plain.flate_encode(9)
    for key, value in entries.items():
        packed[NameObject(key)] = value
    return writer._add_object(packed)
