"""Compares what a data page prints with what its zone says, field by field.

To agree is easy: nobody told the reader of print what to find. To contradict is hard, for a
contradiction that is none costs a guest and a clerk more than one that is missed: the value must
stand below its own caption, be read twice alike at two scales and with certainty, be of the
field's kind, differ by more than look-alikes, and the zone's value must be nowhere on the page.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.mrz.check_digits import FILLER
from pipeline.mrz.states import CODES
from pipeline.mrz.transliterate import same_name
from pipeline.types import CheckResult, Document, DocumentStatus, Field, FieldStatus
from pipeline.visual.captions import Segment, captioned, is_caption, segments_of
from pipeline.visual.dates import PrintedDate, folded, printed_dates
from pipeline.visual.states import names_state
from pipeline.visual.words import Print, Word

NAMES = ("primary_identifier", "secondary_identifier")
DATES = ("date_of_birth", "date_of_expiry")
_SURE = 0.88
"""Tesseract's certainty of a value that contradicts."""
_LETTER_SURE = 0.6
"""Of a lone letter that agrees."""
_LONE_SURE = 0.7
"""Of a code or letter that stands alone, without a legible caption."""
_LONE_NAME = 4
"""A name with fewer letters counts only below its caption: it may stand in another word's place."""
_MOST_WORDS = 8
_ANOTHER_NAME = 0.45
"""Names less alike than this are of two persons; others may be spelt in two ways."""
_PARTICLES = re.compile(
    r"af|al|bin|d[aeiou]?|das|del|dem|den|der|des|dos|e|el|l[ae]?|las|les?|los|te[nr]|v[ao]n|y|z[uo]|zu[mr]"
)
_SEXES = {"F": "F", "M": "M", "X": "X", "FEMALE": "F", "MALE": "M"}
_LOOKALIKES = tuple(
    frozenset(group)
    for group in ("0OQDCU", "1ILJT7", "2Z7", "5S6", "8B3", "6G0", "4A", "3895", "089")
)
_MATCHED = ("primary_identifier", "document_number", "date_of_birth")
"""Fields that must be found on the page before zone and page count as matching."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the page says of a field: ``text`` as printed, whether it agrees with the zone."""

    text: str | None
    agrees: bool
    date: PrintedDate | None = None


def corroborated(document: Document, prints: Sequence[Print], today: datetime.date) -> Document:
    """The document with what its pages' print says of each field; itself where that is nothing.

    A field that agrees becomes ``corroborated`` unless its check digit speaks for it already; one
    that disagrees becomes ``conflict``, and the document needs review. ``printed`` tells what
    stands on the page. A year printed in full settles the century. ``prints``: those of the sides
    that were taken.
    """
    pages = [_Page(each, today) for each in prints if each.words]
    if document.mrz is None or not pages:
        return document
    fields = dict(document.fields)
    agreed, against = set[str](), set[str]()
    for name in fields:
        finding = _found(pages, name, fields[name])
        if finding is None:
            continue
        (agreed if finding.agrees else against).add(name)
        fields[name] = _with(fields[name], finding)
    if not agreed and not against:
        return document
    checks, status = dict(document.checks), document.status
    if against:
        checks["mrz_viz_match"] = CheckResult.FAIL
        status = DocumentStatus.NEEDS_REVIEW
    elif agreed.issuperset(_MATCHED):
        checks["mrz_viz_match"] = CheckResult.PASS
    return replace(document, fields=fields, checks=checks, status=status)


def _found(pages: Sequence[_Page], name: str, field: Field) -> Finding | None:
    """The first page that agrees decides; a contradiction stands where no page agrees."""
    findings = [finding for page in pages if (finding := page.look(name, field)) is not None]
    return next((each for each in findings if each.agrees), findings[0] if findings else None)


def _with(field: Field, finding: Finding) -> Field:
    if not finding.agrees:
        return replace(field, status=FieldStatus.CONFLICT, printed=finding.text)
    status = FieldStatus.CORROBORATED if field.status is FieldStatus.READ else field.status
    field = replace(field, status=status, printed=finding.text)
    if finding.date is not None and finding.date.iso is not None:
        return replace(field, value=finding.date.iso, century_inferred=False)
    return field


