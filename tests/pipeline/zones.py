"""Documents of every format, drawn at random for property tests: all of Utopia."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from models.training.mrz_lines import SpecimenFields
from pipeline.mrz.check_digits import DIGITS, LETTERS
from pipeline.types import MrtdFormat

OPTIONAL_LENGTH = {
    MrtdFormat.TD1: 15,
    MrtdFormat.TD2: 7,
    MrtdFormat.TD3: 14,
    MrtdFormat.MRVA: 16,
    MrtdFormat.MRVB: 8,
}

_LONGEST_NUMBER = {MrtdFormat.TD1: 23, MrtdFormat.TD2: 15}
"""Nine characters, and what the optional data hold beside the check digit (Part 5, 4.2.2, j)."""

_LEADING = {
    MrtdFormat.TD1: "IAC",
    MrtdFormat.TD2: "IAC",
    MrtdFormat.TD3: "P",
    MrtdFormat.MRVA: "V",
    MrtdFormat.MRVB: "V",
}


def dates() -> st.SearchStrategy[str]:
    """Days that exist in any year, as YYMMDD; of some the day, the month or all is unknown."""
    day = st.builds(
        "{:02d}{:02d}{:02d}".format,
        st.integers(0, 99),
        st.integers(1, 12),
        st.integers(1, 28),
    )
    known = st.sampled_from([6, 6, 6, 6, 4, 2, 0])
    return st.builds(lambda date, until: date[:until].ljust(6, "<"), day, known)


def names(most: int) -> st.SearchStrategy[str]:
    """One to ``most`` words of letters, joined by spaces."""
    word = st.text(LETTERS, min_size=1, max_size=6)
    return st.lists(word, min_size=1, max_size=most).map(" ".join)


def numbers(most: int, least: int = 1) -> st.SearchStrategy[str]:
    """Letters and digits without a filler."""
    return st.text(DIGITS + LETTERS, min_size=least, max_size=most)


def fields(mrtd_format: MrtdFormat) -> st.SearchStrategy[SpecimenFields]:
    """A document whose names fit their line; its number may be as long as the format allows."""
    longest = _LONGEST_NUMBER.get(mrtd_format, 9)
    short = st.builds(
        SpecimenFields,
        document_code=st.builds(
            str.__add__,
            st.sampled_from(_LEADING[mrtd_format]),
            st.sampled_from(["", "", "D", "R", "P", "N"]),
        ),
        issuing_state=st.sampled_from(["UTO", "D", "XXA"]),
        primary_identifier=names(2),
        secondary_identifier=st.one_of(st.just(""), names(2)),
        document_number=numbers(9),
        nationality=st.sampled_from(["UTO", "D", "XXX"]),
        date_of_birth=dates(),
        sex=st.sampled_from("FMX<"),
        date_of_expiry=dates(),
        optional_data=st.one_of(st.just(""), numbers(OPTIONAL_LENGTH[mrtd_format])),
        optional_data_2=st.one_of(st.just(""), numbers(11))
        if mrtd_format is MrtdFormat.TD1
        else st.just(""),
    )
    if longest == 9:
        return short
    long = st.builds(
        lambda said, number: replace(said, document_number=number, optional_data=""),
        short,
        numbers(longest, 10),
    )
    return st.one_of(short, short, long)


def documents() -> st.SearchStrategy[tuple[MrtdFormat, SpecimenFields]]:
    """A format and a document of it."""
    return st.sampled_from(list(MrtdFormat)).flatmap(
        lambda mrtd_format: st.tuples(st.just(mrtd_format), fields(mrtd_format))
    )


def altered(lines: tuple[str, ...], line: int, start: int, text: str) -> tuple[str, ...]:
    """The zone with ``text`` over it, as a faulty print would have it."""
    row = lines[line]
    changed = row[:start] + text + row[start + len(text) :]
    return (*lines[:line], changed, *lines[line + 1 :])
