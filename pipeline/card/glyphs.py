"""Text that the card can print truly, and how it fits into its field.

The card's own font sets one glyph after the other. Whatever would come out wrong that way (letters
that run from right to left or join, marks that have no precomposed letter) is shaped in a font of
the shelf (``shaping.py``) or, without one, refused by name. So are characters nobody can see.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Protocol

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


JOINERS = frozenset("\u200c\u200d")
"""Invisible, but letters of Arabic and Indic scripts take their shape from them."""


class Measure(Protocol):
    """Knows how long a line is."""

    def width_pt(self, text: str, size_pt: float) -> float: ...


class Setter(Measure, Protocol):
    """Sets whole lines; raises MissingGlyph, whose message is the character's code point."""

    def runs(self, line: str) -> object: ...


@dataclass(frozen=True, slots=True)
class FittedText:
    """Lines of a field and their font size in points."""

    lines: tuple[str, ...]
    size_pt: float


def printable(
    name: str, text: str, font: CardFont, *, multiline: bool, setter: Setter | None = None
) -> str:
    """``text`` in Normalization Form C, without outer spaces, sure to be printed right.

    With a ``setter``, what ``font`` alone cannot set may still be set by others. Line breaks (any
    of LF, CR LF, CR) are kept where ``multiline``. Raises MissingGlyph for a
    character that the font lacks or cannot place, DocumentFillingError for one that no card can
    show; both name the field ``name`` and the character, and no other part of the text.
    """
    if multiline:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", text).strip()
    for index, character in enumerate(text):
        if multiline and character == "\n":
            continue
        follows = setter is not None and index > 0 and is_complex(text[index - 1])
        joins = character in JOINERS and follows
        if unicodedata.category(character) in _INVISIBLE and not joins:
            named = f"{code_point(character)} in {name}"
            raise DocumentFillingError(f"remove the invisible character {named}", field=name)
        if setter is None:
            _check(name, character, font)
    if setter is not None:
        _set(name, text, setter)
    return text


def _set(name: str, text: str, setter: Setter) -> None:
    try:
        for line in text.split("\n"):
            setter.runs(line)
    except MissingGlyph as error:
        raise MissingGlyph(
            f"no installed font has a glyph for {error.message} in {name}", field=name
        ) from None


def is_complex(character: str) -> bool:
    """Whether a letter changes place or shape beside others, so that it must be shaped."""
    return unicodedata.bidirectional(character) in _RIGHT_TO_LEFT or unicodedata.name(
        character, ""
    ).startswith(_STACKED_SCRIPTS)


def _check(name: str, character: str, font: CardFont) -> None:
    category = unicodedata.category(character)
    named = f"{code_point(character)} in {name}"
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


def code_point(character: str) -> str:
    """For instance ``U+0142 LATIN SMALL LETTER L WITH STROKE``."""
    return f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"


def fit(
    text: str,
    font: Measure,
    *,
    width_pt: float,
    height_pt: float,
    size_pt: float,
    min_size_pt: float,
    multiline: bool,
) -> FittedText | None:
    """The largest setting of ``text`` that fits, from ``size_pt`` down; None when none does.

    Lines break at spaces and between Chinese or Japanese characters, only where ``multiline``.
    """
    size = size_pt
    while size >= min_size_pt:
        lines = _wrapped(text, font, width_pt, size) if multiline else (text,)
        widest = max(font.width_pt(line, size) for line in lines)
        if widest <= width_pt and (len(lines) == 1 or len(lines) * LEADING * size <= height_pt):
            return FittedText(lines, size)
        size -= SIZE_STEP_PT
    return None


def _wrapped(text: str, font: Measure, width_pt: float, size_pt: float) -> tuple[str, ...]:
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for piece in _pieces(paragraph):
            longer = line + piece
            if line and font.width_pt(longer.rstrip(" "), size_pt) > width_pt:
                lines.append(line.rstrip(" "))
                line = piece
            else:
                line = longer
        lines.append(line.rstrip(" "))
    return tuple(lines)


def _pieces(paragraph: str) -> list[str]:
    """Words with the spaces after them, and each ideograph or kana by itself."""
    pieces: list[str] = []
    for character in paragraph:
        if pieces and not _breaks_between(pieces[-1][-1], character):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def _breaks_between(before: str, after: str) -> bool:
    if after == " ":
        return False
    if before == " ":
        return True
    opens = unicodedata.category(before) == "Ps"
    closes = unicodedata.category(after) in ("Pe", "Po", "Lm", "Mn")
    return not (opens or closes) and (_stands_alone(before) or _stands_alone(after))


def _stands_alone(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("CJK UNIFIED", "HIRAGANA", "KATAKANA"))