class _Page:
    """One page's words as fields, with the ways to find each value among them."""

    def __init__(self, seen: Print, today: datetime.date) -> None:
        self._print = seen
        self._today = today
        self._segments = segments_of(seen.words)
        self._values = [each for each in self._segments if not is_caption(each)]

    def look(self, name: str, field: Field) -> Finding | None:
        """What the page says of a field that was read in the zone; None where it is not sure."""
        if field.value is None or field.raw is None or field.status is FieldStatus.MISSING:
            return None
        if name in NAMES:
            return self._name(name, field)
        if name in DATES:
            return self._date(name, field.raw)
        if name == "document_number":
            return self._number(field)
        if name == "sex":
            return self._sex(field.value)
        if name in ("nationality", "issuing_state"):
            return self._state(name, field.value)
        return None

    def _below(self, name: str) -> list[tuple[Segment, Segment]]:
        return list(captioned(self._segments, name))

    def _windows(self) -> Iterator[tuple[Word, ...]]:
        for segment in self._values:
            words = segment.words
            for start in range(len(words)):
                for stop in range(start + 1, min(len(words), start + _MOST_WORDS) + 1):
                    yield words[start:stop]

    # Names

    def _name(self, name: str, field: Field) -> Finding | None:
        assert field.value is not None
        below = self._below(name)
        if field.truncated:
            return None
        long_enough = sum(c.isalpha() for c in field.value) >= _LONE_NAME
        windows = self._windows() if long_enough else iter([seg.words for _, seg in below])
        for words in windows:
            text = _trimmed(" ".join(word.text for word in words))
            if text and same_name(text, field.value):
                return Finding(self._spelt(words, text, field.value), True)
        for _, value in below:
            sure = self._surely(value)
            if sure is None or not re.fullmatch(r"[^\W\d_]{2,}([ '’-][^\W\d_]+)*", sure):
                continue
            likeness = max(_likeness(sure, other) for other in (field.value, _simple(field.value)))
            if likeness < _ANOTHER_NAME:
                return Finding(sure, False)
        return None

    def _spelt(self, words: Sequence[Word], text: str, value: str) -> str | None:
        """The name as printed, when a second look spells it alike and can know its letters."""
        if not self._print.spells:
            return None
        again, _ = self._print.again(Segment(tuple(words)).box)
        certain = _trimmed(again) == text and same_name(text, value) and _is_cased(text)
        return text if certain else None

    # Dates

    def _date(self, name: str, raw: str) -> Finding | None:
        if FILLER in raw:
            return None
        for words in self._windows():
            text = " ".join(word.text for word in words)
            for date in printed_dates(text):
                if date.is_day(raw) and self._may_be(name, date):
                    return Finding(text, True, date)
        for _, value in self._below(name):
            dates = printed_dates(value.text)
            likely = [date for date in dates if self._may_be(name, date)]
            alike = any(_is_lookalike(date.digits, raw) for date in dates)
            if not likely or len(likely) != len(dates) or alike:
                continue
            again = self._surely(value)
            if again is not None and printed_dates(again) == dates:
                return Finding(value.text, False)
        return None

    def _may_be(self, name: str, date: PrintedDate) -> bool:
        """Whether a full year fits: other calendars count other years."""
        if not date.full_year:
            return True
        year = self._today.year
        if name == "date_of_birth":
            return date.iso is not None and date.iso <= self._today.isoformat()
        return year - 100 < date.year <= year + 50

    # Numbers, sexes and states

    def _number(self, field: Field) -> Finding | None:
        assert field.value is not None
        wanted = "".join(c for c in field.value if c.isalnum())
        checked = field.status is FieldStatus.CHECKSUM
        if len(wanted) < 5:
            return None
        for words in self._windows():
            text = " ".join(word.text for word in words)
            plain = re.sub(r"[^A-Z0-9]", "", text.upper())
            if plain == wanted or (checked and _is_lookalike(plain, wanted, every=True)):
                return Finding(wanted, True)
        for _, value in self._below("document_number"):
            text = re.sub(r"\s", "", value.text)
            fits = re.fullmatch(r"[A-Z0-9]{6,12}", text) and sum(c.isdigit() for c in text) >= 4
            if not fits or len(text) != len(wanted) or _is_lookalike(text, wanted, every=True):
                continue
            again = self._surely(value)
            if again is not None and re.sub(r"\s", "", again) == text:
                return Finding(text, False)
        return None

    def _sex(self, value: str) -> Finding | None:
        below = self._below("sex")
        for caption, seen in below:
            letters = _sexes(seen.text)
            if not letters or seen.confidence < _LETTER_SURE:
                continue
            if value in letters:
                return Finding(value, True)
            # In some languages M is a woman's initial: only where English is printed is it not.
            english = re.search(r"\bSEX\b", folded(caption.text)) is not None
            if english and {*letters, value} == {"F", "M"}:
                again = self._surely(seen)
                if again is not None and again.upper() == seen.text.upper():
                    return Finding(letters.pop(), False)
        lone = [each for each in self._values if each.confidence >= _LONE_SURE]
        seen_alone = set().union(*(_sexes(each.text) for each in lone))
        if not below and value in ("F", "M") and seen_alone & {"F", "M"} == {value}:
            return Finding(value, True)
        return None

    def _state(self, name: str, code: str) -> Finding | None:
        below = self._below(name)
        for _, value in below:
            for word in value.words:
                plain = folded(word.text).strip(".,:;")
                if plain == code or names_state(word.text, code):
                    return Finding(word.text, True)
        heading = name == "issuing_state"
        for word in self._print.words:
            if names_state(word.text, code) and heading is (word.box[3] <= self._print.heading_px):
                return Finding(word.text, True)
        if any(each.text == code and each.confidence >= _LONE_SURE for each in self._values):
            return Finding(code, True)
        for _, value in below:
            text = self._surely(value)
            if not heading and text is not None and len(text) == 3 and text in CODES:
                return Finding(text, False)
        return None

    def _surely(self, value: Segment) -> str | None:
        """The value's text, where two looks agree on it and are certain; None otherwise."""
        if value.confidence < _SURE:
            return None
        text, confidence = self._print.again(value.box)
        return text if text == value.text and confidence >= _SURE else None


