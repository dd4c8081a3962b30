"""What real zones print and specimens rarely show, drawn and read to the character."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.settings import MrzSettings
from models.training.mrz_lines import DEFAULT_FIELDS, compose_lines
from pipeline.mrz.check_digits import check_digit
from pipeline.mrz.locate import Band, TextRow, bands_of, find_rows
from pipeline.mrz.reader import MrzReader
from pipeline.types import CheckResult, MrtdFormat
from tests.pipeline.test_mrz_lookalikes import PITCH_PX, page
from tests.pipeline.zones import altered

TD1, TD2, TD3, MRVA, MRVB = (
    MrtdFormat.TD1,
    MrtdFormat.TD2,
    MrtdFormat.TD3,
    MrtdFormat.MRVA,
    MrtdFormat.MRVB,
)


def zone(mrtd_format: MrtdFormat, **said: str) -> tuple[str, ...]:
    """The format's example with some fields said otherwise."""
    return compose_lines(mrtd_format, replace(DEFAULT_FIELDS[mrtd_format], **said))


def french_card(surname: str, given: str, number: str, born: str, sex: str) -> tuple[str, ...]:
    upper = "IDFRA" + surname.ljust(25, "<") + "952042"
    lower = number + check_digit(number) + given.ljust(14, "<") + born + check_digit(born) + sex
    return upper, lower + check_digit(upper + lower)


LONG = "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL"
ZONES = {
    "passport, line full of letters": zone(TD3, primary_identifier=LONG),
    "passport, given names cut": zone(TD3, secondary_identifier="NILAVADHANANANDA DEJTHAMRONG K"),
    "passport, surname only": zone(TD3, primary_identifier="ARKFREITH", secondary_identifier=""),
    "passport, letters like fillers": zone(
        TD3, primary_identifier="KSKC", secondary_identifier="K C S X"
    ),
    "passport, day unknown": zone(TD3, date_of_birth="7408<<"),
    "passport, month unknown": zone(TD3, date_of_birth="74<<<<"),
    "passport, birth unknown": zone(TD3, date_of_birth="<<<<<<"),
    "passport, sex X": zone(TD3, sex="X"),
    "passport, stateless": zone(TD3, document_code="PT", nationality="XXA"),
    "passport, European Union": zone(TD3, document_code="PD", issuing_state="EUE"),
    "passport, United Nations": zone(
        TD3, document_code="PL", issuing_state="UNO", nationality="UNO"
    ),
    "passport, Germany": zone(TD3, issuing_state="D", nationality="D", sex="<"),
    "card, line full of letters": zone(
        TD1, primary_identifier="PAPANDROPOULOUS", secondary_identifier="JONATHON ALEC MARIO"
    ),
    "card, number of twelve characters": zone(TD1, document_number="592001234567"),
    "card, number as long as can be": zone(TD1, document_number="D2314589012345678901AB"),
    "card, expiry not stated": zone(TD1, date_of_expiry="<<<<<<", sex="<"),
    "card, Germany": zone(TD1, document_code="ID", issuing_state="D", nationality="D"),
    "larger card, Germany": zone(TD2, document_code="ID", issuing_state="D", nationality="D"),
    "larger card, number of eleven characters": zone(TD2, document_number="D2314589073"),
    "visa, full optional data": zone(MRVA, document_code="VC", optional_data="IFLND00AMS803085"),
    "smaller visa, full optional data": zone(MRVB, nationality="D", optional_data="12345678"),
    "French card": french_card("SPECIMEN", "NATHALIE<<ANNE", "880692310285", "730419", "F"),
    "French card, no second name": french_card(
        "DE<LA<MARTINIERE", "JEAN<PIERRE", "0775P0012312", "511231", "M"
    ),
}

WRONG = {
    "number": (altered(zone(TD3), 1, 9, "7"), {"document_number", "composite"}),
    "birth": (altered(zone(TD3), 1, 19, "3"), {"date_of_birth", "composite"}),
    "composite": (altered(zone(TD3), 1, 43, "5"), {"composite"}),
    "personal number, a filler for it": (
        altered(zone(TD3), 1, 42, "<"),
        {"optional_data", "composite"},
    ),
    "card, number and composite": (
        altered(altered(zone(TD1), 0, 14, "1"), 1, 29, "9"),
        {"document_number", "composite"},
    ),
    "larger card": (altered(zone(TD2), 1, 35, "9"), {"composite"}),
    "visa": (altered(zone(MRVA), 1, 9, "9"), {"document_number"}),
}
"""Zones with a check digit that is wrong on paper, and which ones fail."""


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings(deadline_ms=60_000))


@pytest.mark.parametrize("name", ZONES)
def test_the_zone_is_read_as_printed(name: str, reader: MrzReader) -> None:
    lines = ZONES[name]
    read = reader.read([page(lines)])
    assert read.lines == lines
    assert CheckResult.FAIL not in read.check_digits.values()


@pytest.mark.parametrize("name", WRONG)
def test_a_check_digit_that_is_wrong_on_paper_is_told(name: str, reader: MrzReader) -> None:
    lines, failing = WRONG[name]
    read = reader.read([page(lines)])
    assert read.lines == lines
    assert {check for check, told in read.check_digits.items() if told is CheckResult.FAIL} == (
        failing
    )


def test_a_row_full_of_letters_is_known_by_the_one_that_beats() -> None:
    lines = ZONES["passport, line full of letters"]
    luma = np.asarray(cv2.cvtColor(page(lines), cv2.COLOR_BGR2GRAY), np.uint8)
    rows = sorted(find_rows(luma), key=lambda row: row.centre_px[1])
    assert [row.pitch_px for row in rows] == pytest.approx([PITCH_PX] * 2, rel=0.01)
    assert rows[0].beat < 0.28 < rows[1].beat, "the upper one alone would be no row"
    assert bands_of(rows) == (Band((rows[0], rows[1])),)


def row(y_px: float, beat: float) -> TextRow:
    return TextRow((500.0, y_px), (1.0, 0.0), 880.0, 20.0, beat)


def test_other_print_as_long_as_the_zone_does_not_hide_it() -> None:
    """Above two lines that beat runs one that does not: two lines or three, both are tried."""
    other, upper, lower = row(650, 0.1), row(700, 0.4), row(750, 0.4)
    bands = bands_of((other, upper, lower))
    assert bands[0].rows == (upper, lower)
    assert (other, upper, lower) in [band.rows for band in bands]
    three = (replace(other, beat=0.4), upper, lower)
    assert [band.rows for band in bands_of(three)] == [three]
