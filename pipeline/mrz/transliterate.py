"""National letters and what the zone prints for them (Doc 9303 Part 3, section 6, tables A to C).

Checked letter by letter against the eighth edition (2021); what differs from the printed tables
is said beside them.

The Latin table (A) and the Cyrillic one (B) are not reversible: several spellings lead to one
name in the zone, and some letters have alternatives by language or by choice of the issuing
state. The Arabic one (C) names every letter, X being its escape, and can be read backwards.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType

from core.errors import MrzFormatError
from pipeline.mrz.check_digits import FILLER, LETTERS


class Language(StrEnum):
    """Languages whose letters table B treats apart (ISO 639-1)."""

    BELARUSIAN = "be"
    BULGARIAN = "bg"
    MACEDONIAN = "mk"
    SERBIAN = "sr"
    UKRAINIAN = "uk"


_LATIN_PAIRS = (
    "AÀÁÂÃĀĂĄ CÇĆĈĊČ DÐĎĐ EÈÉÊËĒĔĖĘĚ GĜĞĠĢ HĤĦ IÌÍÎÏĨĪĬĮİ JĴ KĶ LĹĻĽĿŁ NÑŃŅŇŊ OÒÓÔÕŌŎŐ RŔŖŘ "
    "SŚŜŞŠ TŢŤŦ UÙÚÛÜŨŪŬŮŰŲ WŴ YÝŶŸ ZŹŻŽ"
)
_LATIN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {letter: (group[0],) for group in _LATIN_PAIRS.split() for letter in group[1:]}
    | {"Ä": ("AE", "A"), "Ö": ("OE", "O"), "Ü": ("UE", "UXX", "U"), "Ñ": ("N", "NXX")}
    | {"Å": ("AA", "A"), "Æ": ("AE",), "Ø": ("OE",), "Œ": ("OE",), "Þ": ("TH",), "Ĳ": ("IJ",)}
    | {"ẞ": ("SS",)}
)
"""Table A: the first transliteration is the recommended one, others may be met."""

_CYRILLIC_WORDS = (
    "АA БB ВV ГG ДD ЕE ЖZH ЗZ ИI ЙI КK ЛL МM НN ОO ПP РR СS ТT УU ФF ХKH ЦTS ЧCH ШSH ЩSHCH ЪIE ЫY "
    "Ь ЭE ЮIU ЯIA ЁE ЂD ЄIE ЅDZ ІI ЇI ЈJ ЉLJ ЊNJ ЌK ЎU ЏDZ ЋC ЃG ѪU ѴY ҐG ҒG ҺC"
)
_CYRILLIC = {word[0]: word[1:] for word in _CYRILLIC_WORDS.split()}
"""Table B, without the exceptions of languages. It has no row for the soft sign, which is left
out; nor for Ѓ and Ћ, whose values stand beside Ғ (0492) and Һ (04BA) and are taken for both."""

_LANGUAGE_WORDS = {
    Language.BELARUSIAN: "ЁIO ГH",
    Language.BULGARIAN: "ЩSHT",
    Language.MACEDONIAN: "ЌKJ ЏDJ ЃGJ ҒGJ ХH ЦC",
    Language.SERBIAN: "ГH ЖZ ХH ЦC ЧC ШS",
    Language.UKRAINIAN: "ГH ИY",
}
_BY_LANGUAGE = {
    language: {word[0]: word[1:] for word in words.split()}
    for language, words in _LANGUAGE_WORDS.items()
}
_FIRST_IN_UKRAINIAN = {"Є": "YE", "Ї": "YI", "Й": "Y", "Ю": "YU", "Я": "YA"}
"""At the beginning of a part of a name."""

_ARABIC_WORDS = (
    "ءXE آXAA أXAE ؤU إI ئXI اA بB تT ثXTH جJ حXH خXKH دD ذXDH رR زZ سS شXSH صXSS ضXDZ طXTT ظXZZ "
    "عE غG فF قQ كK لL مM نN هH وW ىXAY يY ٱXXA ٹXXT ټXRT پP ځXKE څXXH چXC ڈXXD ډXDR ڑXXR ړXRR "
    "ږXRX ژXJ ښXXS کXKK ګXXK ڭXNG گXGG ںXNN ڼXXN ھXDO ۀXYH ہXXG ۂXGE ۃXTG یXYA ۍXXY ېY ےXYB ۓXBE "
    "ڤV ڥXF"
)
_ARABIC = {word[0]: word[1:] for word in _ARABIC_WORDS.split()}
"""Table C, but for the two signs below; ڤ and ڥ are those of foreign names (appendix B, B.5.4)."""
_FARSI_YEH = ("XYA", "Y", "XAY")
"""Appendix B (note 4) allows the other two."""
_TEH_MARBUTA, _SHADDA = "ة", "ّ"
_NOT_ENCODED = frozenset("ـًٌٍَُِْٰڜڢڧڨ")

_JOINED = frozenset("'’ʼʻ`´.")
"""Left out of the zone (section 4.6)."""
_MOST_SPELLINGS = 64


def to_mrz(name: str, language: Language | None = None) -> str:
    """A name in national letters as the zone prints it, its parts joined by fillers.

    ``language`` chooses among the exceptions of table B; without it none applies. Latin letters
    beyond table A lose their marks. Raises MrzFormatError for letters of other scripts.
    """
    words = [_recommended(word, language) for word in _words(name)]
    return FILLER.join(word for word in words if word)


def same_name(national: str, mrz: str) -> bool:
    """Whether ``mrz`` is a way that the tables allow, in whatever language, to print the name.

    ``mrz`` may have fillers or spaces between its parts. False for letters of no table.
    """
    try:
        options = [step for word in _words(national) for step in (*_options(word), (FILLER,))]
    except MrzFormatError:
        return False
    text = "".join(word + FILLER for word in mrz.replace(FILLER, " ").upper().split())
    reached = {0}
    for step in options:
        reached = {at + len(part) for at in reached for part in step if text.startswith(part, at)}
    return len(text) in reached


def arabic_of(mrz: str) -> str:
    """The Arabic letters that a name in the zone stands for, by table C read backwards.

    Its parts are separated by spaces. Where two letters share a transliteration, the Arabic
    alphabet's own is taken. Raises MrzFormatError for a text that table C does not give.
    """
    words = [_arabic_word(word) for word in mrz.upper().replace(FILLER, " ").split()]
    return " ".join(words)


def cyrillic_spellings(mrz: str, language: Language | None = None) -> tuple[str, ...]:
    """Spellings that table B leads to one word of the zone, the one with fewest letters first.

    At most 64; empty where no spelling does, or ``mrz`` is more than one word.
    """
    table = {**_CYRILLIC, **_BY_LANGUAGE.get(language, {})} if language else _CYRILLIC
    found: list[str] = []
    for spelling in _spelt(mrz.upper(), table):
        if _recommended(spelling, language) == mrz.upper():
            found.append(spelling)
        if len(found) >= _MOST_SPELLINGS:
            break
    return tuple(sorted(found, key=len))


def _words(name: str) -> list[str]:
    letters = "".join(c for c in unicodedata.normalize("NFC", name).upper() if c not in _JOINED)
    return "".join(" " if c in "-‐–—" + FILLER else c for c in letters).split()


def _recommended(word: str, language: Language | None) -> str:
    parts: list[str] = []
    for place, letter in enumerate(word):
        if letter == _SHADDA:
            parts += parts[-1:]
        else:
            parts.append(_one(word, place, language))
    return "".join(parts)


def _one(word: str, place: int, language: Language | None) -> str:
    """The recommended transliteration of one letter where it stands."""
    letter = word[place]
    if language is Language.UKRAINIAN and place == 0 and letter in _FIRST_IN_UKRAINIAN:
        return _FIRST_IN_UKRAINIAN[letter]
    if language is not None and letter in _BY_LANGUAGE[language]:
        return _BY_LANGUAGE[language][letter]
    if letter == _TEH_MARBUTA:
        return "XTA" if any(c not in _NOT_ENCODED for c in word[place + 1 :]) else "XAH"
    for table in (_CYRILLIC, _ARABIC):
        if letter in table:
            return table[letter]
    return _latin(letter)[0]


def _latin(letter: str) -> tuple[str, ...]:
    if letter in LETTERS:
        return (letter,)
    if letter in _LATIN:
        return _LATIN[letter]
    if letter in _NOT_ENCODED or unicodedata.combining(letter):
        return ("",)
    bare = unicodedata.normalize("NFD", letter)[0]
    if bare != letter and (bare in LETTERS or bare in _LATIN):
        return _latin(bare)
    raise MrzFormatError("The name holds a letter that Doc 9303 has no transliteration for.")


def _options(word: str) -> Iterator[tuple[str, ...]]:
    """Everything that each letter may have become; a shadda repeats or is left out."""
    before: tuple[str, ...] = ("",)
    for place, letter in enumerate(word):
        if letter == _SHADDA:
            yield ("", *before)
            continue
        if letter == _TEH_MARBUTA:
            before = ("XTA", "XAH")
        elif letter in _CYRILLIC:
            others = [table[letter] for table in _BY_LANGUAGE.values() if letter in table]
            first = _FIRST_IN_UKRAINIAN.get(letter) if place == 0 else None
            before = tuple({_CYRILLIC[letter], *others, *([first] if first else [])})
        else:
            before = (_ARABIC[letter],) if letter in _ARABIC else _latin(letter)
            before = _FARSI_YEH if letter == "ی" else before
        yield before


def _arabic_word(word: str) -> str:
    backwards = {latin: letter for letter, latin in reversed(_ARABIC.items())}
    backwards |= {"XTA": _TEH_MARBUTA, "XAH": _TEH_MARBUTA}
    letters, at = "", 0
    while at < len(word):
        length = next((n for n in (3, 2, 1) if word[at : at + n] in backwards), None)
        if length is None:
            raise MrzFormatError("The name is no transliteration from the Arabic script.")
        letters += backwards[word[at : at + length]]
        at += length
    return letters


def _spelt(text: str, table: Mapping[str, str]) -> Iterator[str]:
    """Spellings of a text, the longest transliterations tried first."""
    pairs = {*table.items(), *_FIRST_IN_UKRAINIAN.items()}
    by_length = sorted((pair for pair in pairs if pair[1]), key=lambda pair: (-len(pair[1]), pair))
    leads_on = {len(text)}
    for at in range(len(text) - 1, -1, -1):
        lengths = {len(latin) for _, latin in by_length if text.startswith(latin, at)}
        if any(at + length in leads_on for length in lengths):
            leads_on.add(at)

    def from_place(at: int) -> Iterator[str]:
        if at == len(text):
            yield ""
        for letter, latin in by_length:
            if text.startswith(latin, at) and at + len(latin) in leads_on:
                for rest in from_place(at + len(latin)):
                    yield letter + rest

    return from_place(0) if 0 in leads_on and text else iter(())