def _sexes(text: str) -> set[str]:
    """What a value says if it is a sex and nothing else, "F" or "K/F"; empty if it is not."""
    parts = [part for part in re.split(r"[^A-Z]+", text.upper()) if part]
    known = {_SEXES[part] for part in parts if part in _SEXES}
    return known if 1 <= len(parts) <= 2 and len(known) == 1 else set()


def _trimmed(text: str) -> str:
    return text.strip(" .,:;|/\\'’‘`\"*_-–—~()[]{}")


def _is_cased(name: str) -> bool:
    """Whether every part begins as names do: capitals and small letters are easily confused."""
    parts = re.split(r"[ '’-]", name)
    return all(_PARTICLES.fullmatch(part) or not part[:1].islower() for part in parts)


def _simple(mrz_name: str) -> str:
    """The zone's name without the second letters that transliteration adds."""
    return re.sub(r"(?<=[AOU])E|(?<=A)A", "", mrz_name)


def _likeness(printed: str, mrz_name: str) -> float:
    """0 to 1; words may be left out or stand in another order."""
    mine, theirs = re.findall(r"[A-Z]+", folded(printed)), re.findall(r"[A-Z]+", mrz_name)
    if set(mine) & set(theirs):
        return 1.0
    pairs = [difflib.SequenceMatcher(None, a, b).ratio() for a in mine for b in theirs]
    whole = difflib.SequenceMatcher(None, "".join(mine), "".join(theirs)).ratio()
    return max([whole, *pairs])


def _is_lookalike(one: str, other: str, *, every: bool = False) -> bool:
    """Whether two texts of one length differ in a single look-alike, or in look-alikes alone."""
    if len(one) != len(other):
        return False
    apart = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    alike = all(any({a, b} <= group for group in _LOOKALIKES) for a, b in apart)
    return alike and (every or len(apart) <= 1)
