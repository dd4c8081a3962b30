"""Text that the card's font can set truly, and how it fits into its field.

The card sets one glyph after the other, without shaping. Whatever would come out wrong that way
is refused by name instead of printed: letters that run from right to left or join, marks that
have no precomposed letter, characters nobody can see.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from core.errors import DocumentFillingError, MissingGlyph
from pipeline.card.font import CardFont

LEADING = 1.22
"""Baseline to baseline, in font sizes: the marks of stacked Vietnamese letters stay clear."""

SIZE_STEP_PT = 0.25

_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
_STACKED_SCRIPTS = tuple(
    f"{script} "
    for script in (
        *("BENGALI", "DEVANAGARI", "GUJARATI", "GURMUKHI", "KANNADA", "KHMER", "LAO", "MALAYALAM"),
        *("MONGOLIAN", "MYANMAR", "ORIYA", "SINHALA", "TAMIL", "TELUGU", "THAI", "TIBETAN"),
    )
)
"""Scripts whose letters change place or shape beside others, by their Unicode names."""


@dataclass(frozen=True, slots=True)
class FittedText:
    """Lines of a field and their font size in points."""

    lines: tuple[str, ...]
    size_pt: float


def printable(name: str, text: str, font: CardFont, *, multiline: bool) -> str:
    """``text`` in Normalization Form C, without outer spaces, sure to be printed right.

    Line breaks (any of LF, CR LF, CR) are kept where ``multiline``. Raises MissingGlyph for a
    character that the font lacks or cannot place, DocumentFillingError for one that no card can
    show; both name the field ``name`` and the character, and no other part of the text.
    """
    if multiline:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", text).strip()
    for character in text:
        if not (multiline and character == "\n"):
            _check(name, character, font)
    return text


def _check(name: str, character: str, font: CardFont) -> None:
    category = unicodedata.category(character)
    named = f"{_code_point(character)} in {name}"
    if category in _INVISIBLE:
        raise DocumentFillingError(f"remove the invisible character {named}", field=name)
    if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT:
        raise DocumentFillingError(
            f"{named} is written from right to left, which the card cannot print; "
            "write the name in Latin letters as in the machine-readable zone",
            field=name,
        )
    if category.startswith("M"):
        raise MissingGlyph(
            f"the card's font has no letter that carries the mark {named}", field=name
        )
    if not font.covers(character):
        raise MissingGlyph(f"the card's font has no glyph for {named}", field=name)
    if unicodedata.name(character, "").startswith(_STACKED_SCRIPTS):
        raise DocumentFillingError(
            f"{named} belongs to a script that the card cannot print", field=name
        )


def _code_point(character: str) -> str:
    """For instance ``U+0142 LATIN SMALL LETTER L WITH STROKE``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"


def fit(
    text: str,
    font: CardFont,
    *,
    width_pt: float,
    height_pt: float,
    size_pt: float,
    min_size_pt: float,
    multiline: bool,
) -> FittedText | None:
    """The largest setting of ``text`` that fits, from ``size_pt`` down; None when none does.

    Lines break at spaces only, and only where ``multiline``.
    """
    size = size_pt
    while size >= min_size_pt:
        lines = _wrapped(text, font, width_pt, size) if multiline else (text,)
        widest = max(font.width_pt(line, size) for line in lines)
        if widest <= width_pt and (len(lines) == 1 or len(lines) * LEADING * size <= height_pt):
            return FittedText(lines, size)
        size -= SIZE_STEP_PT
    return None


def _wrapped(text: str, font: CardFont, width_pt: float, size_pt: float) -> tuple[str, ...]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and font.width_pt(longer, size_pt) > width_pt:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return tuple(lines)
