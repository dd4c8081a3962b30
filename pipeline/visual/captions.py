"""Captions of a data page: which of its words say what stands below them.

Doc 9303 Part 4, section 3.2 prints a caption over each field, in the state's language and in
English, French or Spanish. A caption that speaks of something else as well (a date of issue, a
name at birth) is no caption of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.visual.dates import folded
from pipeline.visual.place import PX_PER_MM
from pipeline.visual.words import Word

_GAP_PX = 2.2 * PX_PER_MM
"""Words further apart are of different fields."""
_SAME_LINE = 0.5
_BELOW_PX = 6.0 * PX_PER_MM
_ALIGNED_PX = 3.0 * PX_PER_MM
_NOT_OURS = re.compile(
    r"ISSUE|ISSUED|DELIVR|AUSSTELL|EMISION|EMISSAO|RILASC|AFGIFTE|AUTHORITY|AUTORI|PLACE|LIEU|GEBURTSORT|\bORT\b"
    r"|LUGAR|LUOGO|PERSONAL|USAGE|EPOU|MARRI|MAIDEN|\bNEE\b|GEBURTSNAME|FATHER|MOTHER|PERE\b|MERE\b"
    r"|PADRE|MADRE|SPOUSE|ALIAS|PSEUDONYM|KUNSTLER"
)
_BORN = r"BIRTH|NAISSANCE|NACIMIENTO|NASCIMENTO|NASCITA|GEBOORTE|URODZ|DOGUM"
_DATE = r"\b(DATE|DATUM|FECHA|DATA|DATO|TARIHI)\b"
_OURS = {
    "date_of_birth": re.compile(rf"(?=.*({_BORN}))(?=.*{_DATE})|GEBURTSDATUM|GEBURTSTAG|DOGUM TAR"),
    "date_of_expiry": re.compile(
        rf"(?=.*(EXPIR|CADUCID|VENCIM|VALIDADE|SCADENZA|WAZNOSCI))(?=.*{_DATE})|GULTIG BIS"
        r"|VALID UNTIL|DATE OF EXP"
    ),
    "document_number": re.compile(
        r"(?=.*(PASS|DOCUMENT|CARD|CARTE|AUSWEIS))(?=.*\b(NO|N|NR|NUMBER|NUMERO|NUM|NUMMER)\b)"
    ),
    "primary_identifier": re.compile(r"SURNAME|\bNOM\b|APELLIDO|COGNOME|APELIDO|NACHNAME|\bNAME\b"),
    "secondary_identifier": re.compile(
        r"GIVEN|PRENOM|VORNAME|FORENAME|NOMBRES?\b|FIRST NAME|VOORNA|IMIONA"
    ),
    "nationality": re.compile(
        r"NATIONALIT|STAATSANG|NACIONALID|CITTADINANZA|CITIZENSHIP|OBYWATEL|UYRUG"
    ),
    "sex": re.compile(r"\b(SEX|SEXE|SEXO|SESSO|GESCHLECHT|GENDER|PLEC|CINSIYET)\b"),
    "issuing_state": re.compile(r"\b(CODE|CODIGO|KOD|CODICE)\b|ISSUING STATE|COUNTRY"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """Words of one field: beside each other with no more than a space between."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def box(self) -> tuple[int, int, int, int]:
        lefts, tops, rights, feet = zip(*(word.box for word in self.words), strict=True)
        return min(lefts), min(tops), max(rights), max(feet)

    @property
    def confidence(self) -> float:
        """That of its least certain word."""
        return min(word.confidence for word in self.words)


def segments_of(words: Sequence[Word]) -> tuple[Segment, ...]:
    """The page's fields and captions, from the top."""
    found: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.box[0]):
        row = next((row for row in reversed(found) if _goes_on(row[-1], word)), None)
        if row is None:
            found.append([word])
        else:
            row.append(word)
    segments = [Segment(tuple(row)) for row in found]
    return tuple(sorted(segments, key=lambda segment: segment.box[1]))


def _goes_on(last: Word, word: Word) -> bool:
    shared = min(last.box[3], word.box[3]) - max(last.box[1], word.box[1])
    height = min(last.box[3] - last.box[1], word.box[3] - word.box[1])
    gap = word.box[0] - last.box[2]
    return shared > _SAME_LINE * height and -0.3 * _GAP_PX < gap < _GAP_PX


def is_caption(segment: Segment) -> bool:
    return any(caption.search(_plain(segment)) for caption in _OURS.values())


def captioned(segments: Sequence[Segment], name: str) -> Iterator[tuple[Segment, Segment]]:
    """Captions of a field, each with the value that stands right below it."""
    for caption in segments:
        text = _plain(caption)
        if not _OURS[name].search(text) or _NOT_OURS.search(text):
            continue
        if name == "primary_identifier" and _OURS["secondary_identifier"].search(text):
            continue
        values = [other for other in segments if other is not caption and _below(caption, other)]
        if values and not is_caption(values[0]):
            yield caption, values[0]


def _below(caption: Segment, other: Segment) -> bool:
    left, _, _, foot = caption.box
    beside, top, _, _ = other.box
    near = -0.1 * _BELOW_PX < top - foot < _BELOW_PX
    return near and abs(beside - left) < _ALIGNED_PX


def _plain(segment: Segment) -> str:
    return folded(segment.text.replace("°", "").replace("º", ""))
