"""Which field a character of the zone belongs to, by the printed examples of Doc 9303."""

from __future__ import annotations

import pytest

from pipeline.mrz.formats import FRENCH_CARD, LAYOUTS, MRVA, TD1, TD2, TD3, MrzLayout
from pipeline.mrz.places import field_at

TD3_LINES = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD1_LINES = (
    "I<UTOD231458907<<<<<<<<<<<<<<<",
    "7408122F1204159UTO<<<<<<<<<<<6",
    "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
)
LONG_NUMBER = ("I<UTOD23145890<7349<<<<<<<<<<<", *TD1_LINES[1:])
FRENCH = (
    "IDFRADUBOIS<<<<<<<<<<<<<<<<<<<<<<<<<",
    "0412753003126CLAUDE<<<<<<<<6508252F4",
)


@pytest.mark.parametrize(
    ("layout", "lines", "places"),
    [
        (
            TD3,
            TD3_LINES,
            {
                (0, 0): "document_code",
                (0, 4): "issuing_state",
                (0, 12): "primary_identifier",
                (0, 13): "secondary_identifier",
                (0, 20): "secondary_identifier",
                (1, 0): "document_number",
                (1, 9): "document_number",
                (1, 12): "nationality",
                (1, 19): "date_of_birth",
                (1, 20): "sex",
                (1, 27): "date_of_expiry",
                (1, 28): "optional_data",
                (1, 42): "optional_data",
                (1, 43): None,
            },
        ),
        (
            TD1,
            TD1_LINES,
            {
                (0, 5): "document_number",
                (0, 14): "document_number",
                (0, 15): "optional_data",
                (1, 15): "nationality",
                (1, 18): "optional_data_2",
                (1, 29): None,
                (2, 0): "primary_identifier",
                (2, 11): "secondary_identifier",
            },
        ),
        # The number goes on in the optional data, up to its check digit.
        (
            TD1,
            LONG_NUMBER,
            {(0, 15): "document_number", (0, 18): "document_number", (0, 19): "optional_data"},
        ),
        (
            TD2,
            ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",) * 2,
            {(1, 35): None, (1, 34): "optional_data"},
        ),
        (MRVA, TD3_LINES, {(1, 43): "optional_data", (1, 13): "date_of_birth"}),
        # A national layout of the shape of TD2, with everything elsewhere.
        (
            FRENCH_CARD,
            FRENCH,
            {
                (0, 6): "primary_identifier",
                (0, 20): "primary_identifier",
                (1, 10): "document_number",
                (1, 14): "secondary_identifier",
                (1, 30): "date_of_birth",
                (1, 34): "sex",
            },
        ),
    ],
)
def test_a_place_is_that_of_its_field(
    layout: MrzLayout, lines: tuple[str, ...], places: dict[tuple[int, int], str | None]
) -> None:
    assert {place: field_at(layout, lines, *place) for place in places} == places


@pytest.mark.parametrize("layout", [*LAYOUTS.values(), FRENCH_CARD])
def test_every_place_but_the_composite_digit_has_a_field(layout: MrzLayout) -> None:
    lines = ("<" * layout.line_length,) * layout.line_count
    nobody = [
        (line, position)
        for line in range(layout.line_count)
        for position in range(layout.line_length)
        if field_at(layout, lines, line, position) is None
    ]
    digits = [check.digit for check in layout.check_digits if check.name == "composite"]
    assert nobody == [(digit.line, digit.start) for digit in digits]
    assert field_at(layout, lines, layout.line_count, 0) is None
