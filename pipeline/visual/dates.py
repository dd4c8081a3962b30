"""Dates as data pages print them (Doc 9303 Part 3, section 3.8), and other ways that are met.

"12 JAN/JAN 1990", "12 JAN 90", "12.01.1990", "12/01/90", "12 01 1990", "1990-01-12".
What can be read in several ways gives every one: it is compared, not decided.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from dataclasses import dataclass

_MONTHS = (
    "JAN JANV GENN GEN ENE STY OCA OCAK",
    "FEB FEV FEVR LUT SUB SUBAT",
    "MAR MARS MRZ MARZ MARZO MAERZ MRT",
    "APR AVR AVRIL ABR KWI NIS",
    "MAY MAI MAG MAYO MAIO MEI MAJ",
    "JUN JUIN GIU JUNI CZE HAZ",
    "JUL JUIL JUILLET LUG JULI LIP TEM",
    "AUG AOUT AGO SIE AGU",
    "SEP SEPT SET WRZ EYL",
    "OCT OKT OTT OUT PAZ EKI",
    "NOV NOW KAS",
    "DEC DEZ DIC DES GRU ARA",
)
"""By month: English, French, German, Spanish, Italian, Portuguese, Dutch, Polish, Turkish."""
_NUMBER = {name: month for month, row in enumerate(_MONTHS, 1) for name in row.split()}
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class PrintedDate:
    """A day; ``year`` has two digits or four, as printed."""

    year: int
    month: int
    day: int
    full_year: bool

    def is_day(self, yymmdd: str) -> bool:
        """Whether the zone's YYMMDD is this day, whatever the century."""
        return yymmdd == f"{self.year % 100:02d}{self.month:02d}{self.day:02d}"

    @property
    def digits(self) -> str:
        return f"{self.year % 100:02d}{self.month:02d}{self.day:02d}"

    @property
    def iso(self) -> str | None:
        """YYYY-MM-DD where the century is printed."""
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}" if self.full_year else None


def folded(text: str) -> str:
    """Capitals without marks: what labels and months are compared by."""
    plain = unicodedata.normalize("NFD", text.upper().replace("ß", "SS"))
    return "".join(c for c in plain if not unicodedata.combining(c))


def printed_dates(text: str) -> frozenset[PrintedDate]:
    """Every day that the text, being a date and nothing else, may mean; empty if it is none."""
    words = re.findall(r"[A-Z]+|\d+", folded(text))
    if len(text) > _LONGEST or not 3 <= len(words) <= 4:
        return frozenset()
    if re.sub(r"[A-Z0-9\s./,'\-]", "", folded(text)):
        return frozenset()
    names = [word for word in words if word.isalpha()]
    numbers = [word for word in words if word.isdigit()]
    if names:
        return _by_name(names, numbers)
    return _by_numbers(numbers) if len(numbers) == 3 else frozenset()


def _by_name(names: list[str], numbers: list[str]) -> frozenset[PrintedDate]:
    """A month in letters, perhaps in two languages, between or before day and year."""
    months = {_NUMBER.get(name) or _NUMBER.get(name[:3]) for name in names}
    if len(numbers) != 2 or len(names) > 2 or len(months) != 1 or None in months:
        return frozenset()
    month = months.pop()
    assert month is not None
    if len(numbers[0]) == 4:
        numbers = numbers[::-1]
    return _real([(numbers[1], month, numbers[0])])


def _by_numbers(numbers: list[str]) -> frozenset[PrintedDate]:
    first, second, third = numbers
    if len(second) > 2:
        return frozenset()
    if len(first) == 4:
        return _real([(first, int(second), third)])
    ways = [(third, int(second), first), (third, int(first), second)]
    if len(third) == 2:
        ways.append((first, int(second), third))
    return _real(ways)


def _real(ways: list[tuple[str, int, str]]) -> frozenset[PrintedDate]:
    found = set()
    for year, month, day in ways:
        if len(year) not in (2, 4) or len(day) > 2:
            continue
        full = len(year) == 4
        value = int(year)
        try:
            datetime.date(value if full else 2000 + value, month, int(day))
        except ValueError:
            continue
        if not full or 1900 <= value < 2100:
            found.add(PrintedDate(value, month, int(day), full))
    return frozenset(found)
