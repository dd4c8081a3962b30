"""The payload of a North American driving licence's barcode to its data elements.

AAMVA DL/ID Card Design Standard (2020), Annex D, and its forerunners back to AAMVA DL/ID-2000:
a header with the issuer's number and the version, one designator for each subfile (type, offset,
length), then the subfiles, whose elements are a name of three letters and a value each.

Parsing is lenient where cards in use are known to be loose: separators, offsets and lengths. What
does not fit is told by ``lengths_fit``, what cannot be used is left out, nothing is repaired.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import BarcodeFormatError

MAX_BYTES = 2710
"""What one PDF417 symbol can hold at most, all digits (ISO/IEC 15438)."""
MAX_VALUE = 125
"""Longest value kept: no element that is used may be longer in any version."""
_HEADER = re.compile(
    # Compliance indicator, separators, file type, issuer (IIN), version, jurisdiction's version
    # (absent before version 02), number of entries.
    r"@[\x00-\x20]{1,8}(?:ANSI|AAMVA) ?([0-9]{6})([0-9]{2})(?:[0-9]{2})?([0-9]{2})(?=[A-Z])"
)
_DESIGNATOR = re.compile(r"([A-Z]{2})([0-9]{4})([0-9]{4})")
_ELEMENT = re.compile(r"(D[A-D][A-Z])(.*)", re.DOTALL)
_SEPARATORS = re.compile(r"[\n\r]+")
_UNAVAILABLE = "UNAVL"
"""Stands where the issuer does not know a value."""


@dataclass(frozen=True, slots=True)
class AamvaRead:
    """A licence's barcode, read: ``elements`` by their names, values without outer space.

    version: of the standard, 0 to 99. issuer: the issuer's number (IIN), six digits.
    document_type: the subfile's, ``DL`` or ``ID``. lengths_fit: whether entries, offset and
    length are what the header says. symbology: of the symbol that held it, as ISO/IEC names it.
    """

    version: int
    issuer: str
    document_type: str
    elements: Mapping[str, str]
    lengths_fit: bool
    symbology: str = "PDF417"


@dataclass(frozen=True, slots=True)
class _Designator:
    kind: str
    offset: int
    length: int


def parse_aamva(payload: bytes) -> AamvaRead:
    """The payload of one barcode, ISO 8859-1 or UTF-8.

    Raises BarcodeFormatError, which says what is wrong and repeats nothing of the payload.
    """
    if len(payload) > MAX_BYTES:
        raise BarcodeFormatError(
            f"The barcode's data are longer than the {MAX_BYTES} bytes that one symbol can hold."
        )
    # Offsets and lengths count bytes: values get their letters at the end.
    text = payload.decode("iso-8859-1")
    header = _HEADER.match(text)
    if header is None:
        raise BarcodeFormatError("The barcode is not that of a North American driving licence.")
    issuer, version, entries = header.groups()
    subfiles, end = _designators(text, header.end())
    own = next((subfile for subfile in subfiles if not subfile.kind.startswith("Z")), None)
    if own is None:
        raise BarcodeFormatError("The barcode's header names no licence or identification card.")
    start, at_offset = _start(text, own, end)
    stop = _stop(text, start, [other for other in subfiles if other is not own])
    elements = _elements(text[start:stop].removeprefix(own.kind))
    if not elements:
        raise BarcodeFormatError("The barcode holds no data elements of a driving licence.")
    fits = at_offset and stop - start == own.length and int(entries) == len(subfiles)
    return AamvaRead(int(version), issuer, own.kind, elements, fits)


def _decoded(value: str) -> str:
    """The standard names ISO 8859-1; what is valid UTF-8 beyond ASCII was meant as that."""
    try:
        return value.encode("iso-8859-1").decode("utf-8")
    except UnicodeDecodeError:
        return value


def _designators(text: str, position: int) -> tuple[list[_Designator], int]:
    """The subfiles that the header designates, and where that ends."""
    found: list[_Designator] = []
    while match := _DESIGNATOR.match(text, position):
        found.append(_Designator(match[1], int(match[2]), int(match[3])))
        position = match.end()
    return found, position


def _start(text: str, subfile: _Designator, end: int) -> tuple[int, bool]:
    """Where the subfile begins, and whether that is where its designator says."""
    if subfile.offset >= end and text.startswith(subfile.kind, subfile.offset):
        return subfile.offset, True
    found = text.find(subfile.kind, end)
    return (end if found < 0 else found), False


def _stop(text: str, start: int, others: list[_Designator]) -> int:
    """Where the subfile ends: before the next one, else with the text.

    Not by its length: some issuers state it wrong, and would cut their own data.
    """
    following = [
        other.offset
        for other in others
        if other.offset > start and text.startswith(other.kind, other.offset)
    ]
    searched = [text.find(f"\r{other.kind}", start) + 1 for other in others]
    return min([*following, *(place for place in searched if place > start)], default=len(text))


def _elements(body: str) -> dict[str, str]:
    """Elements by name; the first of equals stands. A value with control characters, or too long
    to be one, is left out."""
    elements: dict[str, str] = {}
    for item in _SEPARATORS.split(body):
        match = _ELEMENT.fullmatch(item.strip(" "))
        if match is None:
            continue
        name, value = match[1], _decoded(match[2].strip(" "))
        if value and value.upper() != _UNAVAILABLE and _is_clean(value):
            elements.setdefault(name, value)
    return elements


def _is_clean(value: str) -> bool:
    return len(value) <= MAX_VALUE and not any(
        unicodedata.category(character).startswith("C") for character in value
    )
