"""Dates of the zone: YYMMDD with unknown parts as fillers (Doc 9303 Part 3, section 4.8)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from pipeline.mrz.check_digits import FILLER

_EXPIRY_HORIZON_YEARS = 50
"""No document is issued for longer: an expiry further ahead belongs to the century before."""
_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class MrzDate:
    """A date with its century inferred, since the zone prints two digits of the year.

    ``iso`` is YYYY-MM-DD, YYYY-MM or YYYY, as much as is known; None when the year is unknown
    or the digits are no date. ``last_day`` is the last day that fits, for comparisons.
    """

    iso: str | None
    last_day: datetime.date | None


_UNKNOWN = MrzDate(None, None)


def _year(text: str) -> int | None:
    return int(text) if len(text) == 2 and text.isascii() and text.isdigit() else None


def _part(text: str) -> int | None:
    """A month or day; 0 when unknown, None when neither digits nor fillers."""
    if text == FILLER * 2:
        return 0
    return _year(text) or None


def _resolve(raw: str, year: int) -> MrzDate:
    month, day = _part(raw[2:4]), _part(raw[4:6])
    if month is None or day is None or month > 12 or (month == 0 and day != 0):
        return _UNKNOWN
    if month == 0:
        return MrzDate(f"{year:04d}", datetime.date(year, 12, 31))
    next_month = datetime.date(year + month // 12, month % 12 + 1, 1)
    last = next_month - datetime.timedelta(days=1)
    if day == 0:
        return MrzDate(f"{year:04d}-{month:02d}", last)
    if day > last.day:
        return _UNKNOWN
    return MrzDate(f"{year:04d}-{month:02d}-{day:02d}", datetime.date(year, month, day))


def exists(raw: str) -> bool:
    """Whether YYMMDD is a day, a month or a year of some century; unknown parts are fillers."""
    if len(raw) != 6:
        return False
    if raw[:2] == FILLER * 2:
        return _resolve(raw, _LEAP_YEAR) is not _UNKNOWN
    year = _year(raw[:2])
    return year is not None and _resolve(raw, 2000 + year) is not _UNKNOWN


def birth_date(raw: str, today: datetime.date) -> MrzDate:
    """The latest century in which the date of birth does not lie after ``today``."""
    two_digits = _year(raw[:2])
    if len(raw) != 6 or two_digits is None:
        return _UNKNOWN
    year = today.year // 100 * 100 + two_digits
    resolved = _resolve(raw, year)
    earliest = resolved.iso[:10] if resolved.iso else f"{year:04d}"
    if earliest > today.isoformat()[: len(earliest)]:
        return _resolve(raw, year - 100)
    return resolved


def expiry_date(raw: str, today: datetime.date) -> MrzDate:
    """The latest century in which the date of expiry lies at most 50 years ahead."""
    two_digits = _year(raw[:2])
    if len(raw) != 6 or two_digits is None:
        return _UNKNOWN
    year = today.year // 100 * 100 + two_digits
    if year + 100 <= today.year + _EXPIRY_HORIZON_YEARS:
        year += 100
    elif year > today.year + _EXPIRY_HORIZON_YEARS:
        year -= 100
    return _resolve(raw, year)
