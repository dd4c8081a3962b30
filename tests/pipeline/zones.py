"""Documents of every format, drawn at random for property tests: all of Utopia."""

from __future__ import annotations

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

_LEADING = {
    MrtdFormat.TD1: "IAC",
    MrtdFormat.TD2: "IAC",
    MrtdFormat.TD3: "P",
    MrtdFormat.MRVA: "V",
    MrtdFormat.MRVB: "V",
}


def dates() -> st.SearchStrategy[str]:
    """Days that exist in any year, as YYMMDD."""
    return st.builds(
        "{:02d}{:02d}{:02d}".format,
        st.integers(0, 99),
        st.integers(1, 12),
        st.integers(1, 28),
    )


def names(most: int) -> st.SearchStrategy[str]:
    """One to ``most`` words of letters, joined by spaces."""
    word = st.text(LETTERS, min_size=1, max_size=6)
    return st.lists(word, min_size=1, max_size=most).map(" ".join)


def numbers(most: int, least: int = 1) -> st.SearchStrategy[str]:
    """Letters and digits without a filler."""
    return st.text(DIGITS + LETTERS, min_size=least, max_size=most)


def fields(mrtd_format: MrtdFormat) -> st.SearchStrategy[SpecimenFields]:
    """A document whose names fit their line and whose number fits its nine places."""
    return st.builds(
        SpecimenFields,
        document_code=st.sampled_from(_LEADING[mrtd_format]),
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
